use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Name;

use crate::resources::prelude::*;
use crate::resources::tags;

/// A standard queue, encrypted.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Queue {
    /// Up to 80 letters, digits, `-` and `_`.
    pub name: String,
    /// The key that encrypts the messages; without, SQS's own key (SSE-SQS).
    pub kms_key: Option<KeyArn>,
    /// How long an unreceived message is kept, 60 s to 14 days.
    pub retention_seconds: u32,
    /// How long a received message stays hidden, 0 s to 12 hours.
    pub visibility_timeout_seconds: u32,
    /// How long a receive call waits for a message, 0 to 20 s.
    pub receive_wait_seconds: u32,
    /// Where messages go that were received too often.
    pub dead_letters: Option<DeadLetters>,
    /// The resource policy; [`Document::default`] for none.
    pub policy: Document,
}

/// The dead-letter queue of a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The dead-letter queue.
    pub queue: QueueArn,
    /// How often a message is received before it goes there, 1 to 1000.
    pub max_receives: u32,
}

/// The outputs of a queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueOutputs {
    /// Its URL.
    pub url: String,
    /// Its ARN.
    pub arn: QueueArn,
    /// Its name.
    pub name: String,
}

impl Queue {
    /// A queue with AWS's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Queue {
            name: name.into(),
            kms_key: None,
            retention_seconds: 345_600,
            visibility_timeout_seconds: 30,
            receive_wait_seconds: 0,
            dead_letters: None,
            policy: Document::default(),
        }
    }
}

impl Resource for Queue {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        serves_traffic: true,
        ..TypeInfo::new(
            "sqs.queue",
            seconds(2),
            &[
                "sqs:GetQueueUrl",
                "sqs:GetQueueAttributes",
                "sqs:ListQueueTags",
                "sqs:CreateQueue",
                "sqs:SetQueueAttributes",
                "sqs:TagQueue",
                "sqs:UntagQueue",
                "sqs:DeleteQueue",
            ],
        )
    };

    type Outputs = QueueOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&QueueOutputs>) -> Result<Option<Found<Self>>> {
        let url = match known {
            Some(known) if known.url.contains("://") => Some(known.url.clone()),
            // `import` accepts a queue's name instead of its URL.
            known => ignore_not_found(url_of(cx, known.map_or(&self.name, |known| &known.name)).await)?,
        };
        let Some(url) = url else { return Ok(None) };
        let read = async { Ok(cx.sqs.get_queue_attributes().queue_url(&url).attribute_names(Name::All).send().await?) };
        let Some(answer) = ignore_not_found(read.await)? else { return Ok(None) };
        let attributes = answer.attributes.unwrap_or_default();
        let arn = text(&attributes, Name::QueueArn);
        let tags = tags::of_arn(cx, &arn, || async {
            let answer = cx.sqs.list_queue_tags().queue_url(&url).send().await?;
            Ok(answer.tags.unwrap_or_default().into_iter().collect())
        });
        let tags = tags.await?;
        let spec = Queue {
            name: arn.rsplit(':').next().unwrap_or_default().to_owned(),
            kms_key: kms_key(&attributes),
            retention_seconds: number(&attributes, Name::MessageRetentionPeriod)?,
            visibility_timeout_seconds: number(&attributes, Name::VisibilityTimeout)?,
            receive_wait_seconds: number(&attributes, Name::ReceiveMessageWaitTimeSeconds)?,
            dead_letters: dead_letters(&text(&attributes, Name::RedrivePolicy)),
            policy: Document::parse(&text(&attributes, Name::Policy))?,
        };
        let outputs = QueueOutputs { url, name: spec.name.clone(), arn: arn.into() };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<QueueOutputs> {
        let create = || async {
            let request = cx.sqs.create_queue().queue_name(&self.name).set_attributes(Some(self.attributes()));
            Ok(request.set_tags(Some(cx.tags.clone().into_iter().collect())).send().await?)
        };
        // AWS refuses the name of a queue for 60 seconds after its deletion.
        let answer = cx.retry_while_retryable("AWS to free the queue's name (60 seconds)", create).await?;
        let url = answer.queue_url.ok_or(Error::incomplete("sqs:CreateQueue", "QueueUrl"))?;
        let (partition, region, account) = (cx.partition(), &cx.region, cx.account());
        let arn = format!("arn:{partition}:sqs:{region}:{account}:{}", self.name).into();
        Ok(QueueOutputs { url, arn, name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<QueueOutputs> {
        let mut attributes = self.attributes();
        // An empty value removes an attribute.
        for name in [Name::KmsMasterKeyId, Name::RedrivePolicy, Name::Policy] {
            attributes.entry(name).or_default();
        }
        let url = &found.outputs.url;
        cx.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(attributes)).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &QueueOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let url = &outputs.url;
        let add =
            |set: &Tags| cx.sqs.tag_queue().queue_url(url).set_tags(Some(set.clone().into_iter().collect())).send();
        let delete = |keys| cx.sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &QueueOutputs) -> Result<()> {
        let delete = async { Ok(cx.sqs.delete_queue().queue_url(&outputs.url).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html>
    fn cloudformation(&self) -> Form {
        let queue = properties!(self, Queue {
            name => "QueueName",
            kms_key => "KmsMasterKeyId",
            retention_seconds => "MessageRetentionPeriod",
            visibility_timeout_seconds => "VisibilityTimeout",
            receive_wait_seconds => "ReceiveMessageWaitTimeSeconds",
            dead_letters => "RedrivePolicy": dead_letters.as_ref().map(DeadLetters::to_json),
            policy => _,
        });
        let form = Form::resource("AWS::SQS::Queue", queue)
            .output("url", Form::reference())
            .output("arn", Form::attribute("Arn"));
        let form = form.output("name", Form::attribute("QueueName"));
        if self.policy.is_null() {
            return form;
        }
        let policy = json!({"Queues": [Form::reference()], "PolicyDocument": self.policy});
        form.with_resource("Policy", "AWS::SQS::QueuePolicy", policy)
    }
}

impl DeadLetters {
    fn to_json(&self) -> Value {
        json!({"deadLetterTargetArn": self.queue, "maxReceiveCount": self.max_receives})
    }
}

impl Queue {
    fn attributes(&self) -> HashMap<Name, String> {
        let mut attributes = HashMap::from([
            match &self.kms_key {
                Some(key) => (Name::KmsMasterKeyId, key.to_string()),
                None => (Name::SqsManagedSseEnabled, "true".to_owned()),
            },
            (Name::MessageRetentionPeriod, self.retention_seconds.to_string()),
            (Name::VisibilityTimeout, self.visibility_timeout_seconds.to_string()),
            (Name::ReceiveMessageWaitTimeSeconds, self.receive_wait_seconds.to_string()),
        ]);
        attributes.extend(self.policy.text().map(|policy| (Name::Policy, policy)));
        if let Some(dead_letters) = &self.dead_letters {
            attributes.insert(Name::RedrivePolicy, dead_letters.to_json().to_string());
        }
        attributes
    }
}

async fn url_of(cx: &Cx, name: &str) -> Result<String> {
    let answer = cx.sqs.get_queue_url().queue_name(name).send().await?;
    answer.queue_url.ok_or(Error { class: Class::NotFound, ..Error::incomplete("sqs:GetQueueUrl", "QueueUrl") })
}

/// The KMS key; an empty one if the queue isn't encrypted, `None` if SQS encrypts it with a key of its own.
fn kms_key(attributes: &HashMap<Name, String>) -> Option<KeyArn> {
    let key = attributes.get(&Name::KmsMasterKeyId).filter(|key| !key.is_empty());
    let is_managed = text(attributes, Name::SqsManagedSseEnabled) != "false";
    key.map(KeyArn::from).or_else(|| (!is_managed).then(KeyArn::default))
}

fn dead_letters(policy: &str) -> Option<DeadLetters> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let max_receives = &policy["maxReceiveCount"];
    let max_receives = max_receives.as_u64().or_else(|| max_receives.as_str()?.parse().ok())?;
    let queue = policy["deadLetterTargetArn"].as_str()?.into();
    Some(DeadLetters { queue, max_receives: u32::try_from(max_receives).ok()? })
}

fn text(attributes: &HashMap<Name, String>, name: Name) -> String {
    attributes.get(&name).cloned().unwrap_or_default()
}

fn number(attributes: &HashMap<Name, String>, name: Name) -> Result<u32> {
    let value = text(attributes, name.clone());
    value
        .parse()
        .map_err(|_| Error::local(format!("sqs:GetQueueAttributes returned {name} = {value:?}, which is no number")))
}
