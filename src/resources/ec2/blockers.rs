//! Deleting what something else may hold: who holds it is looked for and told. What AWS takes away by itself is waited
//! for; what only people can take away ends the wait with an error that says what it is and what to do.

mod behind;
mod holders;
mod interface;
#[cfg(test)]
mod tests;
mod whose;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use holders::Looking;

/// What is to be deleted, or to let go of what is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Held<'a> {
    /// A security group: interfaces have it, rules of others refer to it.
    SecurityGroup(&'a str),
    /// A subnet: interfaces are in it.
    Subnet(&'a str),
    /// A VPC: all that is in it.
    Vpc(&'a str),
    /// An attached internet gateway: the public addresses in its VPC.
    InternetGateway {
        /// The gateway.
        id: &'a str,
        /// The VPC.
        vpc: &'a str,
    },
    /// An elastic IP, by its allocation.
    Address(&'a str),
    /// A route table: subnets that use it.
    RouteTable(&'a str),
    /// A network ACL: subnets that use it.
    NetworkAcl(&'a str),
    /// A transit gateway: what is attached to it.
    TransitGateway(&'a str),
    /// A route table of a transit gateway: attachments that use it.
    TransitGatewayRouteTable(&'a str),
}

impl Held<'_> {
    fn id(&self) -> &str {
        match self {
            Held::SecurityGroup(id) | Held::Subnet(id) | Held::Vpc(id) | Held::InternetGateway { id, .. } => id,
            Held::Address(id) | Held::RouteTable(id) | Held::NetworkAcl(id) => id,
            Held::TransitGateway(id) | Held::TransitGatewayRouteTable(id) => id,
        }
    }

    /// How long AWS's refusal is borne when nothing is found that explains it.
    fn patience(&self) -> Patience {
        match self {
            Held::SecurityGroup(_) | Held::Subnet(_) => Patience::LONG,
            _ => Patience::SHORT,
        }
    }

    /// What is waited for when nothing is found.
    fn in_general(&self) -> String {
        match self {
            Held::SecurityGroup(id) | Held::Subnet(id) => {
                format!(
                    "the network interfaces in {id} to go (those that Lambda leaves behind usually take 10 to 20 minutes)"
                )
            }
            Held::Vpc(_) => "what is left in the VPC to go".to_owned(),
            Held::InternetGateway { .. } => "the VPC's public addresses to be given back".to_owned(),
            Held::Address(_) => "the address to be free".to_owned(),
            Held::RouteTable(_) => "the subnets to leave the route table".to_owned(),
            Held::NetworkAcl(_) => "the subnets to leave the network ACL".to_owned(),
            Held::TransitGateway(_) => "the transit gateway's attachments to go".to_owned(),
            Held::TransitGatewayRouteTable(_) => "the attachments to leave the route table".to_owned(),
        }
    }
}

/// Something that holds what is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Blocker {
    id: String,
    /// What it is and whose, in words.
    about: String,
    fate: Fate,
}

/// What becomes of a blocker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It stays until somebody does this.
    Stays(String),
    /// It is of this very system: another step may be about to delete it.
    Ours,
    /// AWS takes it away by itself; perhaps it is known how long that takes, in words.
    Goes(Option<&'static str>),
}

/// The IAM actions of a type, and those that it takes to find out who made a network interface that holds one of it.
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

/// How long what isn't ours and doesn't go by itself is waited for: it may be on its way out, and what AWS lists is a
/// little behind.
const GRACE: Duration = Duration::from_secs(60);
/// The same in a sandbox, where nothing is behind.
const GRACE_IN_SANDBOX: Duration = Duration::from_secs(3);
/// How long what other steps may be about to delete is waited for.
const OURS: Patience = Patience { limit: Duration::from_secs(600), ..Patience::LONG };
/// The first pause; each is twice as long as the one before, up to that of [`Patience::LONG`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// Deletes what may be held. As long as AWS refuses, it is looked who holds it; AWS is asked nothing but `delete` if it
/// doesn't refuse.
pub(super) async fn delete_when_free<F>(cx: &Cx, held: Held<'_>, mut delete: impl FnMut() -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let start = Instant::now();
    let mut looking = Looking::default();
    let mut standstill = Standstill::new();
    let mut told = String::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let refusal = match ignore_not_found(delete().await) {
            Err(error) if error.class == Class::Retryable => error,
            outcome => return outcome.map(drop),
        };
        let blockers = looking.find(cx, held).await;
        standstill.note(&blockers);
        let limit = match worst(&blockers) {
            Some(Fate::Stays(_)) if cx.is_sandbox() => GRACE_IN_SANDBOX,
            Some(Fate::Stays(_)) => GRACE,
            Some(Fate::Ours) => cx.limit(OURS),
            Some(Fate::Goes(_)) => cx.limit(Patience::LONG),
            None => cx.limit(held.patience()),
        };
        if standstill.since.elapsed() >= limit || start.elapsed() >= cx.limit(Patience::LONG) {
            return Err(explain(refusal, held, &blockers));
        }
        let what = describe(held, &blockers, looking.blind());
        if what != told {
            cx.waiting(&what);
            told = what;
        }
        sleep(cx.pause(pause)).await;
        pause = (pause * 2).min(Patience::LONG.poll);
    }
}

fn worst(blockers: &[Blocker]) -> Option<&Fate> {
    blockers.iter().map(|blocker| &blocker.fate).min()
}

/// Since when nothing has changed: as long as those change that don't go by themselves, somebody is at work on them.
struct Standstill {
    worst: Option<std::mem::Discriminant<Fate>>,
    lasting: BTreeSet<String>,
    since: Instant,
}

impl Standstill {
    fn new() -> Self {
        Standstill { worst: None, lasting: BTreeSet::new(), since: Instant::now() }
    }

    fn note(&mut self, blockers: &[Blocker]) {
        let worst = worst(blockers).map(std::mem::discriminant);
        let lasting = blockers.iter().filter(|blocker| !matches!(blocker.fate, Fate::Goes(_)));
        let lasting = lasting.map(|blocker| blocker.id.clone()).collect();
        if worst != self.worst || lasting != self.lasting {
            *self = Standstill { worst, lasting, since: Instant::now() };
        }
    }
}

/// What a step waits for, for those who watch it. `blind` is why AWS didn't show all there is.
fn describe(held: Held<'_>, blockers: &[Blocker], blind: Option<&Error>) -> String {
    let mut what = match blockers {
        [] => held.in_general(),
        _ => format!("{} to let go of {}", list(blockers.iter(), 3), held.id()),
    };
    if blockers.iter().any(|blocker| matches!(blocker.fate, Fate::Stays(_))) {
        what.push_str("; not for long, as AWS doesn't take that away by itself");
    } else if let Some(hint) = blockers.iter().find_map(|blocker| match blocker.fate {
        Fate::Goes(hint) => hint,
        _ => None,
    }) {
        what.push_str("; ");
        what.push_str(hint);
    }
    if let Some(Error { operation, code: Some(code), .. }) = blind {
        what.push_str(&format!("; what else may hold it can't be told ({operation}: {code})"));
    }
    what
}

/// AWS's refusal in better words: who holds it, and what to do.
fn explain(refusal: Error, held: Held<'_>, blockers: &[Blocker]) -> Error {
    let with = |wanted: fn(&Fate) -> bool| blockers.iter().filter(move |blocker| wanted(&blocker.fate));
    let stays = || with(|fate| matches!(fate, Fate::Stays(_)));
    let ours = || with(|fate| *fate == Fate::Ours);
    let goes = || with(|fate| matches!(fate, Fate::Goes(_)));
    let id = held.id();
    if stays().next().is_some() {
        let mut message = format!("{id} is held by {}", list(stays(), NAMED));
        if ours().chain(goes()).next().is_some() {
            message.push_str(&format!(", and as yet by {}", list(ours().chain(goes()), 3)));
        }
        let help = format!("{}; then run the same command again: it goes on from here", remedies(stays()));
        Error { message, help: Some(help), ..refusal }
    } else if ours().next().is_some() {
        let message = format!("{id} is still held by {}", list(blockers.iter(), NAMED));
        let help = "`provisioner orphans` tells what of it no step knows: delete that, then run the same command again";
        Error { message, help: Some(help.to_owned()), ..refusal }
    } else if goes().next().is_some() {
        let message = format!("{id} is still held by {}", list(goes(), NAMED));
        let help = "AWS takes that away by itself: run the same command again in a while, it goes on from here";
        Error { message, help: Some(help.to_owned()), ..refusal }
    } else {
        refusal
    }
}

/// What is to be done, each once.
fn remedies<'a>(blockers: impl Iterator<Item = &'a Blocker>) -> String {
    let mut all: Vec<&str> = Vec::new();
    for blocker in blockers {
        match &blocker.fate {
            Fate::Stays(remedy) if !all.contains(&remedy.as_str()) => all.push(remedy),
            _ => {}
        }
    }
    let more = if all.len() > NAMED { "; and so on with the rest" } else { "" };
    all.truncate(NAMED);
    format!("{}{more}", all.join("; "))
}

/// How many blockers an error names.
const NAMED: usize = 10;

/// Blockers by name, the first `most` of them.
fn list<'a>(blockers: impl Iterator<Item = &'a Blocker> + Clone, most: usize) -> String {
    let names: Vec<_> = blockers.clone().take(most).map(|one| format!("{} ({})", one.id, one.about)).collect();
    match (blockers.count() - names.len(), names.split_last()) {
        (0, Some((last, rest))) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        (0, _) => names.concat(),
        (more, _) => format!("{} and {more} more", names.join(", ")),
    }
}
