//! The parameters of a request in any protocol: names and values, and the step in its tags.

use serde_json::Value;

use super::call::{Asked, Protocol};

/// The tag with the step's id.
const STEP: &str = "provisioner:step";

/// Names and values of a request. The numbers of lists are in the names, as they are sent.
pub fn of(asked: &Asked, protocol: Protocol) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let path = asked.uri.path().split('/').filter(|part| !part.is_empty());
    pairs.extend(path.map(|part| ("path".to_owned(), decode(part, false))));
    pairs.extend(form(asked.uri.query().unwrap_or_default().as_bytes()));
    match protocol {
        Protocol::Ec2 | Protocol::Query => {
            pairs.extend(form(&asked.body).into_iter().filter(|(name, _)| name != "Action" && name != "Version"));
        }
        Protocol::Json10 | Protocol::Json11 | Protocol::RestJson => match serde_json::from_slice(&asked.body) {
            Ok(body) => flatten("", &body, &mut pairs),
            Err(_) => pairs.push(("body".to_owned(), printable(&asked.body))),
        },
        Protocol::RestXml | Protocol::S3 => pairs.push(("body".to_owned(), without_tags(&printable(&asked.body)))),
        Protocol::Cbor => pairs.push(("body".to_owned(), printable(&asked.body))),
    }
    pairs
}

/// The pairs of `a=b&c=d`.
pub fn form(text: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(text);
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// Undoes `%2F`, and in forms `+`.
fn decode(text: &str, is_form: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let escaped = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            (b'+', _) if is_form => bytes.push(b' '),
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn flatten(name: &str, value: &Value, into: &mut Vec<(String, String)>) {
    let inside = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| flatten(&inside(field), value, into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| flatten(&inside(&index.to_string()), item, into));
        }
        Value::String(text) => into.push((name.to_owned(), text.clone())),
        other => into.push((name.to_owned(), other.to_string())),
    }
}

/// The text between XML tags.
fn without_tags(text: &str) -> String {
    let parts = text.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text).trim());
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Text with blanks in the place of what can't be printed.
pub fn printable(bytes: &[u8]) -> String {
    let blank = |c: char| if c.is_control() || c == char::REPLACEMENT_CHARACTER { ' ' } else { c };
    String::from_utf8_lossy(bytes).chars().map(blank).collect()
}

/// The step that the request's tags name.
pub fn step(pairs: &[(String, String)], asked: &Asked, protocol: Protocol) -> Option<String> {
    match protocol {
        Protocol::RestXml | Protocol::S3 => {
            let text = String::from_utf8_lossy(&asked.body);
            let after = text.split_once(STEP)?.1.split_once("<Value>")?.1;
            Some(after.split('<').next()?.to_owned())
        }
        Protocol::Cbor => {
            let at = |wanted: &[u8], from: usize| {
                let found = asked.body[from..].windows(wanted.len()).position(|window| window == wanted);
                found.map(|position| from + position + wanted.len())
            };
            cbor_text(&asked.body[at(b"Value", at(STEP.as_bytes(), 0)?)?..])
        }
        // {"provisioner:step": "..."}, or a pair of Key and Value, TagKey and TagValue, key and value.
        _ => pairs.iter().find_map(|(name, value)| {
            if name.ends_with(STEP) {
                return Some(value.clone());
            }
            let tag = name.strip_suffix("ey").filter(|_| value == STEP)?;
            let tag = tag.strip_suffix(['K', 'k'])?;
            let of_tag = |name: &str| matches!(name.strip_prefix(tag), Some("Value" | "value"));
            pairs.iter().find(|(name, _)| of_tag(name)).map(|(_, value)| value.clone())
        }),
    }
}

/// The text that starts here: its length in the first byte, or in the second.
fn cbor_text(bytes: &[u8]) -> Option<String> {
    let (length, text) = match bytes {
        [0x78, length, text @ ..] => (usize::from(*length), text),
        [head @ 0x60..0x78, text @ ..] => (usize::from(head - 0x60), text),
        _ => return None,
    };
    Some(String::from_utf8_lossy(text.get(..length)?).into_owned())
}
