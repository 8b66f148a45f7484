//! The weights of load balancers: read afresh each time, and written whole, never by what somebody remembers.

use aws_config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, Listener, Rule, TargetGroupStickinessConfig, TargetGroupTuple,
};
use aws_types::request_id::RequestId;
use futures::future::try_join_all;

use super::event::Weight;
use super::levers::EdgeLever;
use super::share::{Share, Split};
use crate::aws::{Class, Cloud, Error, Result};

/// An edge, as it shares its requests at the moment.
#[derive(Clone, Debug)]
pub struct EdgeNow {
    /// The environment whose edge it is.
    pub name: String,
    /// What shares its requests between blue and green: the listener itself, and rules that come before it. A rule that
    /// leads to one environment on purpose, such as that of health checks, is none of them.
    pub rules: Vec<RuleNow>,
}

/// Something of a listener that forwards by weight.
#[derive(Clone, Debug)]
pub struct RuleNow {
    /// The rule's ARN; `None` for the listener's own action.
    pub arn: Option<String>,
    /// The weights.
    pub split: Split,
    /// Clients stay with the environment that first served them, whatever the weights.
    pub sticky: bool,
    actions: Vec<Action>,
}

impl EdgeNow {
    /// The weights, by rule.
    pub fn weights(&self) -> impl Iterator<Item = Weight> + '_ {
        self.rules.iter().map(|rule| {
            let rule_name = rule.arn.as_deref().and_then(|arn| arn.rsplit('/').next());
            let lever = match rule_name {
                None => format!("{} edge", self.name),
                Some(rule) => format!("{} edge, rule {rule}", self.name),
            };
            Weight { lever, split: rule.split, sticky: rule.sticky }
        })
    }

    /// What tells its rules from those of all edges: the edge's name, and the rule's ARN.
    pub fn arns(&self) -> impl Iterator<Item = (String, Option<String>)> + '_ {
        self.rules.iter().map(|rule| (self.name.clone(), rule.arn.clone()))
    }

    /// True if all of it gives green this share, and nothing overrides that.
    pub fn gives(&self, share: Share) -> bool {
        self.weights().all(|weight| weight.is(share))
    }

    /// True if all of it gives green no more than this share, and nothing overrides that.
    pub fn gives_at_most(&self, share: Share) -> bool {
        self.weights().all(|weight| weight.is_at_most(share))
    }
}

/// Reads the weights of an edge: of its listener and of all its rules.
///
/// # Errors
/// The listener is gone, or its own action isn't a forward to the edge's two groups: somebody has made something else of it.
pub async fn read(cloud: &Cloud, edge: &EdgeLever) -> Result<EdgeNow> {
    let elb = &cloud.region(&edge.region).elb;
    let rules = async {
        let pages = elb.describe_rules().listener_arn(&*edge.listener).into_paginator().items().send();
        let rules: Vec<Rule> = pages.try_collect().await?;
        Ok(rules)
    };
    let (listener, rules) = tokio::try_join!(listener(cloud, edge), rules)?;
    now(edge, listener.as_ref(), &rules)
}

/// Reads only the weights of the lever's own default action or rule: one call.
pub async fn read_own(cloud: &Cloud, edge: &EdgeLever) -> Result<EdgeNow> {
    let elb = &cloud.region(&edge.region).elb;
    // No retry: if the read fails, the caller writes without it.
    let once = aws_sdk_elasticloadbalancingv2::config::Builder::default().retry_config(RetryConfig::disabled());
    match &edge.rule {
        None => {
            let request = elb.describe_listeners().listener_arns(&*edge.listener);
            let answer = request.customize().config_override(once).send().await?;
            now(edge, answer.listeners().first(), &[])
        }
        Some(rule) => {
            let answer = elb.describe_rules().rule_arns(&**rule).customize().config_override(once).send().await?;
            now(edge, None, answer.rules())
        }
    }
}

async fn listener(cloud: &Cloud, edge: &EdgeLever) -> Result<Option<Listener>> {
    let request = cloud.region(&edge.region).elb.describe_listeners().listener_arns(&*edge.listener);
    Ok(request.send().await?.listeners.unwrap_or_default().into_iter().next())
}

/// Reads all edges at once.
pub async fn read_all(cloud: &Cloud, edges: &[EdgeLever]) -> Result<Vec<EdgeNow>> {
    try_join_all(edges.iter().map(|edge| read(cloud, edge))).await
}

fn now(edge: &EdgeLever, listener: Option<&Listener>, rules: &[Rule]) -> Result<EdgeNow> {
    if listener.is_none() && edge.rule.is_none() {
        let gone = Error::local(format!("the listener of {}'s edge is gone", edge.name));
        let gone = gone.with_help("`provisioner plan` tells what is missing, `provisioner apply` makes it again");
        return Err(Error { class: Class::NotFound, ..gone });
    }
    let default = listener.into_iter().map(|listener| (None, listener.default_actions()));
    let rules = rules.iter().filter(|rule| rule.is_default() != Some(true));
    let all = default.chain(rules.map(|rule| (rule.rule_arn.clone(), rule.actions())));
    let (own, others): (Vec<_>, Vec<_>) = all.partition(|(arn, _)| arn.as_deref() == edge.rule.as_deref());
    let Some(own) = own.into_iter().find_map(|(arn, actions)| RuleNow::of(edge, arn, actions)) else {
        let message = format!("the listener of {}'s edge doesn't forward to its two target groups", edge.name);
        let help =
            "it was left as it is: somebody put something else there, or it was replaced; `provisioner plan` tells";
        return Err(Error::local(message).with_help(help));
    };
    // One that names both groups shares; one that names a single group leads there on purpose.
    let others = others.into_iter().filter_map(|(arn, actions)| RuleNow::of(edge, arn, actions));
    let others = others.filter(|rule| groups(&rule.actions).len() == 2);
    Ok(EdgeNow { name: edge.name.clone(), rules: [own].into_iter().chain(others).collect() })
}

impl RuleNow {
    /// `None` if it doesn't forward, or to other groups than the edge's.
    fn of(edge: &EdgeLever, arn: Option<String>, actions: &[Action]) -> Option<Self> {
        let groups = groups(actions);
        let weight = |arn: &str| groups.iter().filter(|(group, _)| group == arn).map(|(_, weight)| weight).sum();
        let ours = |(group, _): &(String, u32)| *group == *edge.blue.0 || *group == *edge.green.0;
        if groups.is_empty() || !groups.iter().all(ours) {
            return None;
        }
        let forward = actions.iter().find_map(|action| action.forward_config());
        let sticky = forward.and_then(ForwardActionConfig::target_group_stickiness_config);
        Some(RuleNow {
            arn,
            split: Split { blue: weight(&edge.blue), green: weight(&edge.green) },
            sticky: sticky.and_then(TargetGroupStickinessConfig::enabled).unwrap_or_default(),
            actions: actions.to_vec(),
        })
    }
}

/// What a forward leads to, with weights. A single group may come without.
fn groups(actions: &[Action]) -> Vec<(String, u32)> {
    let Some(forward) = actions.iter().find(|action| is_forward(action)) else { return Vec::new() };
    let tuples = forward.forward_config().map(ForwardActionConfig::target_groups).unwrap_or_default();
    let weight = |tuple: &TargetGroupTuple| u32::try_from(tuple.weight().unwrap_or(1)).unwrap_or_default();
    let named = |tuple: &TargetGroupTuple| (tuple.target_group_arn().unwrap_or_default().to_owned(), weight(tuple));
    match forward.target_group_arn() {
        Some(only) if tuples.is_empty() => vec![(only.to_owned(), 1)],
        _ => tuples.iter().map(named).collect(),
    }
}

fn is_forward(action: &Action) -> bool {
    action.r#type() == Some(&ActionTypeEnum::Forward)
}

/// Gives green this share on one edge, by every rule that isn't like that yet, all at once. Returns AWS's request ids. What
/// else a rule does (authentication) stays; stickiness goes, as it overrides weights.
pub async fn write(cloud: &Cloud, edge: &EdgeLever, now: &EdgeNow, share: Share) -> Result<Vec<String>> {
    write_some(cloud, edge, now, |rule| (rule.sticky || !rule.split.is(share)).then_some(share)).await
}

/// The same by the rules alone that give green more than that. One that only binds clients keeps its weights.
pub async fn lower(cloud: &Cloud, edge: &EdgeLever, now: &EdgeNow, share: Share) -> Result<Vec<String>> {
    let lowered = |rule: &RuleNow| match rule.split.share() {
        _ if !rule.split.is_at_most(share) => Some(share),
        own if rule.sticky => Some(own.map_or(share, |own| own.min(share))),
        _ => None,
    };
    write_some(cloud, edge, now, lowered).await
}

async fn write_some(
    cloud: &Cloud,
    edge: &EdgeLever,
    now: &EdgeNow,
    which: impl Fn(&RuleNow) -> Option<Share>,
) -> Result<Vec<String>> {
    let elb = &cloud.region(&edge.region).elb;
    let other = now.rules.iter().filter_map(|rule| Some((rule, which(rule)?)));
    let ids = try_join_all(other.map(|(rule, share)| async move {
        let actions = Some(with_share(edge, &rule.actions, share));
        let id = match &rule.arn {
            None => {
                let modify = elb.modify_listener().listener_arn(&*edge.listener).set_default_actions(actions);
                modify.send().await?.request_id().map(str::to_owned)
            }
            Some(arn) => {
                let modify = elb.modify_rule().rule_arn(arn).set_actions(actions);
                modify.send().await?.request_id().map(str::to_owned)
            }
        };
        Ok::<_, Error>(id)
    }));
    Ok(ids.await?.into_iter().flatten().collect())
}

/// Writes the share to the listener itself without having read anything: for when reading is what fails.
pub async fn write_unseen(cloud: &Cloud, edge: &EdgeLever, share: Share) -> Result<Vec<String>> {
    let elb = &cloud.region(&edge.region).elb;
    let action = forward(edge, share, None);
    let id = match &edge.rule {
        None => {
            let modify = elb.modify_listener().listener_arn(&*edge.listener);
            modify.default_actions(action).send().await?.request_id().map(str::to_owned)
        }
        Some(rule) => elb.modify_rule().rule_arn(&**rule).actions(action).send().await?.request_id().map(str::to_owned),
    };
    Ok(id.into_iter().collect())
}

fn with_share(edge: &EdgeLever, actions: &[Action], share: Share) -> Vec<Action> {
    let one = |action: &Action| {
        if is_forward(action) { forward(edge, share, action.order()) } else { action.clone() }
    };
    actions.iter().map(one).collect()
}

fn forward(edge: &EdgeLever, share: Share, order: Option<i32>) -> Action {
    let Split { blue, green } = share.split();
    let group =
        |arn: &str, weight: u32| TargetGroupTuple::builder().target_group_arn(arn).weight(weight.cast_signed()).build();
    let config = ForwardActionConfig::builder()
        .target_groups(group(&edge.blue, blue))
        .target_groups(group(&edge.green, green))
        .target_group_stickiness_config(TargetGroupStickinessConfig::builder().enabled(false).build());
    Action::builder().r#type(ActionTypeEnum::Forward).set_order(order).forward_config(config.build()).build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edge() -> EdgeLever {
        let arn = |what: &str| format!("arn:aws:elasticloadbalancing:us-east-1:1:{what}");
        EdgeLever {
            name: "blue".to_owned(),
            region: "us-east-1".to_owned(),
            listener: arn("listener/app/a/1/2").into(),
            rule: None,
            blue: arn("targetgroup/b/1").into(),
            green: arn("targetgroup/g/2").into(),
        }
    }

    fn listener(actions: Vec<Action>) -> Listener {
        Listener::builder().set_default_actions(Some(actions)).build()
    }

    fn single(group: &str) -> Action {
        Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build()
    }

    proptest! {
        #[test]
        fn a_written_share_reads_back_as_itself_and_never_as_nothing(percent in 0u8..=100) {
            let (edge, share) = (edge(), Share::try_from(percent).unwrap());
            let now = now(&edge, Some(&listener(vec![forward(&edge, share, None)])), &[]).unwrap();
            prop_assert!(now.gives(share));
            prop_assert!(now.rules[0].split.blue + now.rules[0].split.green > 0);
            prop_assert!(!now.rules[0].sticky);
        }
    }

    #[test]
    fn a_rule_that_leads_to_one_environment_is_left_alone_and_one_that_shares_is_not() {
        let edge = edge();
        let rule = |arn: &str, action: Action| Rule::builder().rule_arn(arn).is_default(false).actions(action).build();
        let half = Share::try_from(50).unwrap();
        let rules = [rule("r/health", single(&edge.green)), rule("r/api", forward(&edge, half, None))];
        let now = now(&edge, Some(&listener(vec![forward(&edge, Share::BLUE, None)])), &rules).unwrap();
        let weights: Vec<_> = now.weights().map(|weight| (weight.lever, weight.split.green)).collect();
        assert_eq!(weights, [("blue edge".to_owned(), 0), ("blue edge, rule api".to_owned(), 50)]);
        assert!(!now.gives(Share::BLUE) && !now.gives(half));
    }

    #[test]
    fn lever_on_a_rule_leaves_the_default_action_alone() {
        let arn = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/a/1/2/3";
        let edge = EdgeLever { rule: Some(arn.into()), ..edge() };
        let rule = Rule::builder().rule_arn(arn).is_default(false).actions(forward(&edge, Share::GREEN, None)).build();
        let live = now(&edge, Some(&listener(vec![single("arn:other")])), std::slice::from_ref(&rule)).unwrap();
        let weights: Vec<_> = live.weights().map(|weight| weight.lever).collect();
        assert_eq!(weights, ["blue edge, rule 3"]);
        assert!(live.gives(Share::GREEN) && now(&edge, None, &[rule]).unwrap().gives(Share::GREEN));
        assert!(now(&edge, Some(&listener(vec![forward(&edge, Share::BLUE, None)])), &[]).is_err());
    }

    #[test]
    fn a_single_group_is_all_of_it_and_a_foreign_one_is_refused() {
        let edge = edge();
        let all_green = now(&edge, Some(&listener(vec![single(&edge.green)])), &[]).unwrap();
        assert!(all_green.gives(Share::GREEN));
        for foreign in [vec![single("arn:x")], vec![], vec![Action::builder().r#type(ActionTypeEnum::Redirect).build()]]
        {
            assert!(now(&edge, Some(&listener(foreign)), &[]).is_err());
        }
        assert!(now(&edge, None, &[]).is_err_and(|error| error.is_not_found()));
    }

    #[test]
    fn what_else_a_rule_does_stays_and_stickiness_goes() {
        let edge = edge();
        let sticky = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(3600).build();
        let mut sharing = forward(&edge, Share::BLUE, Some(2));
        sharing.forward_config.as_mut().unwrap().target_group_stickiness_config = Some(sticky);
        let login = Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).build();
        let actions = vec![login.clone(), sharing];
        let now = now(&edge, Some(&listener(actions.clone())), &[]).unwrap();
        assert!(!now.gives(Share::BLUE), "clients that are bound to green stay there");
        assert_eq!(with_share(&edge, &actions, Share::BLUE), [login, forward(&edge, Share::BLUE, Some(2))]);
    }
}
