use aws_sdk_eventbridge::operation::put_rule::builders::PutRuleFluentBuilder;
use aws_sdk_eventbridge::types::{self, RuleState};

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags;

/// A rule of the default event bus: matches events, or runs on a schedule.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Up to 64 letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// The purpose, up to 512 characters.
    pub description: String,
    /// The event pattern. Every value in it is a list.
    pub pattern: Option<Value>,
    /// The schedule: `rate(5 minutes)` or `cron(...)`, in UTC.
    pub schedule: Option<String>,
    /// False disables it.
    pub enabled: bool,
}

/// The outputs of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleOutputs {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
}

impl Rule {
    /// An enabled rule that needs a pattern or a schedule.
    pub fn new(name: impl Into<String>) -> Self {
        Rule { name: name.into(), description: String::new(), pattern: None, schedule: None, enabled: true }
    }
}

impl Resource for Rule {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "events.rule",
            seconds(2),
            &[
                "events:ListRules",
                "events:ListTagsForResource",
                "events:PutRule",
                "events:TagResource",
                "events:UntagResource",
                "events:DeleteRule",
            ],
        )
    };

    type Outputs = RuleOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&RuleOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let rules = all(cx).await?;
        let Some(rule) = rules.iter().find(|rule| rule.name() == Some(name)) else { return Ok(None) };
        let arn = rule.arn().unwrap_or_default().to_owned();
        let tags = tags::of_arn(cx, &arn, || async {
            Ok(from_sdk(cx.events.list_tags_for_resource().resource_arn(&arn).send().await?.tags()))
        });
        let tags = tags.await?;
        let pattern = rule.event_pattern().filter(|pattern| !pattern.is_empty()).map(serde_json::from_str);
        let pattern = pattern.transpose();
        let spec = Rule {
            name: name.clone(),
            description: rule.description().unwrap_or_default().to_owned(),
            pattern: pattern
                .map_err(|error| Error::local(format!("the pattern of the rule {name} isn't JSON: {error}")))?,
            schedule: rule.schedule_expression().filter(|schedule| !schedule.is_empty()).map(str::to_owned),
            enabled: rule.state() != Some(&RuleState::Disabled),
        };
        Ok(Some(Found::tagged(spec, RuleOutputs { arn, name: name.clone() }, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<RuleOutputs> {
        let put = || async { Ok(self.put(cx).set_tags(Some(to_sdk(&cx.tags))).send().await?) };
        let answer = cx.retry_while_retryable("EventBridge to finish another change of this rule", put).await?;
        let arn = answer.rule_arn.ok_or(Error::incomplete("events:PutRule", "RuleArn"))?;
        Ok(RuleOutputs { arn, name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<RuleOutputs> {
        let put = || async { Ok(self.put(cx).send().await?) };
        cx.retry_while_retryable("EventBridge to finish another change of this rule", put).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &RuleOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let add = |set: &Tags| cx.events.tag_resource().resource_arn(&outputs.arn).set_tags(Some(to_sdk(set))).send();
        let delete = |keys| cx.events.untag_resource().resource_arn(&outputs.arn).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &RuleOutputs) -> Result<()> {
        let delete = || async { Ok(cx.events.delete_rule().name(&outputs.name).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("EventBridge to finish another change of this rule", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-events-rule.html>
    fn cloudformation(&self) -> Form {
        let rule = properties!(self, Rule {
            name => "Name",
            description => "Description",
            pattern => "EventPattern",
            schedule => "ScheduleExpression",
            enabled => "State": if *enabled { "ENABLED" } else { "DISABLED" },
        });
        Form::resource("AWS::Events::Rule", rule)
            .output("arn", Form::attribute("Arn"))
            .output("name", Form::reference())
    }
}

impl Rule {
    fn put(&self, cx: &Cx) -> PutRuleFluentBuilder {
        let request = cx.events.put_rule().name(&self.name).description(&self.description);
        let request = request.set_event_pattern(self.pattern.as_ref().map(Value::to_string));
        let request = request.set_schedule_expression(self.schedule.clone());
        request.state(if self.enabled { RuleState::Enabled } else { RuleState::Disabled })
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::Rule>>> {
    let read = |next| async {
        let answer = cx.events.list_rules().limit(100).set_next_token(next).send().await?;
        Ok((answer.rules.unwrap_or_default(), answer.next_token))
    };
    cx.inventory.once("events.rules", all_pages(read)).await
}
