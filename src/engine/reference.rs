//! References: placeholders for the outputs of other steps.
//!
//! A reference is a token inside an ordinary string, `⟦blue/network/vpc#vpc_id⟧`. It can be formatted into an ARN, a policy
//! document or a dashboard. The step whose spec contains it depends on the step that it names: nobody declares dependencies.
//! Newtypes (`VpcId`, `RoleArn` ...) keep different ids apart. [`symbolic`] creates outputs that consist of tokens;
//! [`resolve`] replaces tokens with values.

use std::collections::BTreeSet;

use serde::de::value::Error as DeError;
use serde::de::{self, DeserializeOwned, IntoDeserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::state::StepId;

const OPEN: char = '⟦';
const CLOSE: char = '⟧';

/// What people see in place of a value that is only known after apply.
pub const UNKNOWN: &str = "(known after apply)";

/// One reference: an output field of a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The step that has the output.
    pub step: StepId,
    /// The output field.
    pub field: String,
}

/// The token for the output `field` of `step`.
pub fn token(step: &StepId, field: &str) -> String {
    format!("{OPEN}{step}#{field}{CLOSE}")
}

/// The outputs of a step that isn't created yet: every field is the token of that field.
///
/// # Panics
/// If a field of `T` isn't a string or a newtype of one: outputs are ids, ARNs and endpoints.
pub fn symbolic<T: DeserializeOwned>(step: &StepId) -> T {
    T::deserialize(Symbolic { step, field: "" }).unwrap_or_else(|e| panic!("outputs of {step}: {e}"))
}

/// The value with every reference to `from` changed to refer to `to`.
pub fn redirect(value: &Value, from: &StepId, to: &StepId) -> Value {
    let lookup = |reference: &Reference| (reference.step == *from).then(|| token(to, &reference.field));
    resolve(value, &lookup)
}

/// [`redirect`] for one string.
pub fn redirect_text(text: &str, from: &StepId, to: &StepId) -> String {
    resolve_text(text, &|reference| (reference.step == *from).then(|| token(to, &reference.field)))
}

/// All references in a value, in keys too.
pub fn find(value: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    visit_strings(value, &mut |text| {
        split(text, |piece| {
            if let Piece::Token(reference) = piece {
                found.insert(reference);
            }
        });
    });
    found
}

/// True if the value contains a reference.
pub fn is_unknown(value: &Value) -> bool {
    let mut unknown = false;
    visit_strings(value, &mut |text| unknown |= text.contains(OPEN));
    unknown
}

/// The value with each reference replaced by what `lookup` returns for it. Others stay.
pub fn resolve(value: &Value, lookup: &dyn Fn(&Reference) -> Option<String>) -> Value {
    match value {
        Value::String(text) if text.contains(OPEN) => Value::String(resolve_text(text, lookup)),
        Value::Array(items) => items.iter().map(|item| resolve(item, lookup)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, item)| {
                let key = if key.contains(OPEN) { resolve_text(key, lookup) } else { key.clone() };
                (key, resolve(item, lookup))
            });
            Value::Object(fields.collect())
        }
        other => other.clone(),
    }
}

/// The text for people: with "(known after apply)" for each token.
pub fn display(text: &str) -> String {
    let mut out = String::new();
    split(text, |piece| match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Token(_) => out.push_str(UNKNOWN),
    });
    out
}

/// [`resolve`] for one string.
pub fn resolve_text(text: &str, lookup: &dyn Fn(&Reference) -> Option<String>) -> String {
    let mut out = String::new();
    split(text, |piece| match piece {
        Piece::Text(text) => out.push_str(text),
        Piece::Token(reference) => {
            let value = lookup(&reference);
            out.push_str(&value.unwrap_or_else(|| token(&reference.step, &reference.field)));
        }
    });
    out
}

/// A part of a text.
pub(crate) enum Piece<'a> {
    /// Plain text.
    Text(&'a str),
    /// A reference.
    Token(Reference),
}

/// Calls `each` for the parts of a text, in order.
pub(crate) fn split<'a>(mut text: &'a str, mut each: impl FnMut(Piece<'a>)) {
    while let Some((before, rest)) = text.split_once(OPEN) {
        let Some((inside, after)) = rest.split_once(CLOSE) else { break };
        let Some((step, field)) = inside.split_once('#') else { break };
        each(Piece::Text(before));
        each(Piece::Token(Reference { step: step.into(), field: field.to_owned() }));
        text = after;
    }
    each(Piece::Text(text));
}

fn visit_strings(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| visit_strings(item, visit)),
        Value::Object(fields) => fields.iter().for_each(|(key, item)| {
            visit(key);
            visit_strings(item, visit);
        }),
        _ => {}
    }
}

/// A deserializer in which every field of a struct is its token.
#[derive(Clone, Copy)]
struct Symbolic<'a> {
    step: &'a StepId,
    field: &'static str,
}

impl<'de> de::Deserializer<'de> for Symbolic<'_> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_string(token(self.step, self.field))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        visitor.visit_map(SymbolicFields { step: self.step, fields, current: "" })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_some(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit seq tuple
        tuple_struct map enum identifier ignored_any
    }
}

struct SymbolicFields<'a> {
    step: &'a StepId,
    fields: &'static [&'static str],
    current: &'static str,
}

impl<'de> MapAccess<'de> for SymbolicFields<'_> {
    type Error = DeError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DeError> {
        let Some((first, rest)) = self.fields.split_first() else { return Ok(None) };
        (self.current, self.fields) = (first, rest);
        seed.deserialize((*first).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        seed.deserialize(Symbolic { step: self.step, field: self.current })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Deserialize)]
    struct VpcId(String);

    #[derive(Deserialize)]
    struct Outputs {
        vpc_id: VpcId,
        arn: Option<String>,
    }

    #[test]
    fn symbolic_outputs_are_tokens_of_their_fields() {
        let outputs: Outputs = symbolic(&"blue/network/vpc".into());
        assert_eq!(outputs.vpc_id.0, "⟦blue/network/vpc#vpc_id⟧");
        assert_eq!(outputs.arn.as_deref(), Some("⟦blue/network/vpc#arn⟧"));
    }

    #[test]
    fn references_in_documents_are_found_and_resolved() {
        let arn = token(&"a/queue".into(), "arn");
        let spec = json!({"policy": {"Resource": [format!("{arn}/*")]}, "n": 3});
        let found: Vec<_> = find(&spec).into_iter().collect();
        assert_eq!(found, [Reference { step: "a/queue".into(), field: "arn".into() }]);
        let resolved = resolve(&spec, &|_| Some("arn:aws:sqs:q".into()));
        assert_eq!(resolved, json!({"policy": {"Resource": ["arn:aws:sqs:q/*"]}, "n": 3}));
        assert!(is_unknown(&spec) && !is_unknown(&resolved));
        assert_eq!(resolve(&spec, &|_| None), spec);
    }

    #[test]
    fn display_hides_tokens() {
        assert_eq!(display(&format!("arn/{}", token(&"a".into(), "id"))), "arn/(known after apply)");
    }
}
