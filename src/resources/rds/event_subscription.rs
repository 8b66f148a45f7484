use std::collections::BTreeSet;

use aws_sdk_rds::types;

use super::{arn_in_template, tags_of, to_sdk};
use crate::resources::prelude::*;

/// An event subscription: sends events of databases to a topic.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Events.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventSubscription {
    /// Up to 255 characters.
    pub name: String,
    /// The topic that receives the events; a topic of this region.
    pub topic: TopicArn,
    /// `db-cluster`, `db-instance`, `db-parameter-group` or another source type.
    pub source_type: String,
    /// The identifiers of the sources; empty for all of the type.
    pub sources: BTreeSet<String>,
    /// For example `failure`, `maintenance`, `configuration change`; empty for all of the source type.
    pub categories: BTreeSet<String>,
    /// Send events.
    pub enabled: bool,
}

/// The outputs of an event subscription.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventSubscriptionOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl EventSubscription {
    /// An enabled subscription to all events of a source type.
    pub fn new(name: impl Into<String>, topic: TopicArn, source_type: impl Into<String>) -> Self {
        EventSubscription {
            name: name.into(),
            topic,
            source_type: source_type.into(),
            sources: BTreeSet::new(),
            categories: BTreeSet::new(),
            enabled: true,
        }
    }
}

impl Resource for EventSubscription {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "source_type"],
        ..TypeInfo::new(
            "rds.event_subscription",
            seconds(30),
            &[
                "rds:DescribeEventSubscriptions",
                "rds:ListTagsForResource",
                "rds:CreateEventSubscription",
                "rds:ModifyEventSubscription",
                "rds:AddSourceIdentifierToSubscription",
                "rds:RemoveSourceIdentifierFromSubscription",
                "rds:DeleteEventSubscription",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
                "tag:GetResources",
            ],
        )
    };

    type Outputs = EventSubscriptionOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&EventSubscriptionOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let subscriptions = all(cx).await?;
        let is_this = |subscription: &&types::EventSubscription| subscription.cust_subscription_id() == Some(name);
        let Some(subscription) = subscriptions.iter().find(is_this) else { return Ok(None) };
        let arn = subscription.event_subscription_arn().unwrap_or_default();
        let spec = EventSubscription {
            name: name.clone(),
            topic: subscription.sns_topic_arn().unwrap_or_default().into(),
            source_type: subscription.source_type().unwrap_or_default().to_owned(),
            sources: subscription.source_ids_list().iter().cloned().collect(),
            categories: subscription.event_categories_list().iter().cloned().collect(),
            enabled: subscription.enabled.unwrap_or_default(),
        };
        let outputs = EventSubscriptionOutputs { name: name.clone(), arn: arn.to_owned() };
        let live = subscription.status().filter(|status| *status != "active");
        let live = live.map(|status| format!("the subscription is {status}"));
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags_of(cx, arn).await?) }))
    }

    async fn create(&self, cx: &Cx) -> Result<EventSubscriptionOutputs> {
        let create = || async {
            let request = cx.rds.create_event_subscription().subscription_name(&self.name);
            let request = request.sns_topic_arn(&*self.topic).source_type(&self.source_type).enabled(self.enabled);
            let request = request.set_source_ids(some(&self.sources)).set_event_categories(some(&self.categories));
            Ok(request.set_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        // RDS sends a message to the topic; a new policy or key takes a moment to propagate.
        let refused = |error: &Error| error.is_code("SNSNoAuthorization") || error.is_code("SNSTopicArnNotFound");
        let answer = cx.retry_while("the topic to allow RDS to publish", Patience::FRESH, refused, create).await?;
        let arn = answer.event_subscription.and_then(|subscription| subscription.event_subscription_arn);
        let arn = arn.ok_or(Error::incomplete("rds:CreateEventSubscription", "EventSubscriptionArn"))?;
        let outputs = EventSubscriptionOutputs { name: self.name.clone(), arn };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, _: &EventSubscriptionOutputs) -> Result<()> {
        self.until_active(cx).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<EventSubscriptionOutputs> {
        if self.categories.is_empty() && changes.has("categories") {
            // AWS can't clear the categories of a subscription: only a new one has all of them.
            Self::delete(cx, &found.outputs).await?;
            return self.create(cx).await;
        }
        if changes.any(&["topic", "categories", "enabled"]) {
            let request = cx.rds.modify_event_subscription().subscription_name(&self.name);
            let request = request.sns_topic_arn(&*self.topic).source_type(&self.source_type).enabled(self.enabled);
            request.set_event_categories(some(&self.categories)).send().await?;
            self.until_active(cx).await?;
        }
        // Adds before it removes: a subscription without sources gets the events of all of them.
        for source in self.sources.difference(&found.spec.sources) {
            let request = cx.rds.add_source_identifier_to_subscription().subscription_name(&self.name);
            request.source_identifier(source).send().await?;
            self.until_active(cx).await?;
        }
        for source in found.spec.sources.difference(&self.sources) {
            let request = cx.rds.remove_source_identifier_from_subscription().subscription_name(&self.name);
            request.source_identifier(source).send().await?;
            self.until_active(cx).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &EventSubscriptionOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &EventSubscriptionOutputs) -> Result<()> {
        // RDS refuses it during another change.
        let busy = |error: &Error| error.is_code("InvalidEventSubscriptionState");
        let delete = || async {
            Ok(cx.rds.delete_event_subscription().subscription_name(&outputs.name).send().await.map(|_| ())?)
        };
        ignore_not_found(
            cx.retry_while("the subscription to complete another change", Patience::SHORT, busy, delete).await,
        )?;
        cx.wait_until("the subscription to be gone", Patience::SHORT, || async {
            Ok(find(cx, &outputs.name).await?.is_none().then_some(()))
        })
        .await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-eventsubscription.html>
    fn cloudformation(&self) -> Form {
        let subscription = properties!(self, EventSubscription {
            name => "SubscriptionName",
            topic => "SnsTopicArn",
            source_type => "SourceType",
            sources => "SourceIds": some(sources),
            categories => "EventCategories": some(categories),
            enabled => "Enabled",
        });
        let form = Form::resource("AWS::RDS::EventSubscription", subscription);
        form.output("name", Form::reference()).output("arn", arn_in_template("es"))
    }
}

impl EventSubscription {
    async fn until_active(&self, cx: &Cx) -> Result<()> {
        cx.wait_until("the event subscription to become active", Patience::SHORT, || async {
            let subscription = find(cx, &self.name).await?;
            match subscription.as_ref().and_then(|subscription| subscription.status()) {
                Some("active") => Ok(Some(())),
                Some(status @ ("no-permission" | "topic-not-exist")) => {
                    let error = Error::local(format!("RDS can't publish to {}: {status}", self.topic));
                    Err(error.with_help(
                        "allow events.rds.amazonaws.com to publish in the topic's policy and to use its key",
                    ))
                }
                _ => Ok(None),
            }
        })
        .await
    }
}

/// AWS refuses empty lists: no list means all.
fn some(names: &BTreeSet<String>) -> Option<Vec<String>> {
    (!names.is_empty()).then(|| names.iter().cloned().collect())
}

async fn find(cx: &Cx, name: &str) -> Result<Option<types::EventSubscription>> {
    let describe = async { Ok(cx.rds.describe_event_subscriptions().subscription_name(name).send().await?) };
    let answer = ignore_not_found(describe.await)?;
    Ok(answer.and_then(|answer| answer.event_subscriptions_list?.into_iter().next()))
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::EventSubscription>>> {
    let pages = cx.rds.describe_event_subscriptions().into_paginator().items().send();
    cx.inventory.once("rds.event_subscriptions", async { Ok(pages.try_collect().await?) }).await
}
