use std::collections::BTreeSet;

use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover as Failover, RrType,
};

use super::found_in_zone;
use super::record_set::{self, Key, change, normal};
use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// A DNS record set.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The hosted zone.
    pub hosted_zone: HostedZoneId,
    /// The full name, without a trailing dot.
    pub name: String,
    /// `A`, `CNAME`, `TXT` ...
    pub record_type: String,
    /// The answer.
    pub target: Target,
    /// How Route 53 chooses among records of the same name and type.
    pub routing: Routing,
    /// Answer only while this health check is healthy.
    pub health_check: Option<HealthCheckId>,
    /// The weight of a weighted record that `apply` keeps; `None` for a weight that traffic shifts change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
}

/// The answer of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The current answer of another name, with a TTL of 60 s for a load balancer.
    Alias {
        /// The other name.
        dns_name: String,
        /// The hosted zone of that name.
        hosted_zone: HostedZoneId,
        /// Unhealthy if the target of the name is. A load balancer is unhealthy as soon as one of its target groups is: use a
        /// health check for it.
        evaluate_target_health: bool,
    },
    /// Values.
    Values {
        /// The values in the format of zone files.
        values: BTreeSet<String>,
        /// The TTL in seconds.
        ttl_seconds: i64,
    },
}

/// The routing policy of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// The only record of its name and type.
    Simple,
    /// By weight, relative to the sum of all weights. `initial_weight` is written when the record is created; from then on
    /// traffic shifts change the weight in AWS, and `plan` doesn't compare it unless `weight` is set.
    Weighted {
        /// The identifier of this record among the others.
        set_identifier: String,
        /// The weight at creation, 0 to 255.
        initial_weight: u8,
    },
    /// The primary while it is healthy, otherwise the secondary.
    Failover {
        /// The identifier of this record among the others.
        set_identifier: String,
        /// The role of this record.
        role: FailoverRole,
    },
}

/// The role of a failover record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverRole {
    /// Answered while healthy.
    Primary,
    /// Answered while the primary is unhealthy.
    Secondary,
}

/// The outputs of a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordOutputs {
    /// The hosted zone.
    pub hosted_zone_id: HostedZoneId,
    /// The full name.
    pub name: String,
    /// Its type: `A`, `CNAME` ...
    pub record_type: String,
    /// Its identifier among the records of the same name and type, unless the routing is simple.
    pub set_identifier: Option<String>,
}

impl Record {
    /// The only record of its name and type.
    pub fn new(
        hosted_zone: &HostedZoneId,
        name: impl Into<String>,
        record_type: impl Into<String>,
        target: Target,
    ) -> Self {
        Record {
            hosted_zone: hosted_zone.clone(),
            name: name.into(),
            record_type: record_type.into(),
            target,
            routing: Routing::Simple,
            health_check: None,
            weight: None,
        }
    }
}

impl Resource for Record {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["hosted_zone", "name", "record_type", "routing"],
        global: true,
        no_forced_replace: Some("it has a live weight, which would be lost"),
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
        // In the form of the spec, if it is the same name.
        let name = normal(set.name());
        let spec = Record {
            hosted_zone: zone.clone(),
            name: if normal(&self.name) == name { self.name.clone() } else { name },
            record_type: set.r#type().as_str().to_owned(),
            target: self.target.observed(set),
            routing: self.routing.observed(set)?,
            health_check: set.health_check_id().map(Into::into),
            weight: self.observed_weight(set),
        };
        let live = traffic(set, all.iter().filter(|set| key.is_sibling(set)));
        let zone = outputs.hosted_zone_id.clone();
        let found = found_in_zone(cx, &zone, known.is_some(), spec, outputs).await?;
        Ok(Some(Found { live, ..found }))
    }

    fn check_transition(&self, _actual: &Self) -> std::result::Result<(), Refusal> {
        match (&self.routing, self.weight) {
            (Routing::Simple | Routing::Failover { .. }, Some(_)) => {
                Err(Refusal::new("weight", "only weighted records have a weight: remove it"))
            }
            _ => Ok(()),
        }
    }

    async fn create(&self, cx: &Cx) -> Result<RecordOutputs> {
        self.check_transition(self).map_err(|refusal| Error::local(refusal.advice))?;
        let outputs = self.outputs();
        let key = outputs.key();
        let changes = || async {
            let weight = self.initial_weight();
            if weight == Some(0) {
                let siblings = record_set::siblings(cx, &self.hosted_zone, &key).await?;
                if total(&siblings) == 0 {
                    let message =
                        format!("{} would only have records of weight zero: Route 53 would use them evenly", self.name);
                    let error = Error::local(message).with_help("create the record with the traffic first");
                    // It may have been created a moment ago.
                    return Err(Error { class: Class::Retryable, ..error });
                }
            }
            Ok(vec![change(ChangeAction::Create, self.to_sdk(weight))])
        };
        match self.submitted(cx, changes).await {
            // The code for an existing record, too.
            Err(error) if error.is_code(CHANGED) && self.observe(&cx.uncached(), None).await?.is_some() => {
                Err(Error { class: Class::AlreadyExists, ..error })
            }
            submitted => submitted.map(|()| outputs),
        }
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<RecordOutputs> {
        let key = found.outputs.key();
        // A write replaces the whole record, so it has to contain the live weight. Deleting exactly the record that was read
        // makes Route 53 refuse the batch if a failback changed the weight meanwhile.
        let changes = || async {
            let now = record_set::siblings(cx, &self.hosted_zone, &key).await?;
            let Some(now) = now.into_iter().find(|set| key.is(set)) else {
                return Err(Error::local(format!("{} was deleted during its update", self.name))
                    .with_help("run the same command again: it creates the record"));
            };
            let new = self.to_sdk(self.weight.map(i64::from).or(now.weight()));
            Ok(vec![change(ChangeAction::Delete, now), change(ChangeAction::Create, new)])
        };
        let mut retries = 0;
        loop {
            match self.submitted(cx, changes).await {
                Err(error) if error.is_code(CHANGED) && retries < RETRIES => retries += 1,
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
            let mut changes = raise_zero_weights(&rest, this.weight().unwrap_or_default());
            changes.push(change(ChangeAction::Delete, this));
            Ok(changes)
        };
        let mut retries = 0;
        loop {
            match record_set::submit(cx, zone, changes).await {
                Err(error) if error.is_code(CHANGED) && retries < RETRIES => retries += 1,
                submitted => return submitted.map(drop),
            }
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-recordset.html>
    fn cloudformation(&self) -> Form {
        let Record { hosted_zone, record_type, target, routing, .. } = self;
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
        let failover = match routing {
            Routing::Simple | Routing::Weighted { .. } => None,
            Routing::Failover { set_identifier: _, role: FailoverRole::Primary } => Some("PRIMARY"),
            Routing::Failover { set_identifier: _, role: FailoverRole::Secondary } => Some("SECONDARY"),
        };
        let set = properties!(self, Record {
            hosted_zone => "HostedZoneId",
            name => "Name",
            record_type => "Type",
            target => "AliasTarget": alias,
            "ResourceRecords": values,
            "TTL": ttl,
            routing => "SetIdentifier": routing.set_identifier(),
            weight => "Weight": self.initial_weight(),
            "Failover": failover,
            health_check => "HealthCheckId",
        });
        let form = Form::resource("AWS::Route53::RecordSet", set).tagged(Tagging::None);
        // The linter only knows the zones of load balancers: an alias can also refer to a record of the same zone.
        // <https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html>
        let form = match target {
            Target::Alias { hosted_zone: of_target, .. } if of_target == hosted_zone => form.ignore_lint("E1041"),
            _ => form,
        };
        let form = form.output("hosted_zone_id", &**hosted_zone).output("name", Form::reference());
        let form = form.output("record_type", record_type);
        let form = match routing.set_identifier() {
            Some(set_identifier) => form.output("set_identifier", set_identifier),
            None => form,
        };
        match (routing, self.weight) {
            (Routing::Weighted { .. }, None) => {
                form.gap("the live weight: CloudFormation resets it to the initial one whenever it changes the record")
            }
            _ => form,
        }
    }
}

/// The code for a record that changed since it was read.
const CHANGED: &str = "InvalidChangeBatch";
/// How often to read and write it again then.
const RETRIES: u32 = 3;

impl Record {
    /// Makes changes and waits until all name servers have them.
    async fn submitted<F>(&self, cx: &Cx, changes: impl Fn() -> F + Send) -> Result<()>
    where
        F: Future<Output = Result<Vec<Change>>> + Send,
    {
        match record_set::submit(cx, &self.hosted_zone, changes).await? {
            Some(change) => record_set::in_sync(cx, &change).await,
            None => Ok(()),
        }
    }

    /// The weight at creation of a weighted record.
    fn initial_weight(&self) -> Option<i64> {
        match self.routing {
            Routing::Weighted { initial_weight, .. } => Some(self.weight.unwrap_or(initial_weight).into()),
            Routing::Simple | Routing::Failover { .. } => None,
        }
    }

    /// The live weight, if the spec has one: otherwise it isn't compared.
    fn observed_weight(&self, set: &ResourceRecordSet) -> Option<u8> {
        self.weight.and(set.weight()).and_then(|weight| u8::try_from(weight).ok())
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
            // Host names are case-insensitive; a trailing dot means nothing.
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

    /// The routing in the form of the spec, without the live weight.
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
                "the record {} ({set_identifier}) has an unsupported routing policy",
                set.name()
            ))),
        }
    }
}

fn total<'a>(sets: impl IntoIterator<Item = &'a ResourceRecordSet>) -> i64 {
    sets.into_iter().filter_map(ResourceRecordSet::weight).sum()
}

/// The changes that go with the deletion of a record of this weight, so that the remaining weights aren't all zero: Route 53
/// would use those records evenly.
fn raise_zero_weights(rest: &[ResourceRecordSet], weight: i64) -> Vec<Change> {
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

/// The live weight and its share of the traffic, for people.
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
    fn live_weights_are_no_difference() {
        let desired = Routing::Weighted { set_identifier: "blue".into(), initial_weight: 100 };
        assert_eq!(desired.observed(&weighted("blue", 30)).unwrap(), desired);
    }

    #[test]
    fn weights_of_the_spec_are_compared_and_written() {
        let values = Target::Values { values: ["192.0.2.1".to_owned()].into(), ttl_seconds: 60 };
        let routing = Routing::Weighted { set_identifier: "blue".into(), initial_weight: 100 };
        let live = Record { routing, ..Record::new(&"Z1".into(), "live.example.com", "A", values) };
        assert_eq!((live.observed_weight(&weighted("blue", 30)), live.initial_weight()), (None, Some(100)));
        let fixed = Record { weight: Some(40), ..live.clone() };
        assert_eq!((fixed.observed_weight(&weighted("blue", 30)), fixed.initial_weight()), (Some(30), Some(40)));
        let simple = Record { routing: Routing::Simple, ..fixed };
        assert_eq!(simple.check_transition(&live).unwrap_err().field, "weight");
    }

    #[test]
    fn deletions_never_leave_only_zero_weights() {
        assert!(raise_zero_weights(&[], 100).is_empty());
        assert!(raise_zero_weights(&[weighted("blue", 30)], 70).is_empty());
        let raised = raise_zero_weights(&[weighted("blue", 0)], 100);
        assert_eq!(raised[0].resource_record_set().and_then(ResourceRecordSet::weight), Some(100));
    }

    #[test]
    fn names_are_compared_in_canonical_form() {
        assert_eq!(normal("\\052.Example.com."), "*.example.com");
    }
}
