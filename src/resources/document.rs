//! JSON documents in specs: policies, dashboards.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::aws::{Error, Result};

/// A JSON document in one normal form, whatever AWS made of it: keys sorted, lists of one written as the one, and lists
/// of plain values in a policy sorted, as their order means nothing there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(Value);

impl Document {
    /// A policy document or another one in which the order of plain lists means nothing.
    pub fn new(value: Value) -> Self {
        Document(normal(value))
    }

    /// Reads what AWS gives: JSON text. Empty text is no document.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Document(Value::Null));
        }
        let value = serde_json::from_str(text).map_err(|e| Error::local(format!("not a JSON document: {e}")))?;
        Ok(Document::new(value))
    }

    /// Reads what IAM gives: percent-encoded JSON text.
    pub fn parse_encoded(text: &str) -> Result<Self> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let encoded = (byte == b'%').then(|| after.get(..2)).flatten();
            let decoded = encoded.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
            bytes.push(decoded.unwrap_or(byte));
            rest = if decoded.is_some() { &after[2..] } else { after };
        }
        Document::parse(&String::from_utf8_lossy(&bytes))
    }

    /// The text for AWS.
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// The document.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// True if there is none.
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Document::new)
    }
}

fn normal(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            if items.len() == 1 && !items[0].is_object() && !items[0].is_array() {
                return normal(items.remove(0));
            }
            let plain = items.iter().all(Value::is_string);
            let mut items: Vec<Value> = items.into_iter().map(normal).collect();
            if plain {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            Value::Array(items)
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(key, item)| (key, normal(item))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_aws_reformats_is_the_same_document() {
        let ours = Document::new(json!({"Action": ["b", "a"], "Resource": ["x"], "Effect": "Allow"}));
        let theirs = Document::parse(r#"{"Effect":"Allow","Resource":"x","Action":["a","b"]}"#).unwrap();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn iam_gives_percent_encoded_text() {
        assert_eq!(Document::parse_encoded("%7B%22a%22%3A%22%C3%A9%25%22%7D").unwrap().value(), &json!({"a": "é%"}));
    }
}
