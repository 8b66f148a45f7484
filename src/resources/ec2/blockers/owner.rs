//! The owner of a resource, as its tags name it.

use crate::aws::Cx;
use crate::engine::Tags;
use crate::engine::ownership::{STEP, SUFFIX, SYSTEM};

/// The keys, in lower case, of tags by which people and AWS services name an owner.
const OWNER_KEYS: [&str; 14] = [
    "name",
    "owner",
    "team",
    "project",
    "contact",
    "createdby",
    "created-by",
    "managed-by",
    "guarddutymanaged",
    "aws:cloudformation:stack-name",
    "aws:autoscaling:groupname",
    "aws:ecs:clustername",
    "aws:ecs:servicename",
    "eks:cluster-name",
];

/// True if the tags are those of this system and suffix, whatever the step.
pub(super) fn is_owned(cx: &Cx, tags: &Tags) -> bool {
    let owner = &cx.shared.owner;
    let has = |key: &str, value: &String| tags.get(key) == Some(value);
    has(SYSTEM, &owner.system) && has(SUFFIX, &owner.suffix)
}

/// The owner in words: the system and step, or the tags that name an owner.
pub(super) fn describe(cx: &Cx, tags: &Tags) -> Vec<String> {
    if is_owned(cx, tags) {
        let step = tags.get(STEP).map(|step| format!(", step {step}")).unwrap_or_default();
        return vec![format!("of this system{step}")];
    }
    let other = tags.get(SYSTEM).zip(tags.get(SUFFIX));
    let other = other.map(|(system, suffix)| format!("of the system {system} {suffix}"));
    let named = tags.iter().filter(|(key, _)| OWNER_KEYS.contains(&&*key.to_ascii_lowercase()));
    other.into_iter().chain(named.map(|(key, value)| format!("{key}={value}"))).collect()
}

/// The account, if it isn't the one of the credentials.
pub(super) fn describe_account(cx: &Cx, account: Option<&str>) -> Option<String> {
    account.filter(|account| *account != cx.account()).map(|account| format!("of the account {account}"))
}
