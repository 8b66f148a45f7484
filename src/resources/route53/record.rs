use std::collections::BTreeSet;

use aws_sdk_route53::types::{ AliasTarget, Change, ChangeAction, ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover as Failover, RrType, };

use super::found_in_zone;
use super::record_set::{self, Key, change, normal};
use crate::resources::tags::Built;
use crate::resources::prelude::*;

/// A record set.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The hosted zone.
    pub hosted_zone: HostedZoneId,
    /// The whole name, without a dot at the end.
    pub name: String,
    /// `A`, `CNAME`, `TXT` ...
    pub record_type: String,
    /// What is answered.
    pub target: Target,
    /// When this one is chosen among those of the same name and type.
    pub routing: Routing,
    /// It is answered only while this is healthy.
    pub health_check: Option<HealthCheckId>,
}

/// What a record answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// What another name answers at the moment, with 60 s to live for a load balancer.
    Alias {
        /// The other name.
        dns_name: String,
        /// The hosted zone of that name.
        hosted_zone: HostedZoneId,
        /// Count as unhealthy when what is behind the name is. A load balancer with any group of only unhealthy targets
        /// is: use a health check there.
        evaluate_target_health: bool,
    },
    /// Values.
    Values {
        /// As they stand in a zone file.
        values: BTreeSet<String>,
        /// How long they may be kept, in seconds.
        ttl_seconds: i64,
    },
}

/// When a record is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// It is the only one.
    Simple,
    /// By weight, relative to the sum of all. The weight is written once, when the record is made; from then on it is what
    /// it is in AWS: never compared and never reset.
    Weighted {
        /// Its name among the others.
        set_identifier: String,
        /// The weight at the beginning, 0 to 255.
        initial_weight: u8,
    },
    /// The primary while it is healthy, else the secondary.
    Failover {
        /// Its name among the others.
        set_identifier: String,
        /// Which of the two it is.
        role: FailoverRole,
    },
}

/// Which of two failover records one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverRole {
    /// Answered while healthy.
    Primary,
    /// Answered while the primary isn't healthy.
    Secondary,
}

/// What a record gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordOutputs {
    /// The hosted zone.
    pub hosted_zone_id: HostedZoneId,
    /// The whole name.
    pub name: String,
    /// Its type: `A`, `CNAME` ...
    pub record_type: String,
    /// Its name among those of the same name and type, if there may be more.
    pub set_identifier: Option<String>,
}

impl Resource for Record {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["hosted_zone", "name", "record_type", "routing"],
        global: true,
        no_forced_replace: Some("it holds live weights, which would be lost"),
        serves_traffic: true,
        ..TypeInfo::new(
            "route53.record",
            seconds(40),
            &[
                "route53:ListResourceRecordSets",
                "route53:ListTagsForResources",
                "route53:ChangeResourceRecordSets",
                "route53:GetChange",
            ],
        )
    };

    type Outputs = RecordOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&RecordOutputs>) -> Result<Option<Found<Self>>> {
        let outputs = known.cloned().unwrap_or_else(|| self.outputs());
        let (zone, key) = (&outputs.hosted_zone_id, outputs.key());
        if !zone.is_known() || !is_known(&key.name) {
            return Ok(None);
        }
        let all = record_set::all(cx, zone).await?;
        let Some(set) = all.iter().find(|set| key.is(set)) else { return Ok(None) };
        let like_ours = |ours: &str, theirs: String| if normal(ours) == theirs { ours.to_owned() } else { theirs };
        let spec = Record {
            hosted_zone: zone.clone(),
            name: like_ours(&self.name, normal(set.name())),
            record_type: set.r#type().as_str().to_owned(),
            target: self.target.observed(set),
            routing: self.routing.observed(set)?,
            health_check: set.health_check_id().map(Into::into),
        };
        let live = traffic(set, all.iter().filter(|set| key.is_sibling(set)));
        let zone = outputs.hosted_zone_id.clone();
        let found = found_in_zone(cx, &zone, known.is_some(), spec, outputs).await?;
        Ok(Some(Found { live, ..found }))
    }

    async fn create(&self, cx: &Cx) -> Result<RecordOutputs> {
        let outputs = self.outputs();
        let key = outputs.key();
        let changes = || async {
            if let Routing::Weighted { initial_weight: 0, .. } = self.routing {
                let siblings = record_set::siblings(cx, &self.hosted_zone, &key).await?;
                if total(&siblings) == 0 {
                    let message =
                        format!("{} would have only records of weight zero, which share all traffic evenly", self.name);
                    let error =
                        Error::local(message).with_help("the record that carries the traffic must be made first");
                    // That may have been done a moment ago.
                    return Err(Error { class: Class::Retryable, ..error });
                }
            }
            let weight = match self.routing {
                Routing::Weighted { initial_weight, .. } => Some(initial_weight.into()),
                _ => None,
            };
            Ok(vec![change(ChangeAction::Create, self.to_sdk(weight))])
        };
        match self.submitted(cx, changes).await {
            // Said of a record that is there already, too.
            Err(error) if error.is_code(OTHERWISE) && self.observe(&cx.uncached(), None).await?.is_some() => {
                Err(Error { class: Class::AlreadyExists, ..error })
            }
            submitted => submitted.map(|()| outputs),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<RecordOutputs> {
        let key = found.outputs.key();
        // A write replaces the whole record, so it must say the weight as it is at this moment; and it counts only if the
        // record is still like that when it arrives: a failback waits for nobody.
        let changes = || async {
            let now = record_set::siblings(cx, &self.hosted_zone, &key).await?;
            let Some(now) = now.into_iter().find(|set| key.is(set)) else {
                return Err(Error::local(format!("{} went away while it was to be changed", self.name))
                    .with_help("run the same command again: it is made anew"));
            };
            let new = self.to_sdk(now.weight());
            Ok(vec![change(ChangeAction::Delete, now), change(ChangeAction::Create, new)])
        };
        let mut tries = 0;
        loop {
            match self.submitted(cx, changes).await {
                Err(error) if error.is_code(OTHERWISE) && tries < TRIES => tries += 1,
                submitted => return submitted.map(|()| self.outputs()),
            }
        }
    }

    async fn delete(cx: &Cx, outputs: &RecordOutputs) -> Result<()> {
        let (zone, key) = (&outputs.hosted_zone_id, outputs.key());
        let changes = || async {
            let Some(siblings) = ignore_not_found(record_set::siblings(cx, zone, &key).await)? else {
                return Ok(Vec::new());
            };
            let (this, rest): (Vec<_>, Vec<_>) = siblings.into_iter().partition(|set| key.is(set));
            let Some(this) = this.into_iter().next() else { return Ok(Vec::new()) };
            let mut changes = rescue(&rest, this.weight().unwrap_or_default());
            changes.push(change(ChangeAction::Delete, this));
            Ok(changes)
        };
        let mut tries = 0;
        loop {
            match record_set::submit(cx, zone, changes).await {
                Err(error) if error.is_code(OTHERWISE) && tries < TRIES => tries += 1,
                submitted => return submitted.map(drop),
            }
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-recordset.html>
    fn cloudformation(&self) -> Form {
        let Record { hosted_zone, name, record_type, target, routing, health_check } = self;
        let alias = match target {
            Target::Alias { dns_name, hosted_zone, evaluate_target_health } => Some(json!({
                "DNSName": dns_name,
                "HostedZoneId": hosted_zone,
                "EvaluateTargetHealth": evaluate_target_health,
            })),
            Target::Values { .. } => None,
        };
        let (values, ttl) = match target {
            Target::Alias { .. } => (None, None),
            Target::Values { values, ttl_seconds } => (Some(values), Some(ttl_seconds.to_string())),
        };
        let (weight, failover) = match routing {
            Routing::Simple => (None, None),
            Routing::Weighted { set_identifier: _, initial_weight } => (Some(initial_weight), None),
            Routing::Failover { set_identifier: _, role: FailoverRole::Primary } => (None, Some("PRIMARY")),
            Routing::Failover { set_identifier: _, role: FailoverRole::Secondary } => (None, Some("SECONDARY")),
        };
        let set = json!({
            "HostedZoneId": hosted_zone,
            "Name": name,
            "Type": record_type,
            "AliasTarget": alias,
            "ResourceRecords": values,
            "TTL": ttl,
            "SetIdentifier": routing.set_identifier(),
            "Weight": weight,
            "Failover": failover,
            "HealthCheckId": health_check,
        });
        let form = Form::of("AWS::Route53::RecordSet", set).tagged(Tagging::None);
        // The linter knows the zones of load balancers only; a record can stand for another one of its own zone too.
        // <https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html>
        let form = match target {
            Target::Alias { hosted_zone: of_target, .. } if of_target == hosted_zone => form.excused_from("E1041"),
            _ => form,
        };
        let form = form.gives("hosted_zone_id", &**hosted_zone).gives("name", Form::this());
        let form = form.gives("record_type", record_type);
        let form = match routing.set_identifier() {
            Some(set_identifier) => form.gives("set_identifier", set_identifier),
            None => form,
        };
        match weight {
            Some(_) => form.lacks(
                "the weight is whatever it is at the moment: a change of the record by CloudFormation sets it back to that of \
                 the template",
            ),
            None => form,
        }
    }
}

/// The record isn't as it was read: somebody else has changed it in between.
const OTHERWISE: &str = "InvalidChangeBatch";
/// How often it is read and written again then.
const TRIES: u32 = 3;

impl Record {
    /// Makes changes, and waits until all of Route 53's servers know them.
    async fn submitted<F>(&self, cx: &Cx, changes: impl Fn() -> F + Send) -> Result<()>
    where
        F: Future<Output = Result<Vec<Change>>> + Send,
    {
        match record_set::submit(cx, &self.hosted_zone, changes).await? {
            Some(change) => record_set::in_sync(cx, &change).await,
            None => Ok(()),
        }
    }

    fn outputs(&self) -> RecordOutputs {
        RecordOutputs {
            hosted_zone_id: self.hosted_zone.clone(),
            name: self.name.clone(),
            record_type: self.record_type.clone(),
            set_identifier: self.routing.set_identifier().map(str::to_owned),
        }
    }

    fn to_sdk(&self, weight: Option<i64>) -> ResourceRecordSet {
        let set = ResourceRecordSet::builder().name(&self.name).r#type(RrType::from(self.record_type.as_str()));
        let set = set.set_set_identifier(self.routing.set_identifier().map(str::to_owned)).set_weight(weight);
        let set = set.set_failover(match self.routing {
            Routing::Failover { role: FailoverRole::Primary, .. } => Some(Failover::Primary),
            Routing::Failover { role: FailoverRole::Secondary, .. } => Some(Failover::Secondary),
            _ => None,
        });
        let set = set.set_health_check_id(self.health_check.as_ref().map(ToString::to_string));
        let set = match &self.target {
            Target::Alias { dns_name, hosted_zone, evaluate_target_health } => {
                let alias = AliasTarget::builder().dns_name(dns_name).hosted_zone_id(&**hosted_zone);
                set.alias_target(alias.evaluate_target_health(*evaluate_target_health).build().built())
            }
            Target::Values { values, ttl_seconds } => {
                let value = |value: &String| ResourceRecord::builder().value(value).build().built();
                set.ttl(*ttl_seconds).set_resource_records(Some(values.iter().map(value).collect()))
            }
        };
        set.build().built()
    }
}

impl RecordOutputs {
    fn key(&self) -> Key {
        Key {
            name: self.name.clone(),
            record_type: self.record_type.clone(),
            set_identifier: self.set_identifier.clone(),
        }
    }
}

impl Target {
    fn observed(&self, set: &ResourceRecordSet) -> Target {
        let Some(alias) = set.alias_target() else {
            let values = set.resource_records().iter().map(|record| record.value.clone()).collect();
            return Target::Values { values, ttl_seconds: set.ttl().unwrap_or_default() };
        };
        let dns_name = match self {
            // Names of hosts are the same in either case, and with a dot at the end.
            Target::Alias { dns_name, .. } if normal(dns_name) == normal(alias.dns_name()) => dns_name.clone(),
            _ => normal(alias.dns_name()),
        };
        let evaluate_target_health = alias.evaluate_target_health();
        Target::Alias { dns_name, hosted_zone: alias.hosted_zone_id().into(), evaluate_target_health }
    }
}

impl Routing {
    fn set_identifier(&self) -> Option<&str> {
        match self {
            Routing::Simple => None,
            Routing::Weighted { set_identifier, .. } | Routing::Failover { set_identifier, .. } => Some(set_identifier),
        }
    }

    /// In our words, the live weight left out.
    fn observed(&self, set: &ResourceRecordSet) -> Result<Routing> {
        let Some(set_identifier) = set.set_identifier().map(str::to_owned) else { return Ok(Routing::Simple) };
        let role = match set.failover() {
            Some(Failover::Primary) => Some(FailoverRole::Primary),
            Some(_) => Some(FailoverRole::Secondary),
            None => None,
        };
        match (role, set.weight(), self) {
            (Some(role), _, _) => Ok(Routing::Failover { set_identifier, role }),
            (None, Some(_), Routing::Weighted { initial_weight, .. }) => {
                Ok(Routing::Weighted { set_identifier, initial_weight: *initial_weight })
            }
            (None, Some(weight), _) => {
                let initial_weight = u8::try_from(weight).unwrap_or(u8::MAX);
                Ok(Routing::Weighted { set_identifier, initial_weight })
            }
            (None, None, _) => Err(Error::local(format!(
                "the record {} ({set_identifier}) is chosen in a way that provisioner doesn't know",
                set.name()
            ))),
        }
    }
}

fn total<'a>(sets: impl IntoIterator<Item = &'a ResourceRecordSet>) -> i64 {
    sets.into_iter().filter_map(ResourceRecordSet::weight).sum()
}

/// What must be written with the deletion of a record of this weight, so that weights that are all zero are never left:
/// Route 53 would then share the traffic evenly without anybody having said so.
fn rescue(rest: &[ResourceRecordSet], weight: i64) -> Vec<Change> {
    if total(rest) > 0 {
        return Vec::new();
    }
    let weighted = rest.iter().filter(|set| set.weight().is_some()).cloned();
    let raise = |mut set: ResourceRecordSet| {
        set.weight = Some(weight.max(1));
        change(ChangeAction::Upsert, set)
    };
    weighted.map(raise).collect()
}

/// For people: the weight as it is in AWS, and the share that it makes.
fn traffic<'a>(set: &ResourceRecordSet, siblings: impl Iterator<Item = &'a ResourceRecordSet>) -> Option<String> {
    let weight = set.weight()?;
    Some(match total(siblings) {
        0 => "traffic: an even share, all weights are zero".to_owned(),
        total => format!("traffic: {} % (weight {weight} of {total})", weight * 100 / total),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(set_identifier: &str, weight: i64) -> ResourceRecordSet {
        let set = ResourceRecordSet::builder().name("live.example.com.").r#type(RrType::A);
        set.set_identifier(set_identifier).weight(weight).build().unwrap()
    }

    #[test]
    fn a_live_weight_is_no_difference() {
        let wanted = Routing::Weighted { set_identifier: "blue".into(), initial_weight: 100 };
        assert_eq!(wanted.observed(&weighted("blue", 30)).unwrap(), wanted);
    }

    #[test]
    fn a_deletion_never_leaves_only_zeros() {
        assert!(rescue(&[], 100).is_empty());
        assert!(rescue(&[weighted("blue", 30)], 70).is_empty());
        let raised = rescue(&[weighted("blue", 0)], 100);
        assert_eq!(raised[0].resource_record_set().and_then(ResourceRecordSet::weight), Some(100));
    }

    #[test]
    fn names_are_compared_in_one_form() {
        assert_eq!(normal("\\052.Example.com."), "*.example.com");
    }
}
