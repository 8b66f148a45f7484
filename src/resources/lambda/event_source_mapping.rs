use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType, ScalingConfig};

use super::{classify_conflict, retry_while_role_is_new};
use crate::resources::prelude::*;
use crate::resources::tags;

/// An event source mapping: invokes a function with the messages of a queue.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventSourceMapping {
    /// The function.
    pub function: FunctionArn,
    /// The queue.
    pub source: QueueArn,
    /// False disables it: the messages stay in the queue.
    pub enabled: bool,
    /// The maximum number of messages of an invocation, 1 to 10,000; more than 10 need a window.
    pub batch_size: i32,
    /// How long messages are collected for one invocation, 0 to 300 s.
    pub window_seconds: i32,
    /// The function returns which messages failed, and only those are retried.
    pub report_batch_item_failures: bool,
    /// The maximum number of concurrent invocations for this queue, 2 to 1,000.
    pub maximum_concurrency: Option<i32>,
}

/// The outputs of a mapping.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EventSourceMappingOutputs {
    /// Its UUID.
    pub uuid: EventSourceMappingId,
    /// Its ARN.
    pub arn: String,
}

impl EventSourceMapping {
    /// An enabled mapping with AWS's defaults.
    pub fn new(function: FunctionArn, source: QueueArn) -> Self {
        EventSourceMapping {
            function,
            source,
            enabled: true,
            batch_size: 10,
            window_seconds: 0,
            report_batch_item_failures: false,
            maximum_concurrency: None,
        }
    }
}

impl Resource for EventSourceMapping {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["source"],
        ..TypeInfo::new(
            "lambda.event_source_mapping",
            seconds(30),
            &[
                "lambda:ListEventSourceMappings",
                "lambda:GetEventSourceMapping",
                "lambda:ListTags",
                "lambda:CreateEventSourceMapping",
                "lambda:UpdateEventSourceMapping",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:DeleteEventSourceMapping",
            ],
        )
    };

    type Outputs = EventSourceMappingOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&EventSourceMappingOutputs>) -> Result<Option<Found<Self>>> {
        let all = all(cx).await?;
        let is_this = |mapping: &&EventSourceMappingConfiguration| match known {
            Some(known) => mapping.uuid() == Some(&*known.uuid),
            None => {
                mapping.function_arn() == Some(&*self.function) && mapping.event_source_arn() == Some(&*self.source)
            }
        };
        let mut existing = all.iter().filter(|mapping| mapping.state() != Some("Deleting"));
        let Some(mapping) = existing.find(is_this) else { return Ok(None) };
        let arn = mapping.event_source_mapping_arn().unwrap_or_default().to_owned();
        let tags = tags::of_arn(cx, &arn, || async {
            let answer = cx.lambda.list_tags().resource(&arn).send().await?;
            Ok(answer.tags.unwrap_or_default().into_iter().collect())
        });
        let tags = tags.await?;
        let spec = EventSourceMapping {
            function: mapping.function_arn().unwrap_or_default().into(),
            source: mapping.event_source_arn().unwrap_or_default().into(),
            enabled: !matches!(mapping.state(), Some("Disabled" | "Disabling")),
            batch_size: mapping.batch_size().unwrap_or(10),
            window_seconds: mapping.maximum_batching_window_in_seconds().unwrap_or(0),
            report_batch_item_failures: mapping
                .function_response_types()
                .contains(&FunctionResponseType::ReportBatchItemFailures),
            maximum_concurrency: mapping.scaling_config().and_then(|scaling| scaling.maximum_concurrency()),
        };
        let uuid = mapping.uuid().unwrap_or_default().into();
        Ok(Some(Found::tagged(spec, EventSourceMappingOutputs { uuid, arn }, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<EventSourceMappingOutputs> {
        let create = || async {
            let request = cx.lambda.create_event_source_mapping().function_name(&*self.function);
            let request = request.event_source_arn(&*self.source).enabled(self.enabled).batch_size(self.batch_size);
            let request = request.maximum_batching_window_in_seconds(self.window_seconds);
            let request = request.set_function_response_types(Some(self.response_types()));
            let request = request.set_scaling_config(self.maximum_concurrency.map(|_| self.scaling()));
            let answer = request.set_tags(Some(cx.tags.clone().into_iter().collect())).send().await;
            classify_conflict(self, cx, answer.map_err(Error::from)).await
        };
        // Lambda refuses a second mapping of the same queue and function until the deleted one is gone.
        let create = || retry_while_role_is_new(cx, create);
        let answer = cx.retry_while_retryable("the old event source mapping to be deleted", create).await?;
        let uuid = answer.uuid.ok_or(Error::incomplete("lambda:CreateEventSourceMapping", "UUID"))?;
        let arn = answer.event_source_mapping_arn.unwrap_or_default();
        let outputs = EventSourceMappingOutputs { uuid: uuid.into(), arn };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &EventSourceMappingOutputs) -> Result<()> {
        let desired = if self.enabled { "Enabled" } else { "Disabled" };
        cx.wait_until("the event source mapping to take effect", Patience::SHORT, || async {
            let answer = cx.lambda.get_event_source_mapping().uuid(&*outputs.uuid).send().await?;
            Ok((answer.state() == Some(desired)).then_some(()))
        })
        .await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<EventSourceMappingOutputs> {
        let update = || async {
            let request = cx.lambda.update_event_source_mapping().uuid(&*found.outputs.uuid);
            let request = request.function_name(&*self.function).enabled(self.enabled).batch_size(self.batch_size);
            let request = request.maximum_batching_window_in_seconds(self.window_seconds);
            let request = request.set_function_response_types(Some(self.response_types()));
            Ok(request.scaling_config(self.scaling()).send().await?)
        };
        let update = || retry_while_role_is_new(cx, update);
        cx.retry_while_retryable("the event source mapping's last update to finish", update).await?;
        self.until_ready(cx, &found.outputs).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &EventSourceMappingOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &EventSourceMappingOutputs) -> Result<()> {
        let uuid = &*outputs.uuid;
        let delete = || async { Ok(cx.lambda.delete_event_source_mapping().uuid(uuid).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("the event source mapping's last update to finish", delete).await)?;
        cx.wait_until("the event source mapping to be deleted", Patience::SHORT, || async {
            let read = async { Ok(cx.lambda.get_event_source_mapping().uuid(uuid).send().await?) };
            Ok(ignore_not_found(read.await)?.is_none().then_some(()))
        })
        .await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html>
    fn cloudformation(&self) -> Form {
        let mapping = properties!(self, EventSourceMapping {
            function => "FunctionName",
            source => "EventSourceArn",
            enabled => "Enabled",
            batch_size => "BatchSize",
            window_seconds => "MaximumBatchingWindowInSeconds",
            report_batch_item_failures => "FunctionResponseTypes":
                self.response_types().iter().map(FunctionResponseType::as_str).collect::<Value>(),
            maximum_concurrency => "ScalingConfig":
                maximum_concurrency.map(|limit| json!({"MaximumConcurrency": limit})),
        });
        let form = Form::resource("AWS::Lambda::EventSourceMapping", mapping);
        form.output("uuid", Form::reference()).output("arn", Form::attribute("EventSourceMappingArn"))
    }
}

impl EventSourceMapping {
    fn response_types(&self) -> Vec<FunctionResponseType> {
        self.report_batch_item_failures.then_some(FunctionResponseType::ReportBatchItemFailures).into_iter().collect()
    }

    /// The scaling configuration; an empty one removes the limit.
    fn scaling(&self) -> ScalingConfig {
        ScalingConfig::builder().set_maximum_concurrency(self.maximum_concurrency).build()
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<EventSourceMappingConfiguration>>> {
    let load =
        async { Ok(cx.lambda.list_event_source_mappings().into_paginator().items().send().try_collect().await?) };
    cx.inventory.once("lambda.event_source_mappings", load).await
}
