//! What a listener or rule does with a request, and the weights that are AWS's truth, not ours.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    self, ActionTypeEnum, ForwardActionConfig, RedirectActionConfig, RedirectActionStatusCodeEnum,
    TargetGroupStickinessConfig, TargetGroupTuple,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloudformation::Form;
use crate::resources::ids::TargetGroupArn;

/// What is done with a request.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Sends the client to the same place over HTTPS, for good (301).
    Redirect {
        /// The HTTPS port.
        port: u16,
    },
    /// Forwards all to one target group.
    Forward {
        /// The target group.
        target_group: TargetGroupArn,
    },
    /// Forwards to two target groups by weight. The weights are written once, when the listener or rule is made; from
    /// then on they are what they are in AWS: never compared and never reset.
    WeightedForward {
        /// The target group of blue.
        blue: TargetGroupArn,
        /// The target group of green.
        green: TargetGroupArn,
        /// The weights at the beginning.
        initial: Weights,
        /// How long a client stays with the group that first served it, 1 s to 7 days. It overrides the weights.
        stickiness_seconds: Option<u32>,
    },
    /// Something that provisioner never asks for, in AWS's words: only ever observed.
    Other(String),
}

/// The shares of blue and green, 0 to 999 each, relative to their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// Of blue.
    pub blue: u32,
    /// Of green.
    pub green: u32,
}

/// Which of the target groups is whose, as far as it is known: what an earlier run recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    pub blue: Option<TargetGroupArn>,
    pub green: Option<TargetGroupArn>,
}

impl Roles {
    /// Recorded roles, those that `wanted` names where nothing is recorded.
    pub fn known_or(known: Option<Roles>, wanted: &Action) -> Roles {
        known.filter(|roles| roles.blue.is_some() && roles.green.is_some()).unwrap_or_else(|| wanted.roles())
    }

    fn weights(&self, live: &Live) -> Option<Weights> {
        let weight = |role: &Option<TargetGroupArn>| live.weights.get(&**role.as_ref()?).copied();
        Some(Weights { blue: weight(&self.blue)?, green: weight(&self.green)? })
    }
}

/// Where a listener or rule forwards to at the moment.
struct Live {
    weights: BTreeMap<String, u32>,
    stickiness_seconds: Option<u32>,
}

impl Live {
    fn of(actions: &[types::Action]) -> Option<Live> {
        let [action] = actions else { return None };
        if action.r#type() != Some(&ActionTypeEnum::Forward) {
            return None;
        }
        let number = |n: Option<i32>| u32::try_from(n.unwrap_or_default()).unwrap_or_default();
        let config = action.forward_config();
        let tuples = config.map(ForwardActionConfig::target_groups).unwrap_or_default();
        let mut weights: BTreeMap<_, _> = tuples
            .iter()
            .map(|group| (group.target_group_arn().unwrap_or_default().to_owned(), number(group.weight())))
            .collect();
        if let (true, Some(only)) = (weights.is_empty(), action.target_group_arn()) {
            weights.insert(only.to_owned(), 1);
        }
        let sticky = config.and_then(ForwardActionConfig::target_group_stickiness_config);
        let sticky = sticky.filter(|sticky| sticky.enabled() == Some(true));
        let stickiness_seconds = sticky.map(|sticky| number(sticky.duration_seconds()));
        Some(Live { weights, stickiness_seconds })
    }
}

impl Action {
    /// What AWS's actions are in our words. Where they forward to just the groups that `self` or `roles` name, the
    /// weights are left out of the comparison.
    pub(super) fn observed(&self, actions: &[types::Action], roles: &Roles) -> Action {
        if let Some(port) = redirect(actions) {
            return Action::Redirect { port };
        }
        let other = || Action::Other(format!("{actions:?}"));
        let Some(live) = Live::of(actions) else { return other() };
        let stickiness_seconds = live.stickiness_seconds;
        if live.weights.len() == 2 {
            let (initial, wanted) = match self {
                Action::WeightedForward { initial, .. } => (Some(*initial), self.roles()),
                _ => (None, Roles::default()),
            };
            for roles in [&wanted, roles] {
                if let (Some(weights), Some(blue), Some(green)) = (roles.weights(&live), &roles.blue, &roles.green) {
                    let (blue, green, initial) = (blue.clone(), green.clone(), initial.unwrap_or(weights));
                    return Action::WeightedForward { blue, green, initial, stickiness_seconds };
                }
            }
        }
        match live.weights.keys().next() {
            Some(only) if live.weights.len() == 1 => Action::Forward { target_group: only.as_str().into() },
            _ => other(),
        }
    }

    /// For AWS, when it is made.
    pub(super) fn initial(&self) -> types::Action {
        self.with_weights(match self {
            Action::WeightedForward { initial, .. } => *initial,
            _ => Weights { blue: 1, green: 0 },
        })
    }

    /// For AWS, in place of what is there: with the weights as they are at this moment.
    pub(super) fn in_place_of(&self, now: &[types::Action], roles: &Roles) -> types::Action {
        match (self, Live::of(now)) {
            (Action::WeightedForward { blue, green, initial, .. }, Some(live)) => {
                self.with_weights(carried_over(&live.weights, [blue, green], roles).unwrap_or(*initial))
            }
            _ => self.initial(),
        }
    }

    /// For CloudFormation.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Action::Redirect { port } => {
                let config = json!({"Protocol": "HTTPS", "Port": port.to_string(), "StatusCode": "HTTP_301"});
                json!({"Type": "redirect", "RedirectConfig": config})
            }
            Action::Forward { target_group } => json!({"Type": "forward", "TargetGroupArn": target_group}),
            Action::WeightedForward { blue, green, initial, stickiness_seconds } => {
                let group = |arn, weight| json!({"TargetGroupArn": arn, "Weight": weight});
                let sticky = json!({"Enabled": stickiness_seconds.is_some(), "DurationSeconds": stickiness_seconds});
                let config = json!({
                    "TargetGroups": [group(blue, initial.blue), group(green, initial.green)],
                    "TargetGroupStickinessConfig": sticky,
                });
                json!({"Type": "forward", "ForwardConfig": config})
            }
            Action::Other(_) => Value::Null,
        }
    }

    /// What a listener or rule with this action gives, and what of it CloudFormation can't express.
    pub(super) fn complete(&self, form: Form) -> Form {
        match self {
            Action::Redirect { .. } | Action::Forward { .. } => form,
            Action::WeightedForward { blue, green, .. } => form
                .output("blue", &**blue)
                .output("green", &**green)
                .gap("the weights as they are: CloudFormation sets them back when it changes anything of the actions"),
            Action::Other(other) => form.gap(format!("the action {other}")),
        }
    }

    /// Whose the target groups are that it names.
    pub(super) fn roles(&self) -> Roles {
        match self {
            Action::WeightedForward { blue, green, .. } => {
                Roles { blue: Some(blue.clone()), green: Some(green.clone()) }
            }
            _ => Roles::default(),
        }
    }

    fn with_weights(&self, weights: Weights) -> types::Action {
        let action = types::Action::builder();
        match self {
            Action::Redirect { port } => {
                let config = RedirectActionConfig::builder().protocol("HTTPS").port(port.to_string());
                let config = config.status_code(RedirectActionStatusCodeEnum::Http301).build();
                action.r#type(ActionTypeEnum::Redirect).redirect_config(config).build()
            }
            Action::Forward { target_group } => {
                action.r#type(ActionTypeEnum::Forward).target_group_arn(&**target_group).build()
            }
            Action::WeightedForward { blue, green, stickiness_seconds, .. } => {
                let group = |arn: &str, weight: u32| {
                    TargetGroupTuple::builder().target_group_arn(arn).weight(weight.cast_signed()).build()
                };
                let sticky = TargetGroupStickinessConfig::builder().enabled(stickiness_seconds.is_some());
                let sticky = sticky.set_duration_seconds(stickiness_seconds.map(u32::cast_signed)).build();
                let config = ForwardActionConfig::builder().target_group_stickiness_config(sticky);
                let config = config.target_groups(group(blue, weights.blue)).target_groups(group(green, weights.green));
                action.r#type(ActionTypeEnum::Forward).forward_config(config.build()).build()
            }
            // Without a type: AWS refuses it.
            Action::Other(_) => action.build(),
        }
    }
}

/// The live weights for `[blue, green]`. A group that stands in for another one (it was replaced) takes over its weight:
/// that of the group that had its role, or whatever weight is left.
fn carried_over(live: &BTreeMap<String, u32>, [blue, green]: [&TargetGroupArn; 2], roles: &Roles) -> Option<Weights> {
    let key = |group: &TargetGroupArn, role: &Option<TargetGroupArn>| {
        let mut names = [Some(group), role.as_ref()].into_iter().flatten();
        names.find(|name| live.contains_key(&***name)).map(|name| name.0.clone())
    };
    let (blue, green) = (key(blue, &roles.blue), key(green, &roles.green));
    let of = |name: &String| live.get(name).copied().unwrap_or_default();
    let rest = |taken: &String| live.iter().filter(|(name, _)| *name != taken).map(|(_, weight)| *weight).sum();
    let weights = match (&blue, &green) {
        (Some(blue), Some(green)) => return Some(Weights { blue: of(blue), green: of(green) }),
        (Some(name), None) => Weights { blue: of(name), green: rest(name) },
        (None, Some(name)) => Weights { blue: rest(name), green: of(name) },
        (None, None) => return None,
    };
    (weights.blue + weights.green > 0).then_some(weights)
}

/// For people: the share of each environment, as it is in AWS.
pub(super) fn traffic(actions: &[types::Action], roles: &Roles) -> Option<String> {
    let weights = roles.weights(&Live::of(actions)?)?;
    let total = weights.blue + weights.green;
    if total == 0 {
        return Some("traffic: none, both weights are zero".to_owned());
    }
    let percent = |weight: u32| f64::from(weight * 1000 / total) / 10.0;
    Some(format!("traffic: blue {} %, green {} %", percent(weights.blue), percent(weights.green)))
}

/// The port if it redirects the way [`Action::Redirect`] does.
fn redirect(actions: &[types::Action]) -> Option<u16> {
    let [action] = actions else { return None };
    let config = action.redirect_config()?;
    let is = |field: Option<&str>, default: &str| field.is_none_or(|field| field == default);
    let same_place = is(config.host(), "#{host}") && is(config.path(), "/#{path}") && is(config.query(), "#{query}");
    let permanent = config.status_code() == Some(&RedirectActionStatusCodeEnum::Http301);
    (same_place && permanent && config.protocol() == Some("HTTPS")).then(|| config.port()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(blue: &str, green: &str) -> Action {
        let initial = Weights { blue: 100, green: 0 };
        Action::WeightedForward { blue: blue.into(), green: green.into(), initial, stickiness_seconds: None }
    }

    fn sent(action: &types::Action) -> Vec<(String, i32)> {
        let groups = action.forward_config().unwrap().target_groups().iter();
        groups.map(|g| (g.target_group_arn.clone().unwrap(), g.weight.unwrap())).collect()
    }

    fn live(blue: (&str, u32), green: (&str, u32)) -> Vec<types::Action> {
        vec![weighted(blue.0, green.0).with_weights(Weights { blue: blue.1, green: green.1 })]
    }

    #[test]
    fn shifted_weights_are_no_difference_and_shown() {
        let (wanted, live) = (weighted("b", "g"), live(("b", 70), ("g", 30)));
        assert_eq!(wanted.observed(&live, &Roles::default()), wanted);
        assert_eq!(traffic(&live, &wanted.roles()).as_deref(), Some("traffic: blue 70 %, green 30 %"));
    }

    #[test]
    fn an_update_keeps_the_weights_of_the_moment() {
        let wanted = weighted("b", "g");
        let action = wanted.in_place_of(&live(("b", 0), ("g", 100)), &wanted.roles());
        assert_eq!(sent(&action), [("b".into(), 0), ("g".into(), 100)]);
    }

    #[test]
    fn a_replaced_group_takes_over_the_weight_of_its_predecessor() {
        let now = live(("b", 70), ("g", 30));
        let roles = weighted("b", "g").roles();
        assert_eq!(sent(&weighted("b2", "g").in_place_of(&now, &roles)), [("b2".into(), 70), ("g".into(), 30)]);
        assert_eq!(sent(&weighted("b2", "g2").in_place_of(&now, &roles)), [("b2".into(), 70), ("g2".into(), 30)]);
        let unknown = Roles::default();
        assert_eq!(sent(&weighted("b2", "g").in_place_of(&now, &unknown)), [("b2".into(), 70), ("g".into(), 30)]);
    }

    #[test]
    fn a_foreign_group_is_a_difference() {
        let wanted = weighted("b", "g");
        assert_ne!(wanted.observed(&live(("b", 70), ("x", 30)), &wanted.roles()), wanted);
    }
}
