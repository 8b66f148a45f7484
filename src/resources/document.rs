//! JSON documents in specs: policies, dashboards.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::aws::{Error, Result};

/// A JSON document in a canonical form, so that AWS's reformatting is no difference: keys sorted, a list of one value written
/// as the value, lists of strings sorted. The order of such lists means nothing in a policy.
///
/// [`Document::default`] is no document: nothing is sent to AWS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(Value);

impl Document {
    /// A document in which the order of lists of strings means nothing, such as a policy.
    pub fn new(value: Value) -> Self {
        Document(canonical(value))
    }

    /// Parses JSON text from AWS. Empty text is no document.
    pub fn parse(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Document(Value::Null));
        }
        let value = serde_json::from_str(text).map_err(|e| Error::local(format!("not a JSON document: {e}")))?;
        Ok(Document::new(value))
    }

    /// Parses percent-encoded JSON text from IAM.
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

    /// The JSON text for AWS; `None` if there is no document.
    pub fn text(&self) -> Option<String> {
        (!self.is_null()).then(|| self.to_text())
    }

    /// The JSON text for AWS, of a document that exists.
    pub fn to_text(&self) -> String {
        self.0.to_string()
    }

    /// The actual document of a resource for which this one is desired: no document if none is desired and `actual` is the
    /// default that AWS attaches then.
    pub(crate) fn unless_default(&self, actual: Document, is_default: impl FnOnce(&Document) -> bool) -> Document {
        if self.is_null() && is_default(&actual) { Document::default() } else { actual }
    }

    /// The document.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// True if there is no document.
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

fn canonical(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            if items.len() == 1 && !items[0].is_object() && !items[0].is_array() {
                return canonical(items.remove(0));
            }
            let plain = items.iter().all(Value::is_string);
            let mut items: Vec<Value> = items.into_iter().map(canonical).collect();
            if plain {
                items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            Value::Array(items)
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(key, item)| (key, canonical(item))).collect();
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
    fn reformatted_documents_are_equal() {
        let desired = Document::new(json!({"Action": ["b", "a"], "Resource": ["x"], "Effect": "Allow"}));
        let actual = Document::parse(r#"{"Effect":"Allow","Resource":"x","Action":["a","b"]}"#).unwrap();
        assert_eq!(desired, actual);
    }

    #[test]
    fn percent_encoded_text_is_decoded() {
        assert_eq!(Document::parse_encoded("%7B%22a%22%3A%22%C3%A9%25%22%7D").unwrap().value(), &json!({"a": "é%"}));
    }
    #[test]
    fn no_document_has_no_text() {
        assert_eq!(Document::default().text(), None);
        assert_eq!(Document::new(json!({"Id": "a"})).text().as_deref(), Some(r#"{"Id":"a"}"#));
    }

    #[test]
    fn default_document_is_none_only_if_none_is_desired() {
        let policy = |id: &str| Document::new(json!({"Id": id}));
        let is_default = |document: &Document| document.value()["Id"] == "default";
        assert!(Document::default().unless_default(policy("default"), is_default).is_null());
        assert_eq!(Document::default().unless_default(policy("other"), is_default), policy("other"));
        assert_eq!(policy("default").unless_default(policy("default"), is_default), policy("default"));
    }
}
