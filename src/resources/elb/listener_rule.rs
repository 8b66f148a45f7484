use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{
    self, HostHeaderConditionConfig, HttpHeaderConditionConfig, PathPatternConditionConfig, RuleCondition,
    RulePriorityPair,
};

use super::action::{Action, Roles, traffic};
use super::{tags_of, to_sdk};
use crate::resources::prelude::*;

/// A rule of a listener. It takes precedence over the listener's own action.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerRule {
    /// The listener.
    pub listener: ListenerArn,
    /// 1 to 50000, unique in the listener: the rule with the lowest number is evaluated first.
    pub priority: u16,
    /// The conditions: a request has to meet all of them.
    pub conditions: Conditions,
    /// The action for these requests.
    pub action: Action,
}

/// The conditions of a rule: at least one kind, at most five values in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Path patterns, with `*` and `?`.
    pub paths: BTreeSet<String>,
    /// Host name patterns.
    pub hosts: BTreeSet<String>,
    /// Value patterns of headers, by header name.
    pub headers: BTreeMap<String, BTreeSet<String>>,
    /// Conditions of other kinds: only ever observed.
    pub others: BTreeSet<String>,
}

/// The outputs of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerRuleOutputs {
    /// Its ARN.
    pub arn: ListenerRuleArn,
    /// The target group of blue, if the action is [`Action::WeightedForward`].
    pub blue: Option<TargetGroupArn>,
    /// The target group of green, if the action is [`Action::WeightedForward`].
    pub green: Option<TargetGroupArn>,
}

impl ListenerRule {
    /// A rule for requests with these path patterns.
    pub fn for_paths(
        listener: &ListenerArn,
        priority: u16,
        paths: impl IntoIterator<Item = impl Into<String>>,
        action: Action,
    ) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        let conditions = Conditions { paths, ..Conditions::default() };
        ListenerRule { listener: listener.clone(), priority, conditions, action }
    }
}

impl Resource for ListenerRule {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["listener"],
        no_forced_replace: Some("it has live weights, which would be lost"),
        ..TypeInfo::new(
            "elb.listener_rule",
            seconds(2),
            &[
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:CreateRule",
                "elasticloadbalancing:ModifyRule",
                "elasticloadbalancing:SetRulePriorities",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:DeleteRule",
            ],
        )
    };

    type Outputs = ListenerRuleOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ListenerRuleOutputs>) -> Result<Option<Found<Self>>> {
        // A known rule may be one of another listener, if that changes.
        let listener = known.and_then(|known| listener_of(&known.arn)).unwrap_or_else(|| self.listener.clone());
        if !listener.is_known() {
            return Ok(None);
        }
        let all = all(cx, &listener).await?;
        let priority = self.priority.to_string();
        let is_this = |rule: &&types::Rule| match known {
            Some(known) => rule.rule_arn() == Some(&known.arn),
            None => rule.priority() == Some(&priority),
        };
        let Some(rule) = all.iter().find(is_this) else { return Ok(None) };
        let arn = rule.rule_arn().unwrap_or_default();
        let siblings: Vec<_> = all.iter().filter_map(|rule| rule.rule_arn.clone()).collect();
        let tags = tags_of(cx, arn, &siblings).await?;
        let roles = Roles::known_or(known.map(ListenerRuleOutputs::roles), &self.action);
        let spec = ListenerRule {
            listener,
            priority: rule.priority().and_then(|priority| priority.parse().ok()).unwrap_or_default(),
            conditions: Conditions::observed(rule.conditions()),
            action: self.action.observed(rule.actions(), &roles),
        };
        let live = traffic(rule.actions(), &roles);
        Ok(Some(Found { live, ..Found::tagged(spec, outputs(arn, roles), tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<ListenerRuleOutputs> {
        let request = cx.elb.create_rule().listener_arn(&*self.listener).priority(self.priority.into());
        let request = request.set_conditions(Some(self.conditions.to_sdk())).actions(self.action.initial());
        let answer = request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        let missing = Error::incomplete("elasticloadbalancing:CreateRule", "RuleArn");
        let arn = answer.rules().first().and_then(|rule| rule.rule_arn()).ok_or(missing)?;
        Ok(outputs(arn, self.action.roles()))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<ListenerRuleOutputs> {
        let arn = &found.outputs.arn;
        if changes.has("priority") {
            let pair = RulePriorityPair::builder().rule_arn(&**arn).priority(self.priority.into()).build();
            cx.elb.set_rule_priorities().rule_priorities(pair).send().await?;
        }
        // Parameters that a call omits stay as they are: only a change of the action writes the weights.
        if changes.has("conditions") {
            let request = cx.elb.modify_rule().rule_arn(&**arn);
            request.set_conditions(Some(self.conditions.to_sdk())).send().await?;
        }
        if changes.has("action") {
            let now = cx.elb.describe_rules().rule_arns(&**arn).send().await?;
            let now = now.rules().first().map(types::Rule::actions).unwrap_or_default();
            let action = self.action.replacing(now, &found.outputs.roles());
            cx.elb.modify_rule().rule_arn(&**arn).actions(action).send().await?;
        }
        Ok(outputs(arn, self.action.roles()))
    }

    async fn tag(cx: &Cx, outputs: &ListenerRuleOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ListenerRuleOutputs) -> Result<()> {
        let delete = async { Ok(cx.elb.delete_rule().rule_arn(&*outputs.arn).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listenerrule.html>
    fn cloudformation(&self) -> Form {
        let rule = properties!(self, ListenerRule {
            listener => "ListenerArn",
            priority => "Priority",
            conditions => "Conditions": conditions.to_json(),
            action => "Actions": json!([action.to_json()]),
        });
        let form = Form::resource("AWS::ElasticLoadBalancingV2::ListenerRule", rule);
        self.action.complete(form.output("arn", Form::reference()))
    }
}

impl Conditions {
    fn observed(conditions: &[RuleCondition]) -> Self {
        let mut all = Conditions::default();
        for condition in conditions {
            // AWS returns the values of some kinds in one of two places.
            let plain = condition.values();
            match condition.field().unwrap_or_default() {
                "path-pattern" => {
                    let values = condition.path_pattern_config().map(PathPatternConditionConfig::values);
                    all.paths.extend(values.unwrap_or(plain).iter().cloned());
                }
                "host-header" => {
                    let values = condition.host_header_config().map(HostHeaderConditionConfig::values);
                    all.hosts.extend(values.unwrap_or(plain).iter().cloned());
                }
                "http-header" => {
                    if let Some(config) = condition.http_header_config() {
                        let name = config.http_header_name().unwrap_or_default().to_owned();
                        all.headers.entry(name).or_default().extend(config.values().iter().cloned());
                    }
                }
                other => _ = all.others.insert(other.to_owned()),
            }
        }
        all
    }

    fn to_sdk(&self) -> Vec<RuleCondition> {
        let mut all = Vec::new();
        if !self.paths.is_empty() {
            let config = PathPatternConditionConfig::builder().set_values(Some(self.paths.iter().cloned().collect()));
            all.push(RuleCondition::builder().field("path-pattern").path_pattern_config(config.build()).build());
        }
        if !self.hosts.is_empty() {
            let config = HostHeaderConditionConfig::builder().set_values(Some(self.hosts.iter().cloned().collect()));
            all.push(RuleCondition::builder().field("host-header").host_header_config(config.build()).build());
        }
        for (name, values) in &self.headers {
            let config = HttpHeaderConditionConfig::builder().http_header_name(name);
            let config = config.set_values(Some(values.iter().cloned().collect())).build();
            all.push(RuleCondition::builder().field("http-header").http_header_config(config).build());
        }
        all
    }

    /// The conditions in CloudFormation.
    fn to_json(&self) -> Value {
        let Conditions { paths, hosts, headers, others: _ } = self;
        let mut all = Vec::new();
        if !paths.is_empty() {
            all.push(json!({"Field": "path-pattern", "PathPatternConfig": {"Values": paths}}));
        }
        if !hosts.is_empty() {
            all.push(json!({"Field": "host-header", "HostHeaderConfig": {"Values": hosts}}));
        }
        for (name, values) in headers {
            let config = json!({"HttpHeaderName": name, "Values": values});
            all.push(json!({"Field": "http-header", "HttpHeaderConfig": config}));
        }
        all.into()
    }
}

impl ListenerRuleOutputs {
    fn roles(&self) -> Roles {
        Roles { blue: self.blue.clone(), green: self.green.clone() }
    }
}

/// The listener of a rule, according to its ARN:
/// `arn:aws:elasticloadbalancing:…:listener-rule/app/name/id/listener-id/rule-id`.
fn listener_of(rule: &str) -> Option<ListenerArn> {
    let (arn, _id) = rule.rsplit_once('/')?;
    arn.contains(":listener-rule/").then(|| arn.replacen(":listener-rule/", ":listener/", 1).into())
}

fn outputs(arn: &str, Roles { blue, green }: Roles) -> ListenerRuleOutputs {
    ListenerRuleOutputs { arn: arn.into(), blue, green }
}

async fn all(cx: &Cx, listener: &str) -> Result<Arc<Vec<types::Rule>>> {
    let load = async {
        let pages = cx.elb.describe_rules().listener_arn(listener).into_paginator();
        let read = async { Ok(pages.items().send().try_collect().await?) };
        Ok(ignore_not_found(read.await)?.unwrap_or_default())
    };
    cx.inventory.once(format!("elb.rules.{listener}"), load).await
}
