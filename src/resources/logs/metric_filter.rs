use aws_sdk_cloudwatchlogs::types::{self, MetricTransformation};

use crate::resources::ids::is_known;
use crate::resources::prelude::*;

/// A metric filter: turns log events into a metric.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Up to 512 characters, none of them `:` or `*`.
    pub name: String,
    /// The name of the log group.
    pub log_group: String,
    /// The filter pattern: which events count.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>
    pub pattern: String,
    /// The metric's namespace.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// The value of an event: a number, or a field of the event (`$.bytes`).
    pub value: String,
    /// The value of a minute without such an event; without, nothing is published then.
    pub default_value: Option<f64>,
}

/// The identity of a metric filter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MetricFilterOutputs {
    /// Its name.
    pub name: String,
    /// The name of the log group.
    pub log_group: String,
}

impl Resource for MetricFilter {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "log_group"],
        ..TypeInfo::new(
            "logs.metric_filter",
            seconds(2),
            &["logs:DescribeMetricFilters", "logs:PutMetricFilter", "logs:DeleteMetricFilter"],
        )
    };

    type Outputs = MetricFilterOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&MetricFilterOutputs>) -> Result<Option<Found<Self>>> {
        let (name, log_group) = match known {
            Some(known) => (&known.name, &known.log_group),
            None => (&self.name, &self.log_group),
        };
        if !is_known(log_group) {
            return Ok(None);
        }
        let filters = cx.inventory.once(format!("logs.metric_filters.{log_group}"), list(cx, log_group)).await?;
        let filter = filters.iter().find(|filter| filter.filter_name() == Some(name));
        let Some(filter) = filter else { return Ok(None) };
        let metric = filter.metric_transformations().first();
        let text = |get: fn(&MetricTransformation) -> &str| metric.map(get).unwrap_or_default().to_owned();
        let spec = MetricFilter {
            name: name.clone(),
            log_group: log_group.clone(),
            pattern: filter.filter_pattern().unwrap_or_default().to_owned(),
            namespace: text(MetricTransformation::metric_namespace),
            metric: text(MetricTransformation::metric_name),
            value: text(MetricTransformation::metric_value),
            default_value: metric.and_then(MetricTransformation::default_value),
        };
        let outputs = MetricFilterOutputs { name: name.clone(), log_group: log_group.clone() };
        Ok(Some(Found::child(spec, outputs)))
    }

    async fn create(&self, cx: &Cx) -> Result<MetricFilterOutputs> {
        self.put(cx).await
    }

    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<MetricFilterOutputs> {
        self.put(cx).await
    }

    async fn delete(cx: &Cx, outputs: &MetricFilterOutputs) -> Result<()> {
        let delete = || async {
            let request = cx.logs.delete_metric_filter().log_group_name(&outputs.log_group);
            Ok(request.filter_name(&outputs.name).send().await.map(|_| ())?)
        };
        ignore_not_found(
            cx.retry_while_retryable("CloudWatch Logs to finish another change of this log group", delete).await,
        )?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-metricfilter.html>
    fn cloudformation(&self) -> Form {
        let filter = properties!(self, MetricFilter {
            name => "FilterName",
            log_group => "LogGroupName",
            pattern => "FilterPattern",
            namespace => _,
            metric => _,
            value => _,
            default_value => _,
            "MetricTransformations": json!([{
                "MetricNamespace": namespace,
                "MetricName": metric,
                "MetricValue": value,
                "DefaultValue": default_value,
            }]),
        });
        let form = Form::resource("AWS::Logs::MetricFilter", filter).tagged(Tagging::None);
        form.output("name", &self.name).output("log_group", &self.log_group)
    }
}

impl MetricFilter {
    async fn put(&self, cx: &Cx) -> Result<MetricFilterOutputs> {
        let metric = MetricTransformation::builder().metric_namespace(&self.namespace).metric_name(&self.metric);
        let metric = metric.metric_value(&self.value).set_default_value(self.default_value).build();
        let metric = metric.expect("namespace, name and value are set");
        let put = || async {
            let request = cx.logs.put_metric_filter().log_group_name(&self.log_group).filter_name(&self.name);
            Ok(request.filter_pattern(&self.pattern).metric_transformations(metric.clone()).send().await?)
        };
        cx.retry_while_retryable("CloudWatch Logs to finish another change of this log group", put).await?;
        Ok(MetricFilterOutputs { name: self.name.clone(), log_group: self.log_group.clone() })
    }
}

/// The filters of a log group; none if it doesn't exist.
async fn list(cx: &Cx, log_group: &str) -> Result<Vec<types::MetricFilter>> {
    let pages = cx.logs.describe_metric_filters().log_group_name(log_group).into_paginator().items().send();
    Ok(ignore_not_found(async { Ok(pages.try_collect().await?) }.await)?.unwrap_or_default())
}
