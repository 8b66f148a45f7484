use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{from_sdk, to_sdk};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::document::Document;
use crate::resources::form::{Form, properties};
use crate::resources::ids::{KeyArn, RoleArn, TopicArn};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds, tags};

/// A standard topic.
/// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Topic {
    /// Up to 256 letters, digits, `-` and `_`.
    pub name: String,
    /// The sender of its e-mails, up to 100 characters.
    pub display_name: String,
    /// The key that encrypts the messages.
    pub kms_key: KeyArn,
    /// Who may publish and subscribe.
    pub policy: Document,
    /// Which deliveries are logged, by the kind of subscriber: `Application`, `Firehose`, `HTTP`, `Lambda`, `SQS`. AWS logs
    /// none to e-mail addresses.
    pub delivery_logging: BTreeMap<String, DeliveryLogging>,
}

/// How deliveries are logged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeliveryLogging {
    /// The role that writes what was delivered.
    pub success_role: RoleArn,
    /// The role that writes what was not.
    pub failure_role: RoleArn,
    /// How much of what was delivered is written, 0 to 100 %.
    pub success_sample_percent: u8,
}

/// What a topic gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopicOutputs {
    /// Its ARN.
    pub arn: TopicArn,
    /// Its name.
    pub name: String,
}

const SUBSCRIBERS: [&str; 5] = ["Application", "Firehose", "HTTP", "Lambda", "SQS"];

/// How long AWS takes at most until SNS knows a new role.
const PROPAGATION: Patience = Patience { poll: Duration::from_secs(3), limit: Duration::from_secs(60) };

impl Resource for Topic {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "sns.topic",
            seconds(2),
            &[
                "sns:GetTopicAttributes",
                "sns:ListTagsForResource",
                "sns:CreateTopic",
                "sns:SetTopicAttributes",
                "sns:TagResource",
                "sns:UntagResource",
                "sns:DeleteTopic",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = TopicOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TopicOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let arn = TopicArn(format!("arn:{}:sns:{}:{}:{name}", cx.partition(), cx.region, cx.account()));
        let read = async { Ok(cx.sns.get_topic_attributes().topic_arn(&*arn).send().await?) };
        let Some(answer) = ignore_not_found(read.await)? else { return Ok(None) };
        let tags = tags::of_arn(cx, &arn, || async {
            Ok(from_sdk(cx.sns.list_tags_for_resource().resource_arn(&*arn).send().await?.tags()))
        });
        let tags = tags.await?;
        let attributes = answer.attributes.unwrap_or_default();
        let text = |name: &str| attributes.get(name).cloned().unwrap_or_default();
        let spec = Topic {
            name: name.clone(),
            display_name: text("DisplayName"),
            kms_key: text("KmsMasterKeyId").into(),
            policy: Document::parse(&text("Policy"))?,
            delivery_logging: delivery_logging(&attributes),
        };
        Ok(Some(Found::tagged(spec, TopicOutputs { arn, name: name.clone() }, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<TopicOutputs> {
        let request = cx.sns.create_topic().name(&self.name).set_attributes(Some(self.attributes()));
        let answer = request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        let arn = answer.topic_arn.ok_or(Error::incomplete("sns:CreateTopic", "TopicArn"))?;
        for (name, value) in self.logging_attributes() {
            set(cx, &arn, &name, &value).await?;
        }
        Ok(TopicOutputs { arn: arn.into(), name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<TopicOutputs> {
        let arn = &found.outputs.arn;
        let mut old = found.spec.attributes();
        old.extend(found.spec.logging_attributes());
        let mut new = self.attributes();
        new.extend(self.logging_attributes());
        // An empty value takes an attribute away.
        new.extend(
            old.keys()
                .filter(|name| !new.contains_key(*name))
                .map(|name| (name.clone(), String::new()))
                .collect::<Vec<_>>(),
        );
        for (name, value) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)) {
            set(cx, arn, name, value).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TopicOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        if !set.is_empty() {
            cx.sns.tag_resource().resource_arn(&*outputs.arn).set_tags(Some(to_sdk(set))).send().await?;
        }
        if !remove.is_empty() {
            let request = cx.sns.untag_resource().resource_arn(&*outputs.arn);
            request.set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, outputs: &TopicOutputs) -> Result<()> {
        let delete = async { Ok(cx.sns.delete_topic().topic_arn(&*outputs.arn).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html>
    fn cloudformation(&self) -> Form {
        let logging = |(subscriber, logging): (&String, &DeliveryLogging)| {
            let protocol = if subscriber == "HTTP" { "http/s" } else { &subscriber.to_ascii_lowercase() };
            properties!(logging, DeliveryLogging {
                "Protocol": protocol,
                success_role => "SuccessFeedbackRoleArn",
                success_sample_percent => "SuccessFeedbackSampleRate": success_sample_percent.to_string(),
                failure_role => "FailureFeedbackRoleArn",
            })
        };
        let topic = properties!(self, Topic {
            name => "TopicName",
            display_name => "DisplayName",
            kms_key => "KmsMasterKeyId",
            delivery_logging => "DeliveryStatusLogging": delivery_logging.iter().map(logging).collect::<Value>(),
            policy => _,
        });
        let form = Form::resource("AWS::SNS::Topic", topic).output("arn", Form::reference());
        let form = form.output("name", Form::attribute("TopicName"));
        let policy = json!({"Topics": [Form::reference()], "PolicyDocument": self.policy});
        form.with_resource("Policy", "AWS::SNS::TopicPolicy", policy)
    }
}

impl Topic {
    /// What the create call takes.
    fn attributes(&self) -> HashMap<String, String> {
        HashMap::from([
            ("DisplayName".to_owned(), self.display_name.clone()),
            ("KmsMasterKeyId".to_owned(), self.kms_key.to_string()),
            ("Policy".to_owned(), self.policy.to_text()),
        ])
    }

    /// What has to be set on its own.
    fn logging_attributes(&self) -> HashMap<String, String> {
        let all = self.delivery_logging.iter().flat_map(|(subscriber, logging)| {
            [
                (format!("{subscriber}SuccessFeedbackRoleArn"), logging.success_role.to_string()),
                (format!("{subscriber}SuccessFeedbackSampleRate"), logging.success_sample_percent.to_string()),
                (format!("{subscriber}FailureFeedbackRoleArn"), logging.failure_role.to_string()),
            ]
        });
        all.collect()
    }
}

fn delivery_logging(attributes: &HashMap<String, String>) -> BTreeMap<String, DeliveryLogging> {
    let read = |subscriber: &str| {
        let text = |end: &str| attributes.get(&format!("{subscriber}{end}")).cloned().unwrap_or_default();
        let logging = DeliveryLogging {
            success_role: text("SuccessFeedbackRoleArn").into(),
            failure_role: text("FailureFeedbackRoleArn").into(),
            success_sample_percent: text("SuccessFeedbackSampleRate").parse().unwrap_or_default(),
        };
        (subscriber.to_owned(), logging)
    };
    let logged =
        |(_, logging): &(String, DeliveryLogging)| !logging.success_role.is_empty() || !logging.failure_role.is_empty();
    SUBSCRIBERS.into_iter().map(read).filter(logged).collect()
}

async fn set(cx: &Cx, arn: &str, name: &str, value: &str) -> Result<()> {
    let set = || async {
        let request = cx.sns.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
        Ok(request.send().await.map(|_| ())?)
    };
    let role_is_new = |error: &Error| name.ends_with("RoleArn") && error.is_code("InvalidParameter");
    cx.retry_while("SNS to know the new role", PROPAGATION, role_is_new, set).await
}
