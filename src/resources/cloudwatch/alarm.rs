use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    self, ComparisonOperator, Dimension, MetricAlarm, MetricDataQuery, MetricStat, Statistic,
};

use super::{alarm_arn, alarms, delete_alarm, tags_of, to_sdk};
use crate::resources::prelude::*;

/// An alarm on a metric, or on an expression over metrics.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alarm {
    /// Up to 255 characters.
    pub name: String,
    /// What it means and what to do, for its receivers; up to 1,024 characters.
    pub description: String,
    /// The metric or expression that it watches.
    pub measure: Measure,
    /// How a datapoint is compared with the threshold to be breaching.
    pub comparison: Comparison,
    /// The threshold.
    pub threshold: f64,
    /// The number of periods that are evaluated.
    pub evaluation_periods: i32,
    /// How many of these periods must be breaching; without, all.
    pub datapoints_to_alarm: Option<i32>,
    /// How a period without data is treated.
    pub missing_data: MissingData,
    /// False disables its actions.
    pub actions_enabled: bool,
    /// ARNs of the actions when it goes into ALARM, up to 5.
    pub actions: BTreeSet<String>,
    /// ARNs of the actions when it returns to OK, up to 5.
    pub ok_actions: BTreeSet<String>,
}

/// The metric or expression that an alarm watches.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// One metric.
    Single {
        /// The metric.
        metric: Metric,
        /// `Average`, `Sum`, `Minimum`, `Maximum`, `SampleCount`, or a percentile such as `p99`.
        statistic: String,
        /// The length of a period: 10, 20, 30 or a multiple of 60 s.
        period_seconds: i32,
    },
    /// Several metrics and expressions over them, of which one is returned.
    Queries(Vec<Query>),
}

/// A metric.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// For example `AWS/Lambda`.
    pub namespace: String,
    /// For example `Errors`.
    pub name: String,
    /// The dimensions by name, for example `FunctionName`.
    pub dimensions: BTreeMap<String, String>,
}

impl Metric {
    /// A metric by namespace, name and dimensions.
    pub fn new<'a>(
        namespace: &str,
        name: &str,
        dimensions: impl IntoIterator<Item = (&'a str, impl Into<String>)>,
    ) -> Self {
        let dimensions = dimensions.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Metric { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }

    fn cloudformation_dimensions(&self) -> Value {
        self.dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
    }
}

/// One line of metric math.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Query {
    /// Its name in expressions: a lower-case letter, then letters, digits and `_`.
    pub id: String,
    /// Its label in charts.
    pub label: Option<String>,
    /// Its value.
    pub measure: QueryMeasure,
    /// True for the query that the alarm watches.
    pub returned: bool,
}

/// The value of a [`Query`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryMeasure {
    /// A metric.
    Metric {
        /// The metric.
        metric: Metric,
        /// As in [`Measure::Single`].
        statistic: String,
        /// The length of a period in seconds.
        period_seconds: i32,
    },
    /// An expression over the other queries' ids.
    Expression(String),
}

/// How a datapoint is compared with the threshold to be breaching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Above the threshold.
    Greater,
    /// At the threshold or above it.
    GreaterOrEqual,
    /// Below the threshold.
    Less,
    /// At the threshold or below it.
    LessOrEqual,
}

/// How a period without data is treated.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingData {
    /// As within the threshold.
    NotBreaching,
    /// As breaching.
    Breaching,
    /// The alarm keeps its state.
    Ignore,
    /// The alarm goes into INSUFFICIENT_DATA if all data is missing.
    Missing,
}

/// The outputs of an alarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AlarmOutputs {
    /// Its ARN.
    pub arn: AlarmArn,
    /// Its name.
    pub name: String,
}

impl Alarm {
    /// An alarm on one period, without actions, with AWS's defaults.
    pub fn new(name: impl Into<String>, measure: Measure, comparison: Comparison, threshold: f64) -> Self {
        Alarm {
            name: name.into(),
            description: String::new(),
            measure,
            comparison,
            threshold,
            evaluation_periods: 1,
            datapoints_to_alarm: None,
            missing_data: MissingData::Missing,
            actions_enabled: true,
            actions: BTreeSet::new(),
            ok_actions: BTreeSet::new(),
        }
    }
}

impl Resource for Alarm {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "cloudwatch.alarm",
            seconds(2),
            &[
                "cloudwatch:DescribeAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
                "cloudwatch:DeleteAlarms",
            ],
        )
    };

    type Outputs = AlarmOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&AlarmOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let alarms = alarms(cx).await?;
        let Some(alarm) = alarms.metric.iter().find(|alarm| alarm.alarm_name() == Some(name)) else { return Ok(None) };
        let arn = alarm.alarm_arn().map_or_else(|| alarm_arn(cx, name), str::to_owned);
        let tags = tags_of(cx, &arn).await?;
        let outputs = AlarmOutputs { arn: arn.into(), name: name.clone() };
        let live = super::in_alarm(alarm.state_value());
        Ok(Some(Found { live, ..Found::tagged(read(alarm)?, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<AlarmOutputs> {
        self.put(cx).set_tags(Some(to_sdk(&cx.tags))).send().await?;
        Ok(AlarmOutputs { arn: alarm_arn(cx, &self.name).into(), name: self.name.clone() })
    }

    /// The call overwrites the alarm, except for its state and its tags.
    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<AlarmOutputs> {
        self.put(cx).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &AlarmOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &AlarmOutputs) -> Result<()> {
        delete_alarm(cx, &outputs.name).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html>
    fn cloudformation(&self) -> Form {
        let mut alarm = properties!(self, Alarm {
            name => "AlarmName",
            description => "AlarmDescription",
            comparison => "ComparisonOperator": comparison.to_sdk().as_str(),
            threshold => "Threshold",
            evaluation_periods => "EvaluationPeriods",
            datapoints_to_alarm => "DatapointsToAlarm",
            missing_data => "TreatMissingData": missing_data.text(),
            actions_enabled => "ActionsEnabled",
            actions => "AlarmActions",
            ok_actions => "OKActions",
            measure => _,
        });
        match &self.measure {
            Measure::Single { metric, statistic, period_seconds } => {
                alarm["Namespace"] = json!(metric.namespace);
                alarm["MetricName"] = json!(metric.name);
                alarm["Dimensions"] = metric.cloudformation_dimensions();
                alarm["Period"] = json!(period_seconds);
                let is_plain = Statistic::try_parse(statistic).is_ok();
                alarm[if is_plain { "Statistic" } else { "ExtendedStatistic" }] = json!(statistic);
            }
            Measure::Queries(queries) => alarm["Metrics"] = queries.iter().map(Query::cloudformation).collect(),
        }
        Form::resource("AWS::CloudWatch::Alarm", alarm)
            .output("arn", Form::attribute("Arn"))
            .output("name", Form::reference())
    }
}

impl Alarm {
    fn put(&self, cx: &Cx) -> PutMetricAlarmFluentBuilder {
        let request = cx.cloudwatch.put_metric_alarm().alarm_name(&self.name).alarm_description(&self.description);
        let request = request.comparison_operator(self.comparison.to_sdk()).threshold(self.threshold);
        let request = request.evaluation_periods(self.evaluation_periods);
        let request = request.set_datapoints_to_alarm(self.datapoints_to_alarm);
        let request = request.treat_missing_data(self.missing_data.text()).actions_enabled(self.actions_enabled);
        let request = request.set_alarm_actions(Some(self.actions.iter().cloned().collect()));
        let request = request.set_ok_actions(Some(self.ok_actions.iter().cloned().collect()));
        match &self.measure {
            Measure::Single { metric, statistic, period_seconds } => {
                let request = request.namespace(&metric.namespace).metric_name(&metric.name).period(*period_seconds);
                let request = request.set_dimensions(Some(dimensions(metric)));
                match Statistic::try_parse(statistic) {
                    Ok(statistic) => request.statistic(statistic),
                    Err(_) => request.extended_statistic(statistic),
                }
            }
            Measure::Queries(queries) => request.set_metrics(Some(queries.iter().map(Query::to_sdk).collect())),
        }
    }
}

impl Query {
    fn to_sdk(&self) -> MetricDataQuery {
        let query = MetricDataQuery::builder().id(&self.id).set_label(self.label.clone()).return_data(self.returned);
        match &self.measure {
            QueryMeasure::Expression(expression) => query.expression(expression).build(),
            QueryMeasure::Metric { metric, statistic, period_seconds } => {
                let sdk = types::Metric::builder().namespace(&metric.namespace).metric_name(&metric.name);
                let sdk = sdk.set_dimensions(Some(dimensions(metric))).build();
                query
                    .metric_stat(MetricStat::builder().metric(sdk).period(*period_seconds).stat(statistic).build())
                    .build()
            }
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-cloudwatch-alarm-metricdataquery.html>
    fn cloudformation(&self) -> Value {
        let mut query = properties!(self, Query {
            id => "Id",
            label => "Label",
            returned => "ReturnData",
            measure => _,
        });
        match &self.measure {
            QueryMeasure::Expression(expression) => query["Expression"] = json!(expression),
            QueryMeasure::Metric { metric, statistic, period_seconds } => {
                let metric = properties!(metric, Metric {
                    namespace => "Namespace",
                    name => "MetricName",
                    dimensions => "Dimensions": metric.cloudformation_dimensions(),
                });
                query["MetricStat"] = json!({"Metric": metric, "Stat": statistic, "Period": period_seconds});
            }
        }
        query
    }
}

fn read(alarm: &MetricAlarm) -> Result<Alarm> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let measure = if alarm.metrics().is_empty() {
        let statistic = alarm.statistic().map(Statistic::as_str).or(alarm.extended_statistic());
        let (namespace, name) = (text(alarm.namespace()), text(alarm.metric_name()));
        let metric = Metric { namespace, name, dimensions: from_dimensions(alarm.dimensions()) };
        Measure::Single { metric, statistic: text(statistic), period_seconds: alarm.period().unwrap_or_default() }
    } else {
        Measure::Queries(alarm.metrics().iter().map(read_query).collect())
    };
    Ok(Alarm {
        name: text(alarm.alarm_name()),
        description: text(alarm.alarm_description()),
        measure,
        comparison: Comparison::from_sdk(alarm.comparison_operator())?,
        threshold: alarm.threshold().unwrap_or_default(),
        evaluation_periods: alarm.evaluation_periods().unwrap_or(1),
        datapoints_to_alarm: alarm.datapoints_to_alarm(),
        missing_data: MissingData::from_text(alarm.treat_missing_data().unwrap_or("missing"))?,
        actions_enabled: alarm.actions_enabled().unwrap_or(true),
        actions: alarm.alarm_actions().iter().cloned().collect(),
        ok_actions: alarm.ok_actions().iter().cloned().collect(),
    })
}

fn read_query(query: &MetricDataQuery) -> Query {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let measure = match query.metric_stat() {
        None => QueryMeasure::Expression(text(query.expression())),
        Some(stat) => {
            let metric = stat.metric();
            QueryMeasure::Metric {
                metric: Metric {
                    namespace: text(metric.and_then(types::Metric::namespace)),
                    name: text(metric.and_then(types::Metric::metric_name)),
                    dimensions: from_dimensions(metric.map(types::Metric::dimensions).unwrap_or_default()),
                },
                statistic: text(stat.stat()),
                period_seconds: stat.period().unwrap_or_default(),
            }
        }
    };
    // ReturnData is true by default.
    let returned = query.return_data().unwrap_or(true);
    Query { id: text(query.id()), label: query.label().map(str::to_owned), measure, returned }
}

fn dimensions(metric: &Metric) -> Vec<Dimension> {
    metric.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn from_dimensions(dimensions: &[Dimension]) -> BTreeMap<String, String> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    dimensions.iter().map(|dimension| (text(dimension.name()), text(dimension.value()))).collect()
}

impl Comparison {
    fn to_sdk(self) -> ComparisonOperator {
        match self {
            Comparison::Greater => ComparisonOperator::GreaterThanThreshold,
            Comparison::GreaterOrEqual => ComparisonOperator::GreaterThanOrEqualToThreshold,
            Comparison::Less => ComparisonOperator::LessThanThreshold,
            Comparison::LessOrEqual => ComparisonOperator::LessThanOrEqualToThreshold,
        }
    }

    fn from_sdk(operator: Option<&ComparisonOperator>) -> Result<Self> {
        match operator {
            Some(ComparisonOperator::GreaterThanThreshold) => Ok(Comparison::Greater),
            Some(ComparisonOperator::GreaterThanOrEqualToThreshold) => Ok(Comparison::GreaterOrEqual),
            Some(ComparisonOperator::LessThanThreshold) => Ok(Comparison::Less),
            Some(ComparisonOperator::LessThanOrEqualToThreshold) => Ok(Comparison::LessOrEqual),
            other => Err(Error::local(format!("comparison operator {other:?} isn't supported"))),
        }
    }
}

impl MissingData {
    fn text(self) -> &'static str {
        match self {
            MissingData::NotBreaching => "notBreaching",
            MissingData::Breaching => "breaching",
            MissingData::Ignore => "ignore",
            MissingData::Missing => "missing",
        }
    }

    fn from_text(text: &str) -> Result<Self> {
        let all = [MissingData::NotBreaching, MissingData::Breaching, MissingData::Ignore, MissingData::Missing];
        let known = all.into_iter().find(|value| value.text() == text);
        known.ok_or_else(|| Error::local(format!("missing data treated as {text:?} isn't supported")))
    }
}
