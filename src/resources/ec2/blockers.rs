//! Deletes resources that other resources may still use: finds those blockers, reports them and waits. Blockers that AWS
//! deletes automatically are waited for; blockers that only people can delete end the wait with an error that names them and
//! says what to do.

mod interface;
mod origin;
mod owner;
mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use search::BlockerSearch;

/// A resource that other resources can block from being deleted or detached.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blocked<'a> {
    /// A security group: by interfaces that have it, and rules of other groups that refer to it.
    SecurityGroup(&'a str),
    /// A subnet: by the interfaces in it.
    Subnet(&'a str),
    /// A VPC: by all resources in it.
    Vpc(&'a str),
    /// An attached internet gateway: by the public addresses in its VPC.
    InternetGateway {
        /// The gateway.
        id: &'a str,
        /// The VPC.
        vpc: &'a str,
    },
    /// An elastic IP, by its allocation: by the interface that has it.
    Address(&'a str),
    /// A route table: by the subnets that use it.
    RouteTable(&'a str),
    /// A network ACL: by the subnets that use it.
    NetworkAcl(&'a str),
    /// A transit gateway: by its attachments.
    TransitGateway(&'a str),
    /// A route table of a transit gateway: by the attachments that use it.
    TransitGatewayRouteTable(&'a str),
}

impl Blocked<'_> {
    fn id(&self) -> &str {
        match self {
            Blocked::SecurityGroup(id) | Blocked::Subnet(id) | Blocked::Vpc(id) => id,
            Blocked::InternetGateway { id, .. } | Blocked::Address(id) | Blocked::RouteTable(id) => id,
            Blocked::NetworkAcl(id) | Blocked::TransitGateway(id) | Blocked::TransitGatewayRouteTable(id) => id,
        }
    }

    /// How long to retry if no blocker is found that explains AWS's refusal.
    fn patience(&self) -> Patience {
        match self {
            Blocked::SecurityGroup(_) | Blocked::Subnet(_) => Patience::LONG,
            _ => Patience::SHORT,
        }
    }

    /// What the step waits for if no blocker is found.
    fn describe_wait(&self) -> String {
        match self {
            Blocked::SecurityGroup(id) | Blocked::Subnet(id) => {
                format!(
                    "the network interfaces in {id} to be deleted (Lambda usually takes 10 to 20 minutes for its own)"
                )
            }
            Blocked::Vpc(_) => "the resources in the VPC to be deleted".to_owned(),
            Blocked::InternetGateway { .. } => "the public addresses of the VPC to be released".to_owned(),
            Blocked::Address(_) => "the address to be disassociated".to_owned(),
            Blocked::RouteTable(_) => "the subnets to stop using the route table".to_owned(),
            Blocked::NetworkAcl(_) => "the subnets to stop using the network ACL".to_owned(),
            Blocked::TransitGateway(_) => "the attachments of the transit gateway to be deleted".to_owned(),
            Blocked::TransitGatewayRouteTable(_) => "the attachments to stop using the route table".to_owned(),
        }
    }
}

/// A resource that blocks a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blocker {
    id: String,
    /// What it is and who owns it.
    description: String,
    removal: Removal,
}

/// Who deletes a blocker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Removal {
    /// People: these are the instructions.
    Manual(String),
    /// This system owns it: another step may be about to delete it.
    Owned,
    /// AWS, in the background. Says how long that usually takes, if that is known.
    Automatic(Option<&'static str>),
}

/// The IAM actions of a type, with those that find the creator of a network interface.
macro_rules! actions {
    ($($own:literal),+ $(,)?) => {
        &[
            $($own,)+
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeNatGateways",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeTransitGatewayAttachments",
            "ec2:DescribeTags",
            "lambda:GetFunction",
            "lambda:ListTags",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
            "rds:DescribeDBInstances",
        ]
    };
}
pub(super) use actions;

/// How long to wait for blockers that only people can delete: they may be doing so, and lists of AWS lag a little.
const MANUAL: Duration = Duration::from_secs(60);
/// The same in a sandbox, where lists don't lag.
const MANUAL_IN_SANDBOX: Duration = Duration::from_secs(3);
/// How long to wait for blockers that other steps may be about to delete.
const OWNED: Patience = Patience { limit: Duration::from_secs(600), ..Patience::LONG };
/// The first pause. Each one is twice as long as the one before, up to that of [`Patience::LONG`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Calls `delete` until AWS accepts it. Searches for blockers only after AWS refused.
pub(super) async fn delete_unblocked<F>(cx: &Cx, blocked: Blocked<'_>, mut delete: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let start = Instant::now();
    let mut search = BlockerSearch::default();
    let mut standstill = Standstill::new();
    let mut reported = String::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let refusal = match ignore_not_found(delete().await) {
            Err(error) if error.class == Class::Retryable => error,
            outcome => return outcome.map(drop),
        };
        let blockers = search.find(cx, blocked).await;
        standstill.update(&blockers);
        let limit = match most_persistent(&blockers) {
            Some(Removal::Manual(_)) if cx.is_sandbox() => MANUAL_IN_SANDBOX,
            Some(Removal::Manual(_)) => MANUAL,
            Some(Removal::Owned) => cx.limit(OWNED),
            Some(Removal::Automatic(_)) => cx.limit(Patience::LONG),
            None => cx.limit(blocked.patience()),
        };
        if standstill.since.elapsed() >= limit || start.elapsed() >= cx.limit(Patience::LONG) {
            return Err(explain(refusal, blocked, &blockers));
        }
        let what = describe_wait(blocked, &blockers, search.read_error());
        if what != reported {
            cx.waiting(&what);
            reported = what;
        }
        sleep(cx.pause(pause)).await;
        pause = (pause * 2).min(Patience::LONG.poll);
    }
}

fn most_persistent(blockers: &[Blocker]) -> Option<&Removal> {
    blockers.iter().map(|blocker| &blocker.removal).min()
}

/// The time since the last change of the blockers that AWS doesn't delete automatically: while those change, somebody is
/// deleting them.
struct Standstill {
    most_persistent: Option<std::mem::Discriminant<Removal>>,
    persistent: BTreeSet<String>,
    since: Instant,
}

impl Standstill {
    fn new() -> Self {
        Standstill { most_persistent: None, persistent: BTreeSet::new(), since: Instant::now() }
    }

    fn update(&mut self, blockers: &[Blocker]) {
        let most_persistent = most_persistent(blockers).map(std::mem::discriminant);
        let persistent = blockers.iter().filter(|blocker| !matches!(blocker.removal, Removal::Automatic(_)));
        let persistent = persistent.map(|blocker| blocker.id.clone()).collect();
        if most_persistent != self.most_persistent || persistent != self.persistent {
            *self = Standstill { most_persistent, persistent, since: Instant::now() };
        }
    }
}

/// What the step waits for. `read_error` is why some blockers may be missing.
fn describe_wait(blocked: Blocked<'_>, blockers: &[Blocker], read_error: Option<&Error>) -> String {
    let mut what = match blockers {
        [] => blocked.describe_wait(),
        _ => format!("{} to release {}", list(blockers.iter(), 3), blocked.id()),
    };
    let is_manual = |blocker: &Blocker| matches!(blocker.removal, Removal::Manual(_));
    let hint = |blocker: &Blocker| if let Removal::Automatic(hint) = blocker.removal { hint } else { None };
    if blockers.iter().any(is_manual) {
        what.push_str("; AWS doesn't delete that automatically, so this fails soon");
    } else if let Some(hint) = blockers.iter().find_map(hint) {
        what.push_str("; ");
        what.push_str(hint);
    }
    if let Some(Error { operation, code: Some(code), .. }) = read_error {
        what.push_str(&format!("; other blockers can't be listed ({operation}: {code})"));
    }
    what
}

/// AWS's refusal with the blockers and what to do about them.
fn explain(refusal: Error, blocked: Blocked<'_>, blockers: &[Blocker]) -> Error {
    let with = |is_wanted: fn(&Removal) -> bool| blockers.iter().filter(move |blocker| is_wanted(&blocker.removal));
    let manual = || with(|removal| matches!(removal, Removal::Manual(_)));
    let owned = || with(|removal| *removal == Removal::Owned);
    let automatic = || with(|removal| matches!(removal, Removal::Automatic(_)));
    let id = blocked.id();
    let (message, help) = if manual().next().is_some() {
        let mut message = format!("can't delete {id}: it is in use by {}", list(manual(), NAMED));
        if owned().chain(automatic()).next().is_some() {
            message.push_str(&format!(", and for now by {}", list(owned().chain(automatic()), 3)));
        }
        (message, format!("{}; then run the same command again: it continues from here", instructions(manual())))
    } else if owned().next().is_some() {
        let message = format!("can't delete {id}: it is in use by {}", list(blockers.iter(), NAMED));
        let help =
            "`provisioner orphans` lists those that no step manages: delete them, then run the same command again";
        (message, help.to_owned())
    } else if automatic().next().is_some() {
        let message = format!("can't delete {id}: it is in use by {}", list(automatic(), NAMED));
        let help = "AWS deletes that automatically: run the same command again in a while, it continues from here";
        (message, help.to_owned())
    } else {
        return refusal;
    };
    Error { message, help: Some(help), ..refusal }
}

/// The instructions for the blockers, each once.
fn instructions<'a>(blockers: impl Iterator<Item = &'a Blocker>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for blocker in blockers {
        match &blocker.removal {
            Removal::Manual(instruction) if !all.contains(&instruction.as_str()) => all.push(instruction),
            _ => {}
        }
    }
    let more = if all.len() > NAMED { "; and the same for the others" } else { "" };
    all.truncate(NAMED);
    format!("{}{more}", all.join("; "))
}

/// How many blockers an error names.
const NAMED: usize = 10;

/// The first `most` blockers with their descriptions, and the number of the others.
fn list<'a>(blockers: impl Iterator<Item = &'a Blocker> + Clone, most: usize) -> String {
    let names: Vec<_> = blockers.clone().take(most).map(|one| format!("{} ({})", one.id, one.description)).collect();
    match (blockers.count() - names.len(), names.split_last()) {
        (0, Some((last, rest))) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        (0, _) => names.concat(),
        (more, _) => format!("{} and {more} more", names.join(", ")),
    }
}
