//! The actions of listeners and rules, and the live weights that traffic shifts change.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    self, ActionTypeEnum, ForwardActionConfig, RedirectActionConfig, RedirectActionStatusCodeEnum,
    TargetGroupStickinessConfig, TargetGroupTuple,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::resources::form::Form;
use crate::resources::ids::TargetGroupArn;

/// The action for a request.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-listeners.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Redirects the client to the same URL over HTTPS (301).
    Redirect {
        /// The HTTPS port.
        port: u16,
    },
    /// Forwards to one target group.
    Forward {
        /// The target group.
        target_group: TargetGroupArn,
    },
    /// Forwards to two target groups by live weights. `initial` is written when the listener or rule is created; from then on
    /// traffic shifts change the weights in AWS, and `plan` doesn't compare them.
    WeightedForward {
        /// The target group of blue.
        blue: TargetGroupArn,
        /// The target group of green.
        green: TargetGroupArn,
        /// The weights at creation.
        initial: Weights,
        /// How long a client stays with its target group, 1 s to 7 days. Overrides the weights.
        stickiness_seconds: Option<u32>,
    },
    /// Forwards to target groups by the weights of the spec: for systems without traffic shifts.
    FixedWeights {
        /// The target groups, up to five.
        target_groups: Vec<WeightedTargetGroup>,
        /// How long a client stays with its target group, 1 s to 7 days. Overrides the weights.
        stickiness_seconds: Option<u32>,
    },
    /// An action of another type, as AWS describes it: only ever observed.
    Other(String),
}

/// A target group with its weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedTargetGroup {
    /// The target group.
    pub target_group: TargetGroupArn,
    /// Its weight, 0 to 999, relative to the sum of all.
    pub weight: u32,
}

/// The weights of blue and green, 0 to 999 each, relative to their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    /// The weight of blue.
    pub blue: u32,
    /// The weight of green.
    pub green: u32,
}

/// The target groups of blue and green, as the state file records them.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles {
    pub blue: Option<TargetGroupArn>,
    pub green: Option<TargetGroupArn>,
}

impl Roles {
    /// The recorded roles, or those of the `desired` action if none are recorded.
    pub fn known_or(known: Option<Roles>, desired: &Action) -> Roles {
        known.filter(|roles| roles.blue.is_some() && roles.green.is_some()).unwrap_or_else(|| desired.roles())
    }

    fn weights(&self, live: &Live) -> Option<Weights> {
        let weight = |role: &Option<TargetGroupArn>| live.weights.get(&**role.as_ref()?).copied();
        Some(Weights { blue: weight(&self.blue)?, green: weight(&self.green)? })
    }
}

/// The current weights of a listener or rule.
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

    /// The weights in the order of the spec, as AWS returns them in any. Other groups take the places of missing ones.
    fn in_order_of(&self, spec: &[WeightedTargetGroup]) -> Vec<WeightedTargetGroup> {
        let is_desired = |arn: &String| spec.iter().any(|group| group.target_group.0 == *arn);
        let mut others = self.weights.iter().filter(|(arn, _)| !is_desired(arn));
        let desired = spec.iter().map(|group| self.weights.get_key_value(&*group.target_group));
        let mut groups: Vec<_> = desired.filter_map(|found| found.or_else(|| others.next())).collect();
        groups.extend(others);
        let group = |(arn, weight): (&String, &u32)| WeightedTargetGroup { target_group: arn.into(), weight: *weight };
        groups.into_iter().map(group).collect()
    }
}

impl Action {
    /// Forwards to one target group.
    pub fn forward(to: &TargetGroupArn) -> Self {
        Action::Forward { target_group: to.clone() }
    }

    /// Forwards to blue and green by live weights. All requests go to blue until the first shift, without stickiness.
    pub fn weighted(blue: &TargetGroupArn, green: &TargetGroupArn) -> Self {
        let (blue, green, initial) = (blue.clone(), green.clone(), Weights { blue: 100, green: 0 });
        Action::WeightedForward { blue, green, initial, stickiness_seconds: None }
    }

    /// AWS's actions in the form of the spec. If they forward to the two groups that `self` or `roles` name, the live weights
    /// are replaced by `initial`, so that they aren't compared.
    pub(super) fn observed(&self, actions: &[types::Action], roles: &Roles) -> Action {
        if let Some(port) = redirect(actions) {
            return Action::Redirect { port };
        }
        let other = || Action::Other(format!("{actions:?}"));
        let Some(live) = Live::of(actions) else { return other() };
        let stickiness_seconds = live.stickiness_seconds;
        if let Action::FixedWeights { target_groups, .. } = self {
            return Action::FixedWeights { target_groups: live.in_order_of(target_groups), stickiness_seconds };
        }
        if live.weights.len() == 2 {
            let (initial, desired) = match self {
                Action::WeightedForward { initial, .. } => (Some(*initial), self.roles()),
                _ => (None, Roles::default()),
            };
            for roles in [&desired, roles] {
                if let (Some(weights), Some(blue), Some(green)) = (roles.weights(&live), &roles.blue, &roles.green) {
                    let (blue, green, initial) = (blue.clone(), green.clone(), initial.unwrap_or(weights));
                    return Action::WeightedForward { blue, green, initial, stickiness_seconds };
                }
            }
        }
        match (live.weights.len(), live.weights.keys().next()) {
            (1, Some(only)) => Action::Forward { target_group: only.as_str().into() },
            (0, _) => other(),
            _ => Action::FixedWeights { target_groups: live.in_order_of(&[]), stickiness_seconds },
        }
    }

    /// The action for a create call.
    pub(super) fn initial(&self) -> types::Action {
        self.with_weights(match self {
            Action::WeightedForward { initial, .. } => *initial,
            _ => Weights { blue: 1, green: 0 },
        })
    }

    /// The action for a change, with the current weights.
    pub(super) fn replacing(&self, now: &[types::Action], roles: &Roles) -> types::Action {
        match (self, Live::of(now)) {
            (Action::WeightedForward { blue, green, initial, .. }, Some(live)) => {
                self.with_weights(carried_over(&live.weights, [blue, green], roles).unwrap_or(*initial))
            }
            _ => self.initial(),
        }
    }

    /// The action in CloudFormation.
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
            Action::FixedWeights { target_groups, stickiness_seconds } => {
                let group = |WeightedTargetGroup { target_group, weight }: &WeightedTargetGroup| json!({"TargetGroupArn": target_group, "Weight": weight});
                let sticky = json!({"Enabled": stickiness_seconds.is_some(), "DurationSeconds": stickiness_seconds});
                let groups: Vec<Value> = target_groups.iter().map(group).collect();
                let config = json!({"TargetGroups": groups, "TargetGroupStickinessConfig": sticky});
                json!({"Type": "forward", "ForwardConfig": config})
            }
            Action::Other(_) => Value::Null,
        }
    }

    /// Adds the outputs of a listener or rule with this action, and what CloudFormation can't express.
    pub(super) fn complete(&self, form: Form) -> Form {
        match self {
            Action::Redirect { .. } | Action::Forward { .. } | Action::FixedWeights { .. } => form,
            Action::WeightedForward { blue, green, .. } => form.output("blue", &**blue).output("green", &**green).gap(
                "the live weights: CloudFormation resets them to the initial ones whenever it changes the actions",
            ),
            Action::Other(other) => form.gap(format!("the action {other}")),
        }
    }

    /// The target groups of blue and green.
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
                forward([(&**blue, weights.blue), (&**green, weights.green)], *stickiness_seconds)
            }
            Action::FixedWeights { target_groups, stickiness_seconds } => {
                let weights = target_groups.iter().map(|group| (&*group.target_group, group.weight));
                forward(weights, *stickiness_seconds)
            }
            // AWS refuses an action without a type.
            Action::Other(_) => action.build(),
        }
    }
}

/// A forward action for AWS.
fn forward<'a>(weights: impl IntoIterator<Item = (&'a str, u32)>, stickiness_seconds: Option<u32>) -> types::Action {
    let group = |(arn, weight): (&str, u32)| {
        TargetGroupTuple::builder().target_group_arn(arn).weight(weight.cast_signed()).build()
    };
    let sticky = TargetGroupStickinessConfig::builder().enabled(stickiness_seconds.is_some());
    let sticky = sticky.set_duration_seconds(stickiness_seconds.map(u32::cast_signed)).build();
    let config = ForwardActionConfig::builder().target_group_stickiness_config(sticky);
    let config = config.set_target_groups(Some(weights.into_iter().map(group).collect())).build();
    types::Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config).build()
}

/// The live weights for `[blue, green]`. The replacement of a target group takes over the weight of the group that had its
/// role, or the weight that no other group has.
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

/// The current share of each environment, for people.
pub(super) fn traffic(actions: &[types::Action], roles: &Roles) -> Option<String> {
    let weights = roles.weights(&Live::of(actions)?)?;
    let total = weights.blue + weights.green;
    if total == 0 {
        return Some("traffic: none, both weights are zero".to_owned());
    }
    let percent = |weight: u32| f64::from(weight * 1000 / total) / 10.0;
    Some(format!("traffic: blue {} %, green {} %", percent(weights.blue), percent(weights.green)))
}

/// The port of a redirect as [`Action::Redirect`] describes it.
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
    fn shifted_weights_are_shown_and_no_difference() {
        let (desired, live) = (weighted("b", "g"), live(("b", 70), ("g", 30)));
        assert_eq!(desired.observed(&live, &Roles::default()), desired);
        assert_eq!(traffic(&live, &desired.roles()).as_deref(), Some("traffic: blue 70 %, green 30 %"));
    }

    #[test]
    fn updates_keep_the_live_weights() {
        let desired = weighted("b", "g");
        let action = desired.replacing(&live(("b", 0), ("g", 100)), &desired.roles());
        assert_eq!(sent(&action), [("b".into(), 0), ("g".into(), 100)]);
    }

    #[test]
    fn replaced_groups_keep_their_weights() {
        let now = live(("b", 70), ("g", 30));
        let roles = weighted("b", "g").roles();
        assert_eq!(sent(&weighted("b2", "g").replacing(&now, &roles)), [("b2".into(), 70), ("g".into(), 30)]);
        assert_eq!(sent(&weighted("b2", "g2").replacing(&now, &roles)), [("b2".into(), 70), ("g2".into(), 30)]);
        let unknown = Roles::default();
        assert_eq!(sent(&weighted("b2", "g").replacing(&now, &unknown)), [("b2".into(), 70), ("g".into(), 30)]);
    }

    #[test]
    fn fixed_weights_are_compared() {
        let fixed = |weights: [(&str, u32); 2]| {
            let group = |(arn, weight): (&str, u32)| WeightedTargetGroup { target_group: arn.into(), weight };
            Action::FixedWeights { target_groups: weights.map(group).to_vec(), stickiness_seconds: None }
        };
        let desired = fixed([("g", 30), ("b", 70)]);
        assert_eq!(desired.observed(&[desired.initial()], &Roles::default()), desired);
        assert_eq!(desired.observed(&live(("b", 1), ("g", 9)), &Roles::default()), fixed([("g", 9), ("b", 1)]));
        assert_eq!(desired.observed(&live(("b", 1), ("x", 9)), &Roles::default()), fixed([("x", 9), ("b", 1)]));
    }

    #[test]
    fn unknown_groups_are_a_difference() {
        let desired = weighted("b", "g");
        assert_ne!(desired.observed(&live(("b", 70), ("x", 30)), &desired.roles()), desired);
    }
}
