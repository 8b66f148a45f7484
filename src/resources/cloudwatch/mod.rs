//! CloudWatch: alarms and dashboards.

mod alarm;
mod composite_alarm;
mod dashboard;

pub use alarm::{Alarm, AlarmOutputs, Comparison, Measure, Metric, MissingData, Query, QueryMeasure};
pub use composite_alarm::{CompositeAlarm, CompositeAlarmOutputs};
pub use dashboard::{Dashboard, DashboardOutputs};

use std::sync::Arc;

use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm as Composite, MetricAlarm, Tag};

use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::engine::Tags;
use crate::resources::tags;

crate::resources::tags::tag_type!(Tag);

/// All alarms of the region, of both types.
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
        while let Some(page) = pages.next().await {
            let page = page?;
            all.metric.extend(page.metric_alarms.unwrap_or_default());
            all.composite.extend(page.composite_alarms.unwrap_or_default());
        }
        Ok(all)
    };
    cx.inventory.once("cloudwatch.alarms", load).await
}

async fn delete_alarm(cx: &Cx, name: &str) -> Result<()> {
    let delete = || async { Ok(cx.cloudwatch.delete_alarms().alarm_names(name).send().await.map(|_| ())?) };
    let in_use = |error: &crate::aws::Error| error.is_code("ResourceConflict");
    let patience = crate::aws::wait::Patience::SHORT;
    ignore_not_found(cx.retry_while("the composite alarms that name this one to go", patience, in_use, delete).await)?;
    Ok(())
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
    if !set.is_empty() {
        cx.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send().await?;
    }
    if !remove.is_empty() {
        cx.cloudwatch.untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}

/// For people: an alarm that goes off.
fn goes_off(state: Option<&aws_sdk_cloudwatch::types::StateValue>) -> Option<String> {
    (state == Some(&aws_sdk_cloudwatch::types::StateValue::Alarm)).then(|| "in ALARM".to_owned())
}
