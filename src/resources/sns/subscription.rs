use std::collections::HashMap;

use aws_sdk_sns::types;

use crate::resources::prelude::*;

/// A subscription to a topic.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// The topic.
    pub topic: TopicArn,
    /// `email`, `lambda`, `sqs` ...
    pub protocol: String,
    /// The address or the ARN.
    pub endpoint: String,
}

/// The identity of a subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscriptionOutputs {
    /// Its ARN.
    pub arn: String,
}

/// What AWS lists instead of the ARN of an unconfirmed subscription.
const PENDING: &str = "PendingConfirmation";

impl Resource for Subscription {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["topic", "protocol", "endpoint"],
        ..TypeInfo::new(
            "sns.subscription",
            seconds(2),
            &["sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes", "sns:Subscribe", "sns:Unsubscribe"],
        )
    };

    type Outputs = SubscriptionOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SubscriptionOutputs>) -> Result<Option<Found<Self>>> {
        // The recorded subscription may have another topic and endpoint than the desired one.
        let known = known.map(|known| &*known.arn).filter(|arn| arn.starts_with("arn:"));
        let topic = known.and_then(topic_of).unwrap_or_else(|| self.topic.clone());
        if !topic.is_known() {
            return Ok(None);
        }
        let all = of_topic(cx, &topic).await?;
        let is_this = |subscription: &&types::Subscription| match subscription.subscription_arn() {
            Some("Deleted") => false,
            Some(arn) if arn != PENDING && known.is_some() => Some(arn) == known,
            _ => subscription.protocol() == Some(&self.protocol) && subscription.endpoint() == Some(&self.endpoint),
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (spec, arn, pending) = match (all.iter().find(is_this), known) {
            (Some(subscription), _) => {
                let (protocol, endpoint) = (text(subscription.protocol()), text(subscription.endpoint()));
                let listed = subscription.subscription_arn().unwrap_or(PENDING);
                let pending = listed == PENDING;
                // The list hides the ARN that the create call returned.
                let arn = if pending { known.unwrap_or(listed) } else { listed };
                (Subscription { topic, protocol, endpoint }, arn.to_owned(), pending)
            }
            // An unconfirmed one, which the list shows without its ARN.
            (None, Some(arn)) => {
                let Some(attributes) = attributes(cx, arn).await? else { return Ok(None) };
                let attribute = |name: &str| text(attributes.get(name).map(String::as_str));
                let spec = Subscription { topic, protocol: attribute("Protocol"), endpoint: attribute("Endpoint") };
                (spec, arn.to_owned(), is_pending(&attributes))
            }
            (None, None) => return Ok(None),
        };
        let live = pending.then(|| "not confirmed yet: open the link in the e-mail from AWS".to_owned());
        Ok(Some(Found { live, ..Found::child(spec, SubscriptionOutputs { arn }) }))
    }

    async fn create(&self, cx: &Cx) -> Result<SubscriptionOutputs> {
        let request = cx.sns.subscribe().topic_arn(&*self.topic).protocol(&self.protocol).endpoint(&self.endpoint);
        let answer = request.return_subscription_arn(true).send().await?;
        let arn = answer.subscription_arn.ok_or(Error::incomplete("sns:Subscribe", "SubscriptionArn"))?;
        Ok(SubscriptionOutputs { arn })
    }

    /// An unconfirmed subscription can't be deleted: AWS deletes it with its topic, or after 3 days.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>
    async fn delete(cx: &Cx, outputs: &SubscriptionOutputs) -> Result<()> {
        if !outputs.arn.starts_with("arn:") {
            return Ok(());
        }
        let arn = &outputs.arn;
        if attributes(cx, arn).await?.is_none_or(|attributes| is_pending(&attributes)) {
            return Ok(());
        }
        let unsubscribe = async { Ok(cx.sns.unsubscribe().subscription_arn(arn).send().await?) };
        ignore_not_found(unsubscribe.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-subscription.html>
    fn cloudformation(&self) -> Form {
        let subscription = properties!(self, Subscription {
            topic => "TopicArn",
            protocol => "Protocol",
            endpoint => "Endpoint",
        });
        Form::resource("AWS::SNS::Subscription", subscription).tagged(Tagging::None).output("arn", Form::reference())
    }
}

/// The topic of a subscription: `arn:aws:sns:…:{topic}:{id}`.
fn topic_of(arn: &str) -> Option<TopicArn> {
    arn.rsplit_once(':').map(|(topic, _)| topic.into())
}

/// The attributes of a subscription; `None` if it doesn't exist.
/// <https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html>
async fn attributes(cx: &Cx, arn: &str) -> Result<Option<HashMap<String, String>>> {
    let read = async { Ok(cx.sns.get_subscription_attributes().subscription_arn(arn).send().await?) };
    Ok(ignore_not_found(read.await)?.map(|answer| answer.attributes.unwrap_or_default()))
}

fn is_pending(attributes: &HashMap<String, String>) -> bool {
    attributes.get(PENDING).is_some_and(|pending| pending == "true")
}

/// The subscriptions of a topic, read once for all of them; none if the topic doesn't exist.
async fn of_topic(cx: &Cx, topic: &TopicArn) -> Result<Arc<Vec<types::Subscription>>> {
    let load = async {
        let pages = cx.sns.list_subscriptions_by_topic().topic_arn(&**topic).into_paginator().items().send();
        Ok(ignore_not_found(async { Ok(pages.try_collect().await?) }.await)?.unwrap_or_default())
    };
    cx.inventory.once(format!("sns.subscriptions.{topic}"), load).await
}
