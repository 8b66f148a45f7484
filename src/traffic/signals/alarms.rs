//! The states of alarms.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use futures::future::try_join_all;

use crate::aws::{Error, Result};
use crate::traffic::readings::{AlarmReading, AlarmState};

/// The most names that DescribeAlarms accepts.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html>
const MAX_NAMES: usize = 100;

/// Reads the states of these alarms, in their order.
pub async fn read(client: &Client, names: &[String]) -> Result<Vec<AlarmReading>> {
    let chunks = names.chunks(MAX_NAMES).map(|names| async move {
        let request = client.describe_alarms().set_alarm_names(Some(names.to_vec())).max_records(100);
        // Without a type, composite alarms are left out.
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let mut pages = request.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page?;
            let metric = page.metric_alarms().iter().map(|it| (it.alarm_name(), it.state_value(), it.state_reason()));
            let composite =
                page.composite_alarms().iter().map(|it| (it.alarm_name(), it.state_value(), it.state_reason()));
            for (name, state, reason) in metric.chain(composite) {
                let state = match state {
                    Some(StateValue::Ok) => AlarmState::Ok,
                    Some(StateValue::Alarm) => AlarmState::Alarm,
                    _ => AlarmState::InsufficientData,
                };
                found.insert(name.unwrap_or_default().to_owned(), (state, reason.map(str::to_owned)));
            }
        }
        Ok::<_, Error>(found)
    });
    let mut found: BTreeMap<_, _> = try_join_all(chunks).await?.into_iter().flatten().collect();
    let reading = |name: &String| {
        let (state, reason) = found.remove(name).unwrap_or((AlarmState::Missing, None));
        AlarmReading { name: name.clone(), state, reason }
    };
    Ok(names.iter().map(reading).collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
    use aws_sdk_cloudwatch::types::{CompositeAlarm, MetricAlarm};
    use aws_smithy_mocks::{Rule, mock};

    use super::*;

    fn client(rules: &[&Rule]) -> Client {
        crate::aws::mocks::client!(aws_sdk_cloudwatch, rules)
    }

    #[tokio::test]
    async fn alarms_of_both_types_are_read_in_hundreds() {
        let metric = |name: &str, state| MetricAlarm::builder().alarm_name(name).state_value(state).build();
        let rest = mock!(Client::describe_alarms).match_requests(|request| request.alarm_names().len() == 2);
        let rest = rest.then_output(|| {
            let all =
                CompositeAlarm::builder().alarm_name("all").state_value(StateValue::Alarm).state_reason("a0").build();
            DescribeAlarmsOutput::builder().composite_alarms(all).build()
        });
        let hundred = mock!(Client::describe_alarms).match_requests(|request| {
            request.alarm_names().len() == 100
                && request.alarm_types() == [AlarmType::MetricAlarm, AlarmType::CompositeAlarm]
        });
        let hundred = hundred.then_output(move || {
            let answer = DescribeAlarmsOutput::builder().metric_alarms(metric("a0", StateValue::Ok));
            let answer = answer.metric_alarms(metric("a1", StateValue::InsufficientData));
            answer.metric_alarms(metric("a2", "NEW_STATE".into())).build()
        });
        let names: Vec<String> = (0..101).map(|number| format!("a{number}")).chain(["all".to_owned()]).collect();
        let alarms = read(&client(&[&hundred, &rest]), &names).await.unwrap();
        let states: Vec<_> = alarms.iter().map(|alarm| alarm.state).collect();
        assert_eq!(states[..3], [AlarmState::Ok, AlarmState::InsufficientData, AlarmState::InsufficientData]);
        assert!(states[3..101].iter().all(|state| *state == AlarmState::Missing));
        let composite =
            AlarmReading { name: "all".to_owned(), state: AlarmState::Alarm, reason: Some("a0".to_owned()) };
        assert_eq!(alarms[101], composite);
        assert_eq!(read(&client(&[]), &[]).await.unwrap(), []);
    }
}
