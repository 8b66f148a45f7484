//! Compares two specs field by field.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reference;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The path to the field, for example `ingress[0].cidr` or `tags.CostCenter`.
    pub path: String,
    /// The actual value; `None` if absent.
    pub old: Option<Value>,
    /// The desired value; `None` if the field is to be removed. May contain references that are only known after apply.
    pub new: Option<Value>,
    /// AWS can't change this field in place: the change replaces the resource.
    pub forces_replacement: bool,
}

impl FieldChange {
    /// The top-level field of the path: `ingress` of `ingress[0].cidr`.
    pub fn field(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or_default()
    }
}

/// The fields in which `new` differs from `old`. Absent, `null` and empty collections are the same.
pub fn diff(old: &Value, new: &Value, forces_replacement: &dyn Fn(&str) -> bool) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    match (old, new) {
        // An object without values still has named fields: report each of them.
        (Value::Object(_), Value::Object(_)) => walk(String::new(), Some(old), Some(new), &mut changes),
        _ => walk(String::new(), present(Some(old)), present(Some(new)), &mut changes),
    }
    for change in &mut changes {
        change.forces_replacement = forces_replacement(change.field());
    }
    changes
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => fields.values().any(|field| present(Some(field)).is_some()),
        _ => true,
    })
}

fn walk(path: String, old: Option<&Value>, new: Option<&Value>, changes: &mut Vec<FieldChange>) {
    match (old, new) {
        (None, None) => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let at = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(at, present(old.get(key)), present(new.get(key)), changes);
            }
        }
        // Lists of scalars are shown whole, lists of objects by the entry that differs.
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.iter().chain(new).all(Value::is_object) => {
            for index in 0..old.len().max(new.len()) {
                walk(format!("{path}[{index}]"), present(old.get(index)), present(new.get(index)), changes);
            }
        }
        (Some(old), Some(new)) if same(old, new) => {}
        (old, new) => {
            changes.push(FieldChange { path, old: old.cloned(), new: new.cloned(), forces_replacement: false })
        }
    }
}

/// Equality, of numbers by value: AWS returns `1.0` for `1`.
fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Number(old), Value::Number(new)) => old.as_f64() == new.as_f64(),
        (old, new) => old == new,
    }
}

/// A value for people: strings without quotes, documents compact, unknown references as "(known after apply)".
pub fn show(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::String(text)) => reference::display(text),
        Some(other) => reference::display(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn paths(old: Value, new: Value) -> Vec<String> {
        diff(&old, &new, &|_| false).into_iter().map(|change| change.path).collect()
    }

    #[test]
    fn paths_name_exactly_the_differing_fields() {
        let old = json!({"a": {"b": 1, "c": [1, 2]}, "rules": [{"p": 1}, {"p": 2}], "gone": "x"});
        let new = json!({"a": {"b": 1, "c": [1, 3]}, "rules": [{"p": 1}, {"p": 3}], "more": true});
        assert_eq!(paths(old, new), ["a.c", "rules[1].p", "gone", "more"]);
    }

    #[test]
    fn absent_null_and_empty_are_equal() {
        assert!(paths(json!({"a": null, "b": [], "c": {"d": null}}), json!({})).is_empty());
        assert!(paths(json!({"n": 1.0}), json!({"n": 1})).is_empty());
        assert_eq!(paths(json!({"a": false, "b": 1}), json!({"b": 1})), ["a"]);
        assert_eq!(paths(json!({"a": null}), json!({"a": 1})), ["a"]);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-d]", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_equals_itself(value in any_json()) {
            prop_assert!(diff(&value, &value, &|_| true).is_empty());
        }

        #[test]
        fn diff_is_symmetric(a in any_json(), b in any_json()) {
            let mut forward: Vec<_> = diff(&a, &b, &|_| false).into_iter().map(|c| (c.path, c.old, c.new)).collect();
            let mut back: Vec<_> = diff(&b, &a, &|_| false).into_iter().map(|c| (c.path, c.new, c.old)).collect();
            forward.sort_by(|x, y| x.0.cmp(&y.0));
            back.sort_by(|x, y| x.0.cmp(&y.0));
            prop_assert_eq!(forward, back);
        }
    }
}
