use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags;

/// A standard topic.
/// <https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Topic {
    /// Up to 256 letters, digits, `-` and `_`.
    pub name: String,
    /// The sender of its e-mails, up to 100 characters; may be empty.
    pub display_name: String,
    /// The key that encrypts the messages; without, they aren't encrypted.
    pub kms_key: Option<KeyArn>,
    /// Who may publish and subscribe; [`Document::default`] for AWS's default policy: the account.
    pub policy: Document,
    /// Delivery status logging, by protocol: `Application`, `Firehose`, `HTTP`, `Lambda`, `SQS`. AWS has none for e-mail.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-topic-attributes.html>
    pub delivery_logging: BTreeMap<String, DeliveryLogging>,
}

/// Delivery status logging of one protocol.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeliveryLogging {
    /// The role that logs successful deliveries.
    pub success_role: RoleArn,
    /// The role that logs failed deliveries.
    pub failure_role: RoleArn,
    /// The share of successful deliveries that is logged, 0 to 100 %.
    pub success_sample_percent: u8,
}

/// The outputs of a topic.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TopicOutputs {
    /// Its ARN.
    pub arn: TopicArn,
    /// Its name.
    pub name: String,
}

const PROTOCOLS: [&str; 5] = ["Application", "Firehose", "HTTP", "Lambda", "SQS"];

/// The id of the policy that AWS gives to a topic without one.
const DEFAULT_POLICY_ID: &str = "__default_policy_ID";

/// How long a new role takes to be visible to SNS.
const PROPAGATION: Patience = Patience { poll: Duration::from_secs(3), limit: Duration::from_secs(60) };

impl Topic {
    /// A topic with AWS's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Topic {
            name: name.into(),
            display_name: String::new(),
            kms_key: None,
            policy: Document::default(),
            delivery_logging: BTreeMap::new(),
        }
    }
}

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
        let policy = Document::parse(&text("Policy"))?;
        let spec = Topic {
            name: name.clone(),
            display_name: text("DisplayName"),
            kms_key: Some(text("KmsMasterKeyId")).filter(|key| !key.is_empty()).map(KeyArn::from),
            policy: self.policy.unless_default(policy, |policy| policy.value()["Id"] == DEFAULT_POLICY_ID),
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
        for (name, value) in new.iter().filter(|(name, value)| old.get(*name) != Some(value)) {
            set(cx, arn, name, value).await?;
        }
        for name in old.keys().filter(|name| !new.contains_key(*name)) {
            // An empty value removes an attribute. A topic always has a policy.
            let value = if name == "Policy" { default_policy(cx, arn).to_text() } else { String::new() };
            set(cx, arn, name, &value).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TopicOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        let add = |set: &Tags| cx.sns.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send();
        let delete = |keys| cx.sns.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
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
        if self.policy.is_null() {
            return form;
        }
        let policy = json!({"Topics": [Form::reference()], "PolicyDocument": self.policy});
        form.with_resource("Policy", "AWS::SNS::TopicPolicy", policy)
    }
}

impl Topic {
    /// The attributes that the create call accepts.
    fn attributes(&self) -> HashMap<String, String> {
        let mut attributes = HashMap::from([("DisplayName".to_owned(), self.display_name.clone())]);
        attributes.extend(self.kms_key.as_ref().map(|key| ("KmsMasterKeyId".to_owned(), key.to_string())));
        attributes.extend(self.policy.text().map(|policy| ("Policy".to_owned(), policy)));
        attributes
    }

    /// The attributes that have calls of their own.
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

/// The policy of a topic that was created without one: everything for the account.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>
fn default_policy(cx: &Cx, arn: &str) -> Document {
    let actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ];
    Document::new(json!({
        "Version": "2008-10-17",
        "Id": DEFAULT_POLICY_ID,
        "Statement": [{
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions.map(|action| format!("SNS:{action}")),
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": cx.account()}},
        }],
    }))
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
    PROTOCOLS.into_iter().map(read).filter(logged).collect()
}

async fn set(cx: &Cx, arn: &str, name: &str, value: &str) -> Result<()> {
    let set = || async {
        let request = cx.sns.set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
        Ok(request.send().await.map(|_| ())?)
    };
    let role_is_new = |error: &Error| name.ends_with("RoleArn") && error.is_code("InvalidParameter");
    cx.retry_while("the new role to be visible to SNS", PROPAGATION, role_is_new, set).await
}
