//! CloudWatch: alarms and dashboards.

mod alarm;
mod composite_alarm;
mod dashboard;

pub use alarm::{Alarm, AlarmOutputs, Comparison, Measure, Metric, MissingData, Query, QueryMeasure};
pub use composite_alarm::{CompositeAlarm, CompositeAlarmOutputs};
pub use dashboard::{Dashboard, DashboardOutputs};

use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm as Composite, MetricAlarm, StateValue, Tag};

use crate::resources::prelude::*;
use crate::resources::tags;

crate::resources::tags::tag_type!(Tag);

/// The alarms of the region, of both types.
struct Alarms {
    metric: Vec<MetricAlarm>,
    composite: Vec<Composite>,
}

/// Read once for both types.
async fn alarms(cx: &Cx) -> Result<Arc<Alarms>> {
    let load = async {
        let request = cx.cloudwatch.describe_alarms().max_records(100);
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let mut pages = request.into_paginator().send();
        let mut all = Alarms { metric: Vec::new(), composite: Vec::new() };
        while let Some(page) = pages.try_next().await? {
            all.metric.extend(page.metric_alarms.unwrap_or_default());
            all.composite.extend(page.composite_alarms.unwrap_or_default());
        }
        Ok(all)
    };
    cx.inventory.once("cloudwatch.alarms", load).await
}

async fn delete_alarm(cx: &Cx, name: &str) -> Result<()> {
    let delete = || async { Ok(cx.cloudwatch.delete_alarms().alarm_names(name).send().await.map(|_| ())?) };
    let in_use = |error: &Error| error.is_code("ResourceConflict");
    let what = "the composite alarms that use this one to be deleted";
    ignore_not_found(cx.retry_while(what, Patience::SHORT, in_use, delete).await).map(drop)
}

fn alarm_arn(cx: &Cx, name: &str) -> String {
    format!("arn:{}:cloudwatch:{}:{}:alarm:{name}", cx.partition(), cx.region, cx.account())
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        let answer = cx.cloudwatch.list_tags_for_resource().resource_arn(arn).send().await?;
        Ok(from_sdk(answer.tags()))
    })
    .await
}

async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let add = |set: &Tags| cx.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send();
    let delete = |keys| cx.cloudwatch.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
    tags::change(set, remove, add, delete).await
}

/// The live state of an alarm, if it is in ALARM.
fn in_alarm(state: Option<&StateValue>) -> Option<String> {
    (state == Some(&StateValue::Alarm)).then(|| "in ALARM".to_owned())
}
