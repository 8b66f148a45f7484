use aws_sdk_eventbridge::types::{self, DeadLetterConfig};

use crate::aws::error::classify;
use crate::resources::ids::is_known;
use crate::resources::prelude::*;

/// A target of a rule.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    /// The name of the rule.
    pub rule: String,
    /// Its id within the rule, up to 64 letters, digits, `.`, `-` and `_`.
    pub id: String,
    /// The ARN of the target: a function, a queue, a topic ...
    pub arn: String,
    /// The role that EventBridge assumes, for targets without a resource policy.
    pub role: Option<RoleArn>,
    /// The input of the target; without, the event.
    pub input: Option<Value>,
    /// The queue for events that couldn't be delivered.
    pub dead_letters: Option<QueueArn>,
    /// How long delivery is retried.
    pub retry: RetryPolicy,
}

/// How long delivery is retried.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The number of retries, 0 to 185.
    pub maximum_attempts: i32,
    /// The age of an event that isn't retried any more, 60 to 86,400 s.
    pub maximum_age_seconds: i32,
}

/// EventBridge's defaults.
impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { maximum_attempts: 185, maximum_age_seconds: 86_400 }
    }
}

/// The identity of a target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetOutputs {
    /// The name of the rule.
    pub rule: String,
    /// Its id.
    pub id: String,
}

impl Target {
    /// A target that gets the event, with EventBridge's defaults.
    pub fn new(rule: impl Into<String>, id: impl Into<String>, arn: impl Into<String>) -> Self {
        Target {
            rule: rule.into(),
            id: id.into(),
            arn: arn.into(),
            role: None,
            input: None,
            dead_letters: None,
            retry: RetryPolicy::default(),
        }
    }
}

impl Resource for Target {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["rule", "id"],
        ..TypeInfo::new(
            "events.target",
            seconds(2),
            &["events:ListTargetsByRule", "events:PutTargets", "events:RemoveTargets", "iam:PassRole"],
        )
    };

    type Outputs = TargetOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TargetOutputs>) -> Result<Option<Found<Self>>> {
        let (rule, id) = known.map_or((&self.rule, &self.id), |known| (&known.rule, &known.id));
        if !is_known(rule) {
            return Ok(None);
        }
        let targets = of_rule(cx, rule).await?;
        let Some(target) = targets.iter().find(|target| target.id() == id) else { return Ok(None) };
        let input = target.input().filter(|input| !input.is_empty()).map(serde_json::from_str).transpose();
        let retry = target.retry_policy();
        let default = RetryPolicy::default();
        let spec = Target {
            rule: rule.clone(),
            id: id.clone(),
            arn: target.arn().to_owned(),
            role: target.role_arn().map(RoleArn::from),
            input: input.map_err(|error| Error::local(format!("the input of {rule}/{id} isn't JSON: {error}")))?,
            dead_letters: target.dead_letter_config().and_then(|config| config.arn()).map(QueueArn::from),
            retry: RetryPolicy {
                maximum_attempts: retry
                    .and_then(|retry| retry.maximum_retry_attempts())
                    .unwrap_or(default.maximum_attempts),
                maximum_age_seconds: retry
                    .and_then(|retry| retry.maximum_event_age_in_seconds())
                    .unwrap_or(default.maximum_age_seconds),
            },
        };
        Ok(Some(Found::child(spec, TargetOutputs { rule: rule.clone(), id: id.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<TargetOutputs> {
        let dead_letters = self.dead_letters.as_ref().map(|queue| DeadLetterConfig::builder().arn(&**queue).build());
        let retry = types::RetryPolicy::builder().maximum_retry_attempts(self.retry.maximum_attempts);
        let retry = retry.maximum_event_age_in_seconds(self.retry.maximum_age_seconds).build();
        let target = types::Target::builder().id(&self.id).arn(&self.arn).retry_policy(retry);
        let target = target.set_role_arn(self.role.as_ref().map(ToString::to_string));
        let target = target.set_input(self.input.as_ref().map(Value::to_string)).set_dead_letter_config(dead_letters);
        let target = target.build().map_err(|error| Error::local(error.to_string()))?;
        let put = || async {
            let answer = cx.events.put_targets().rule(&self.rule).targets(target.clone()).send().await?;
            match answer.failed_entries().first() {
                Some(entry) => Err(refused("eventbridge:PutTargets", entry.error_code(), entry.error_message())),
                None => Ok(()),
            }
        };
        cx.retry_while_retryable("EventBridge to finish another change of this rule", put).await?;
        Ok(TargetOutputs { rule: self.rule.clone(), id: self.id.clone() })
    }

    /// The call overwrites the whole target.
    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<TargetOutputs> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx, outputs: &TargetOutputs) -> Result<()> {
        let remove = || async {
            let answer = cx.events.remove_targets().rule(&outputs.rule).ids(&outputs.id).send().await?;
            match answer.failed_entries().first() {
                Some(entry) => Err(refused("eventbridge:RemoveTargets", entry.error_code(), entry.error_message())),
                None => Ok(()),
            }
        };
        ignore_not_found(cx.retry_while_retryable("EventBridge to finish another change of this rule", remove).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-events-rule-target.html>
    fn cloudformation(&self) -> Form {
        let target = properties!(self, Target {
            id => "Id",
            arn => "Arn",
            role => "RoleArn",
            input => "Input": input.as_ref().map(Value::to_string),
            dead_letters => "DeadLetterConfig": dead_letters.as_ref().map(|queue| json!({"Arn": queue})),
            retry => "RetryPolicy": properties!(retry, RetryPolicy {
                maximum_attempts => "MaximumRetryAttempts",
                maximum_age_seconds => "MaximumEventAgeInSeconds",
            }),
            rule => _,
        });
        let form = Form::property_of(&self.rule, "Targets", json!([target]));
        form.output("rule", &self.rule).output("id", &self.id)
    }
}

/// The error of one entry of a response that is successful as a whole.
fn refused(operation: &str, code: Option<&str>, message: Option<&str>) -> Error {
    Error {
        class: classify(code.unwrap_or_default(), 400),
        operation: operation.to_owned(),
        code: code.map(str::to_owned),
        ..Error::local(message.unwrap_or("AWS refuses the target without a reason"))
    }
}

/// The targets of a rule, read once for all of them; none if the rule doesn't exist.
async fn of_rule(cx: &Cx, rule: &str) -> Result<Arc<Vec<types::Target>>> {
    let read = |next| async {
        let answer = cx.events.list_targets_by_rule().rule(rule).set_next_token(next).send().await?;
        Ok((answer.targets.unwrap_or_default(), answer.next_token))
    };
    let load = async { Ok(ignore_not_found(all_pages(read).await)?.unwrap_or_default()) };
    cx.inventory.once(format!("events.targets.{rule}"), load).await
}
