use aws_sdk_wafv2::types::{
    self, AllowAction, BlockAction, DefaultAction, ManagedRuleGroupStatement, NoneAction, OverrideAction,
    RateBasedStatement, RateBasedStatementAggregateKeyType as Aggregate, RuleAction, Scope, Statement,
    VisibilityConfig, WebAclSummary,
};

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags;
use crate::resources::tags::Built;

/// A web ACL for load balancers. It allows requests that no rule blocks.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/web-acl.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebAcl {
    /// Up to 128 letters, digits, `-` and `_`.
    pub name: String,
    /// The rules, in the order of their evaluation.
    pub rules: Vec<Rule>,
    /// CloudWatch metrics and sampled requests of each rule.
    pub rule_metrics: bool,
}

/// A rule of a web ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A managed rule group of AWS, for example `AWSManagedRulesCommonRuleSet`.
    /// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html>
    Managed {
        /// Its name.
        group: String,
    },
    /// Blocks IP addresses with too many requests.
    Rate {
        /// The allowed number of requests from one address in a window, 10 to 2,000,000,000.
        limit: i64,
        /// The length of a window: 60, 120, 300 or 600 s.
        window_seconds: i64,
    },
    /// Another rule: only ever observed.
    Other {
        /// Its name.
        name: String,
    },
}

/// The outputs of a web ACL.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebAclOutputs {
    /// Its ARN.
    pub arn: WebAclArn,
    /// Its id.
    pub id: String,
    /// The dimension `WebACL` of its metrics.
    pub name: String,
}

impl Resource for WebAcl {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "waf.web_acl",
            seconds(5),
            &[
                "wafv2:ListWebACLs",
                "wafv2:GetWebACL",
                "wafv2:ListTagsForResource",
                "wafv2:CreateWebACL",
                "wafv2:UpdateWebACL",
                "wafv2:TagResource",
                "wafv2:UntagResource",
                "wafv2:DeleteWebACL",
            ],
        )
    };

    type Outputs = WebAclOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&WebAclOutputs>) -> Result<Option<Found<Self>>> {
        let outputs = match known {
            Some(known) => known.clone(),
            None => {
                let all = all(cx).await?;
                let Some(acl) = all.iter().find(|acl| acl.name() == Some(&self.name)) else { return Ok(None) };
                outputs(acl)
            }
        };
        let Some((acl, _)) = ignore_not_found(get(cx, &outputs).await)? else { return Ok(None) };
        let tags = tags::of_arn(cx, &outputs.arn, || async {
            let answer = cx.waf.list_tags_for_resource().resource_arn(&*outputs.arn).send().await?;
            Ok(from_sdk(answer.tag_info_for_resource().map(types::TagInfoForResource::tag_list).unwrap_or_default()))
        });
        let tags = tags.await?;
        let mut rules = acl.rules.clone().unwrap_or_default();
        rules.sort_by_key(types::Rule::priority);
        let allows = acl.default_action().is_some_and(|action| action.allow().is_some());
        let other = (!allows).then(|| Rule::Other { name: "block by default".to_owned() });
        let configs = rules.iter().map(types::Rule::visibility_config).chain([acl.visibility_config()]);
        let spec = WebAcl {
            name: acl.name().to_owned(),
            rules: rules.iter().map(Rule::observed).chain(other).collect(),
            rule_metrics: configs.flatten().all(|c| c.cloud_watch_metrics_enabled() && c.sampled_requests_enabled()),
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<WebAclOutputs> {
        let create = || async {
            let request = cx.waf.create_web_acl().name(&self.name).scope(Scope::Regional).default_action(allow());
            let request = request.set_rules(Some(self.rules())).visibility_config(self.visibility(&self.name));
            Ok(request.set_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        let answer = cx.retry_while_retryable("WAF to know the rule groups", create).await?;
        let summary = answer.summary.ok_or(Error::incomplete("wafv2:CreateWebACL", "Summary"))?;
        Ok(outputs(&summary))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<WebAclOutputs> {
        let WebAclOutputs { id, name, .. } = &found.outputs;
        let update = || async {
            let (_, lock) = get(cx, &found.outputs).await?;
            let request = cx.waf.update_web_acl().id(id).name(name).scope(Scope::Regional).lock_token(lock);
            let request = request.default_action(allow()).set_rules(Some(self.rules()));
            Ok(request.visibility_config(self.visibility(name)).send().await?)
        };
        cx.retry_while("WAF to complete another change", Patience::SHORT, is_busy, update).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &WebAclOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        tags::change(
            set,
            remove,
            |set| cx.waf.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send(),
            |keys| cx.waf.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send(),
        )
        .await
    }

    async fn delete(cx: &Cx, outputs: &WebAclOutputs) -> Result<()> {
        let WebAclOutputs { id, name, .. } = outputs;
        let delete = || async {
            let (_, lock) = get(cx, outputs).await?;
            let request = cx.waf.delete_web_acl().id(id).name(name).scope(Scope::Regional);
            Ok(request.lock_token(lock).send().await.map(|_| ())?)
        };
        let what = "WAF to know that the web ACL isn't used any more";
        ignore_not_found(cx.retry_while(what, Patience::SHORT, is_busy, delete).await)?;
        Ok(())
    }

    fn hourly_charge(&self) -> Option<String> {
        let month = 5 + self.rules.len();
        Some(format!("${month} a month, by the hour, and $0.60 per million requests"))
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webacl.html>
    fn cloudformation(&self) -> Form {
        let WebAcl { name, rule_metrics, .. } = self;
        let visibility = |metric: &str| {
            json!({
                "MetricName": metric,
                "CloudWatchMetricsEnabled": rule_metrics,
                "SampledRequestsEnabled": rule_metrics,
            })
        };
        let rule = |(priority, rule): (usize, &Rule)| {
            let name = rule.name();
            let mut properties = rule.cloudformation();
            properties["VisibilityConfig"] = visibility(&name);
            properties["Name"] = name.into();
            properties["Priority"] = priority.into();
            properties
        };
        let acl = properties!(self, WebAcl {
            name => "Name",
            "Scope": "REGIONAL",
            "DefaultAction": json!({"Allow": {}}),
            rules => "Rules": rules.iter().enumerate().map(rule).collect::<Vec<_>>(),
            rule_metrics => "VisibilityConfig": visibility(name),
        });
        let form = Form::resource("AWS::WAFv2::WebACL", acl).output("arn", Form::attribute("Arn"));
        form.output("id", Form::attribute("Id")).output("name", name)
    }
}

impl WebAcl {
    fn rules(&self) -> Vec<types::Rule> {
        (0..).zip(&self.rules).map(|(priority, rule)| rule.to_sdk(priority, self.visibility(&rule.name()))).collect()
    }

    fn visibility(&self, metric: &str) -> VisibilityConfig {
        let config = VisibilityConfig::builder().metric_name(metric).cloud_watch_metrics_enabled(self.rule_metrics);
        config.sampled_requests_enabled(self.rule_metrics).build().built()
    }
}

impl Rule {
    fn name(&self) -> String {
        match self {
            Rule::Managed { group: name } | Rule::Other { name } => name.clone(),
            Rule::Rate { .. } => "RateLimit".to_owned(),
        }
    }

    fn to_sdk(&self, priority: i32, visibility: VisibilityConfig) -> types::Rule {
        let rule = types::Rule::builder().name(self.name()).priority(priority).visibility_config(visibility);
        let statement = Statement::builder();
        let rule = match self {
            Rule::Managed { group } => {
                let group = ManagedRuleGroupStatement::builder().vendor_name("AWS").name(group).build().built();
                let no_override = OverrideAction::builder().none(NoneAction::builder().build()).build();
                rule.statement(statement.managed_rule_group_statement(group).build()).override_action(no_override)
            }
            Rule::Rate { limit, window_seconds } => {
                let rate = RateBasedStatement::builder().limit(*limit).evaluation_window_sec(*window_seconds);
                let rate = rate.aggregate_key_type(Aggregate::Ip).build().built();
                let block = RuleAction::builder().block(BlockAction::builder().build()).build();
                rule.statement(statement.rate_based_statement(rate).build()).action(block)
            }
            // AWS refuses a rule without a statement.
            Rule::Other { .. } => rule,
        };
        rule.build().built()
    }

    /// The statement and action in CloudFormation.
    fn cloudformation(&self) -> Value {
        match self {
            Rule::Managed { group } => json!({
                "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group}},
                "OverrideAction": {"None": {}},
            }),
            Rule::Rate { limit, window_seconds } => {
                let rate = json!({"Limit": limit, "EvaluationWindowSec": window_seconds, "AggregateKeyType": "IP"});
                json!({"Statement": {"RateBasedStatement": rate}, "Action": {"Block": {}}})
            }
            // Never desired.
            Rule::Other { name: _ } => json!({}),
        }
    }

    /// The rule in the form of the spec; [`Rule::Other`] if it differs from what [`Rule::to_sdk`] writes.
    fn observed(rule: &types::Rule) -> Rule {
        let other = || Rule::Other { name: rule.name().to_owned() };
        let Some(statement) = rule.statement() else { return other() };
        if let Some(group) = statement.managed_rule_group_statement() {
            let decides = rule.override_action().is_some_and(|action| action.none().is_some());
            let whole = group.excluded_rules().is_empty()
                && group.rule_action_overrides().is_empty()
                && group.scope_down_statement().is_none();
            if decides && whole && group.vendor_name() == "AWS" {
                return Rule::Managed { group: group.name().to_owned() };
            }
        }
        if let Some(rate) = statement.rate_based_statement() {
            let blocks = rule.action().is_some_and(|action| action.block().is_some());
            if blocks && *rate.aggregate_key_type() == Aggregate::Ip && rate.scope_down_statement().is_none() {
                return Rule::Rate { limit: rate.limit(), window_seconds: rate.evaluation_window_sec() };
            }
        }
        other()
    }
}

fn outputs(acl: &WebAclSummary) -> WebAclOutputs {
    let text = |field: Option<&str>| field.unwrap_or_default().to_owned();
    WebAclOutputs { arn: text(acl.arn()).into(), id: text(acl.id()), name: text(acl.name()) }
}

fn allow() -> DefaultAction {
    DefaultAction::builder().allow(AllowAction::builder().build()).build()
}

/// True if it changed since it was read, or if a deleted user of it isn't gone everywhere yet.
fn is_busy(error: &Error) -> bool {
    error.class == Class::Retryable || error.is_code("WAFOptimisticLockException")
}

/// The web ACL and the lock token for a change of this state.
async fn get(cx: &Cx, outputs: &WebAclOutputs) -> Result<(types::WebAcl, String)> {
    let request = cx.waf.get_web_acl().id(&outputs.id).name(&outputs.name).scope(Scope::Regional);
    let answer = request.send().await?;
    let acl = answer.web_acl.ok_or(Error::incomplete("wafv2:GetWebACL", "WebACL"))?;
    Ok((acl, answer.lock_token.unwrap_or_default()))
}

async fn all(cx: &Cx) -> Result<Arc<Vec<WebAclSummary>>> {
    let read = async |marker| {
        let request = cx.waf.list_web_acls().scope(Scope::Regional).limit(100).set_next_marker(marker);
        let page = request.send().await?;
        let acls = page.web_acls.unwrap_or_default();
        let next = page.next_marker.filter(|_| !acls.is_empty());
        Ok((acls, next))
    };
    cx.inventory.once("waf.web_acls", all_pages(read)).await
}
