//! The health of green's targets.

use aws_sdk_elasticloadbalancingv2::types::{TargetHealth, TargetHealthDescription, TargetHealthStateEnum as State};

use crate::aws::{Cloud, Result};
use crate::resources::ids::TargetGroupArn;
use crate::traffic::readings::TargetCounts;

/// Counts the targets of one group by their health.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html>
pub async fn read(cloud: &Cloud, region: &str, group: &TargetGroupArn, name: &str) -> Result<TargetCounts> {
    let clients = cloud.region(region);
    let answer = clients.elb.describe_target_health().target_group_arn(&**group).send().await?;
    Ok(count(name, answer.target_health_descriptions()))
}

fn count(name: &str, described: &[TargetHealthDescription]) -> TargetCounts {
    let mut targets = TargetCounts { group: name.to_owned(), ..TargetCounts::default() };
    let mut reason_rank = 0;
    for target in described {
        let health = target.target_health();
        // The rank decides whose reason is shown: an unhealthy target's first.
        let (count, rank) = match health.and_then(TargetHealth::state) {
            Some(State::Healthy) => (&mut targets.healthy, 0),
            Some(State::Unhealthy) => (&mut targets.unhealthy, 3),
            Some(State::Initial) => (&mut targets.initial, 2),
            Some(State::Draining | State::UnhealthyDraining | State::Unused) => (&mut 0, 1),
            // Unavailable, or a state that this build doesn't know.
            _ => (&mut targets.unavailable, 2),
        };
        *count += 1;
        if rank > reason_rank {
            targets.reason = health.and_then(describe);
            reason_rank = rank;
        }
    }
    targets
}

/// Why a target isn't healthy: AWS's description, or its reason code.
fn describe(health: &TargetHealth) -> Option<String> {
    let code = health.reason().map(|reason| reason.as_str());
    health.description().or(code).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::TargetHealthReasonEnum as Reason;

    use super::*;

    #[test]
    fn targets_are_counted_by_state() {
        let target = |state: &str, reason: Option<Reason>, description: Option<&str>| {
            let health = TargetHealth::builder().state(state.into()).set_reason(reason);
            let health = health.set_description(description.map(str::to_owned)).build();
            TargetHealthDescription::builder().target_health(health).build()
        };
        let draining = target("draining", Some(Reason::DeregistrationInProgress), None);
        let group = count(
            "blue edge",
            &[
                draining.clone(),
                target("healthy", None, None),
                target("unhealthy", Some(Reason::Timeout), Some("Request timed out")),
                target("initial", Some(Reason::RegistrationInProgress), None),
                target("unhealthy.draining", None, None),
                target("unused", Some(Reason::NotInUse), None),
                target("unavailable", Some(Reason::HealthCheckDisabled), None),
                target("unheard-of", None, None),
                TargetHealthDescription::builder().build(),
            ],
        );
        let reason = Some("Request timed out".to_owned());
        let expected = TargetCounts {
            group: "blue edge".to_owned(),
            healthy: 1,
            unhealthy: 1,
            initial: 1,
            unavailable: 3,
            reason,
        };
        assert_eq!(group, expected);
        let gone = count("blue edge", &[draining]);
        assert_eq!((gone.unavailable, gone.reason.as_deref()), (0, Some("Target.DeregistrationInProgress")));
    }
}
