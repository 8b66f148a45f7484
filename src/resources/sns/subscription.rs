use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sns::types;
use serde::{Deserialize, Serialize};

use crate::aws::wait::unless_gone;
use crate::aws::{Cx, Error, Result};
use crate::resources::ids::TopicArn;
use crate::resources::{Changes, Found, Resource, seconds};

/// Sends a topic's messages somewhere.
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

/// What tells a subscription from others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SubscriptionOutputs {
    pub arn: String,
}

/// What AWS lists in place of the ARN of a subscription that its owner hasn't confirmed.
const PENDING: &str = "PendingConfirmation";

impl Resource for Subscription {
    const KIND: &'static str = "sns.subscription";
    const USUALLY: Duration = seconds(2);
    const REPLACED_BY: &'static [&'static str] = &["topic", "protocol", "endpoint"];
    const ACTIONS: &'static [&'static str] =
        &["sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes", "sns:Subscribe", "sns:Unsubscribe"];

    type Outputs = SubscriptionOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SubscriptionOutputs>) -> Result<Option<Found<Self>>> {
        if !self.topic.is_known() {
            return Ok(None);
        }
        let all = of_topic(cx, &self.topic).await?;
        let is_this = |subscription: &&types::Subscription| {
            subscription.protocol() == Some(&self.protocol)
                && subscription.endpoint() == Some(&self.endpoint)
                && subscription.subscription_arn() != Some("Deleted")
        };
        let Some(subscription) = all.iter().find(is_this) else { return Ok(None) };
        let listed = subscription.subscription_arn().unwrap_or(PENDING);
        let pending = listed == PENDING;
        // The list hides the ARN that the create call gave.
        let arn = if pending { known.map_or(listed, |known| &known.arn) } else { listed };
        let live = pending.then(|| "waits for confirmation by e-mail".to_owned());
        let outputs = SubscriptionOutputs { arn: arn.to_owned() };
        Ok(Some(Found { live, ..Found::untagged(self.clone(), outputs) }))
    }

    async fn create(&self, cx: &Cx) -> Result<SubscriptionOutputs> {
        let request = cx.sns.subscribe().topic_arn(&*self.topic).protocol(&self.protocol).endpoint(&self.endpoint);
        let answer = request.return_subscription_arn(true).send().await?;
        let arn = answer.subscription_arn.ok_or(Error::incomplete("sns:Subscribe", "SubscriptionArn"))?;
        Ok(SubscriptionOutputs { arn })
    }

    async fn update(&self, _: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<SubscriptionOutputs> {
        Ok(found.outputs.clone())
    }

    /// One that nobody confirmed can't be deleted: it goes with its topic, or by itself after 3 days.
    /// <https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html>
    async fn delete(cx: &Cx, outputs: &SubscriptionOutputs) -> Result<()> {
        if !outputs.arn.starts_with("arn:") {
            return Ok(());
        }
        let arn = &outputs.arn;
        let read = async { Ok(cx.sns.get_subscription_attributes().subscription_arn(arn).send().await?) };
        let Some(answer) = unless_gone(read.await)? else { return Ok(()) };
        let attributes = answer.attributes.unwrap_or_default();
        if attributes.get(PENDING).is_some_and(|pending| pending == "true") {
            return Ok(());
        }
        let unsubscribe = async { Ok(cx.sns.unsubscribe().subscription_arn(arn).send().await?) };
        unless_gone(unsubscribe.await)?;
        Ok(())
    }
}

/// The subscriptions of a topic, which may be gone: read once for all of them.
async fn of_topic(cx: &Cx, topic: &TopicArn) -> Result<Arc<Vec<types::Subscription>>> {
    let load = async {
        let list = async {
            let mut pages = cx.sns.list_subscriptions_by_topic().topic_arn(&**topic).into_paginator().items().send();
            let mut all = Vec::new();
            while let Some(subscription) = pages.next().await {
                all.push(subscription?);
            }
            Ok(all)
        };
        Ok(unless_gone(list.await)?.unwrap_or_default())
    };
    cx.inventory.once(format!("sns.subscriptions.{topic}"), load).await
}
