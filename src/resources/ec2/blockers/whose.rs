//! Whose something is, as its tags tell.

use crate::aws::Cx;
use crate::engine::Tags;
use crate::engine::ownership::{STEP, SUFFIX, SYSTEM};

/// The tags by which people and AWS itself say whose something is, in lower case.
const MARKS: [&str; 14] = [
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

/// True if the tags are of this system, of whatever step.
pub(super) fn is_of_system(cx: &Cx, tags: &Tags) -> bool {
    let owner = &cx.shared.owner;
    let has = |key: &str, value: &String| tags.get(key) == Some(value);
    has(SYSTEM, &owner.system) && has(SUFFIX, &owner.suffix)
}

/// Whose it is, for people.
pub(super) fn marks(cx: &Cx, tags: &Tags) -> Vec<String> {
    if is_of_system(cx, tags) {
        let step = tags.get(STEP).map(|step| format!(", step {step}")).unwrap_or_default();
        return vec![format!("of this system{step}")];
    }
    let of_another = tags.get(SYSTEM).zip(tags.get(SUFFIX));
    let of_another = of_another.map(|(system, suffix)| format!("of the system {system} {suffix}"));
    let told = tags.iter().filter(|(key, _)| MARKS.contains(&&*key.to_ascii_lowercase()));
    of_another.into_iter().chain(told.map(|(key, value)| format!("{key}={value}"))).collect()
}

/// Says so of what isn't of the account that we are in.
pub(super) fn of_account(cx: &Cx, account: Option<&str>) -> Option<String> {
    account.filter(|account| *account != cx.account()).map(|account| format!("of the account {account}"))
}
