//! References: values that another step gives once it stands.
//!
//! A reference is a token inside an ordinary string, `⟦blue/network/vpc#vpc_id⟧`. So it can be put into an ARN, a policy
//! document or a dashboard by plain formatting, and the step that holds it depends on the step it names, with nobody
//! writing a dependency down. The types around the strings (`VpcId`, `RoleArn` ...) keep one id from being taken for
//! another. [`symbolic`] makes the outputs of a step out of such tokens; [`resolve`] puts values in their place.

use std::collections::BTreeSet;

use serde::de::value::Error as DeError;
use serde::de::{self, DeserializeOwned, IntoDeserializer, MapAccess, Visitor};
use serde_json::Value;

use super::step::StepId;

const OPEN: char = '⟦';
const CLOSE: char = '⟧';

/// What people see in place of a value that only exists after apply.
pub const UNKNOWN: &str = "(known after apply)";

/// One reference: an output field of a step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The step that gives the value.
    pub step: StepId,
    /// The field of its outputs.
    pub field: String,
}

/// The token that stands for `field` of `step`'s outputs.
pub fn token(step: &StepId, field: &str) -> String {
    format!("{OPEN}{step}#{field}{CLOSE}")
}

/// The outputs of a step that doesn't stand yet: every field is the token that refers to it.
///
/// # Panics
/// If a field of `T` is something else than a string or a newtype around one: outputs are ids, ARNs and endpoints.
pub fn symbolic<T: DeserializeOwned>(step: &StepId) -> T {
    T::deserialize(Symbolic { step, field: "" }).unwrap_or_else(|e| panic!("outputs of {step}: {e}"))
}

/// The value with every reference to one step leading to another.
pub fn renamed(value: &Value, from: &StepId, to: &StepId) -> Value {
    let lookup = |reference: &Reference| (reference.step == *from).then(|| token(to, &reference.field));
    resolve(value, &lookup)
}

/// [`renamed`] for one string.
pub fn renamed_in_text(text: &str, from: &StepId, to: &StepId) -> String {
    resolve_text(text, &|reference| (reference.step == *from).then(|| token(to, &reference.field)))
}

/// All references in a value, wherever they stand in it.
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

/// True if a token stands anywhere in the value.
pub fn is_unknown(value: &Value) -> bool {
    let mut unknown = false;
    visit_strings(value, &mut |text| unknown |= text.contains(OPEN));
    unknown
}

/// `value` with each reference replaced by what `lookup` gives for it. References that it knows nothing of stay.
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

/// `text` for people: tokens read "(known after apply)".
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

/// A piece of a text.
pub(crate) enum Piece<'a> {
    /// Plain text.
    Text(&'a str),
    /// A reference.
    Token(Reference),
}

/// Tells the pieces of a text, in their order.
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

/// A deserializer that answers every field of a struct with the token that refers to it.
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
    fn symbolic_outputs_refer_to_their_own_fields() {
        let outputs: Outputs = symbolic(&"blue/network/vpc".into());
        assert_eq!(outputs.vpc_id.0, "⟦blue/network/vpc#vpc_id⟧");
        assert_eq!(outputs.arn.as_deref(), Some("⟦blue/network/vpc#arn⟧"));
    }

    #[test]
    fn a_reference_inside_a_document_is_found_and_resolved() {
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
    fn people_never_see_a_token() {
        assert_eq!(display(&format!("arn/{}", token(&"a".into(), "id"))), "arn/(known after apply)");
    }
}
