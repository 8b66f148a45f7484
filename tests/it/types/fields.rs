//! The fields of a spec, those within its fields too, and which of them its stages change.

use std::collections::BTreeSet;

use provisioner::resources::{Resource, ec2, events, waf};
use serde_json::{Value, json};

/// A field of a struct or a variant somewhere in a spec.
struct Field {
    /// `rules[].schedule`, without the index; `*` is a user-defined name.
    path: String,
    /// Where the struct is, as a JSON pointer.
    within: String,
    name: String,
}

/// The errors: fields that never change from one stage to the next, and `unchanged` ones that do. A field that exists in only
/// one of the two stages isn't compared.
pub fn without_change<R: Resource>(stages: &[Value], unchanged: &BTreeSet<&str>) -> Vec<String> {
    let (mut all, mut changed) = (BTreeSet::new(), BTreeSet::new());
    for (number, stage) in stages.iter().enumerate() {
        let mut fields = Vec::new();
        fields_of::<R>(stage, "", "", &mut fields);
        for Field { path, within, name } in fields {
            let value = |stage: &Value| Some(stage.pointer(&within)?.as_object()?.get(&name).cloned());
            let neighbours = [number.checked_sub(1), Some(number + 1)].into_iter().flatten();
            let mut neighbours = neighbours.filter_map(|number| value(stages.get(number)?));
            if neighbours.any(|other| Some(other) != value(stage)) {
                changed.insert(path.clone());
            }
            all.insert(path);
        }
    }
    let excused = |path: &str| unchanged.iter().any(|field| is_within(path, field));
    let never = all.iter().filter(|path| !changed.contains(*path) && !excused(path));
    let never = never.map(|path| format!("no sample changes the field `{path}`"));
    let once = changed.iter().filter(|path| excused(path));
    let once = once.map(|path| format!("a sample changes the field `{path}`, said to have one value only"));
    let unknown = unchanged.iter().filter(|field| !all.contains(**field));
    never.chain(once).chain(unknown.map(|field| format!("there is no field `{field}`"))).collect()
}

/// True if a path is the field or below it.
pub fn is_within(path: &str, field: &str) -> bool {
    path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The fields of the structs at this place of a spec and below it.
fn fields_of<R: Resource>(spec: &Value, at: &str, path: &str, found: &mut Vec<Field>) {
    match spec.pointer(at) {
        Some(Value::Object(entries)) if takes_other_names::<R>(spec, at) => {
            for (name, entry) in entries {
                let below = below(at, name);
                if entry.is_object() && !takes_other_names::<R>(spec, &below) {
                    fields_of::<R>(spec, &below, &format!("{path}.*"), found);
                }
            }
        }
        Some(Value::Object(fields)) => {
            for name in fields.keys() {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                fields_of::<R>(spec, &below(at, name), &path, found);
                found.push(Field { path, within: at.to_owned(), name: name.clone() });
            }
        }
        Some(Value::Array(entries)) => {
            for number in 0..entries.len() {
                fields_of::<R>(spec, &below(at, &number.to_string()), &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

/// True for values that aren't a struct or a variant: a map with user-defined names, or free JSON. It is read with one more name.
fn takes_other_names<R: Resource>(spec: &Value, at: &str) -> bool {
    let mut spec = spec.clone();
    let entries = spec.pointer_mut(at).and_then(Value::as_object_mut).expect("an object is there");
    let Some((name, entry)) = entries.iter().next().map(|(name, entry)| (format!("{name}0"), entry.clone())) else {
        return false;
    };
    entries.insert(name.clone(), entry);
    let read = serde_json::from_value::<R>(spec).ok().map(|read| serde_json::to_value(read).expect("plain data"));
    read.is_some_and(|read| read.pointer(&below(at, &name)).is_some())
}

fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[test]
fn nested_fields_are_found_but_not_user_keys() {
    let retry = |attempts| json!({"maximum_attempts": attempts, "maximum_age_seconds": 60});
    let target = |retry, input| json!({"rule": "r", "id": "i", "arn": "a", "role": null, "input": input, "dead_letters": null, "retry": retry});
    let stages = [target(retry(3), json!({"task": "one"})), target(retry(4), json!({"task": "other"}))];
    let fixed = ["arn", "dead_letters", "id", "role", "rule"].into();
    let left = without_change::<events::Target>(&stages, &fixed);
    assert_eq!(left, ["no sample changes the field `retry.maximum_age_seconds`"]);
    let more = fixed.union(&["none", "retry"].into()).copied().collect();
    let wrong = without_change::<events::Target>(&stages, &more);
    let said = "said to have one value only";
    assert_eq!(
        wrong,
        [
            format!("a sample changes the field `retry`, {said}"),
            format!("a sample changes the field `retry.maximum_attempts`, {said}"),
            "there is no field `none`".to_owned(),
        ]
    );

    let acl = |entry| json!({"vpc_id": "v", "ingress": {"100": entry}, "egress": {}, "subnet_ids": ["s"]});
    let entry =
        |cidr, port| json!({"allow": true, "protocol": "tcp", "cidr": cidr, "ports": {"from": port, "to": 443}});
    let stages = [acl(entry("10.0.0.0/8", 1)), acl(entry("10.1.0.0/16", 2))];
    let left = without_change::<ec2::NetworkAcl>(&stages, &["egress", "subnet_ids", "vpc_id"].into());
    assert_eq!(
        left,
        ["allow", "ports.to", "protocol"].map(|field| format!("no sample changes the field `ingress.*.{field}`"))
    );

    let acl =
        |limit| json!({"name": "w", "rules": [{"rate": {"limit": limit, "window_seconds": 60}}], "rule_metrics": true});
    let left = without_change::<waf::WebAcl>(&[acl(1000), acl(2000)], &["name", "rule_metrics"].into());
    assert_eq!(left, ["no sample changes the field `rules[].rate.window_seconds`"]);
}
