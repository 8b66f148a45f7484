use std::collections::BTreeSet;

use aws_sdk_cloudwatch::operation::put_composite_alarm::builders::PutCompositeAlarmFluentBuilder;

use super::{alarm_arn, alarms, delete_alarm, tags_of, to_sdk};
use crate::resources::prelude::*;

/// An alarm on the states of other alarms.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompositeAlarm {
    /// Up to 255 characters.
    pub name: String,
    /// What it means and what to do, for its receivers; up to 1,024 characters.
    pub description: String,
    /// When it goes into ALARM: `ALARM("name") OR (...)`, up to 10,240 characters.
    pub rule: String,
    /// False disables its actions.
    pub actions_enabled: bool,
    /// ARNs of the actions when it goes into ALARM, up to 5.
    pub actions: BTreeSet<String>,
    /// ARNs of the actions when it returns to OK, up to 5.
    pub ok_actions: BTreeSet<String>,
}

/// The outputs of a composite alarm.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CompositeAlarmOutputs {
    /// Its ARN.
    pub arn: AlarmArn,
    /// Its name.
    pub name: String,
}

impl CompositeAlarm {
    /// An alarm without actions.
    pub fn new(name: impl Into<String>, rule: impl Into<String>) -> Self {
        CompositeAlarm {
            name: name.into(),
            description: String::new(),
            rule: rule.into(),
            actions_enabled: true,
            actions: BTreeSet::new(),
            ok_actions: BTreeSet::new(),
        }
    }
}

impl Resource for CompositeAlarm {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "cloudwatch.composite_alarm",
            seconds(2),
            &[
                "cloudwatch:DescribeAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutCompositeAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
                "cloudwatch:DeleteAlarms",
            ],
        )
    };

    type Outputs = CompositeAlarmOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&CompositeAlarmOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let alarms = alarms(cx).await?;
        let alarm = alarms.composite.iter().find(|alarm| alarm.alarm_name() == Some(name));
        let Some(alarm) = alarm else { return Ok(None) };
        let arn = alarm.alarm_arn().map_or_else(|| alarm_arn(cx, name), str::to_owned);
        let tags = tags_of(cx, &arn).await?;
        let spec = CompositeAlarm {
            name: name.clone(),
            description: alarm.alarm_description().unwrap_or_default().to_owned(),
            rule: alarm.alarm_rule().unwrap_or_default().to_owned(),
            actions_enabled: alarm.actions_enabled().unwrap_or(true),
            actions: alarm.alarm_actions().iter().cloned().collect(),
            ok_actions: alarm.ok_actions().iter().cloned().collect(),
        };
        let outputs = CompositeAlarmOutputs { arn: arn.into(), name: name.clone() };
        let live = super::in_alarm(alarm.state_value());
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<CompositeAlarmOutputs> {
        self.put(cx).set_tags(Some(to_sdk(&cx.tags))).send().await?;
        Ok(CompositeAlarmOutputs { arn: alarm_arn(cx, &self.name).into(), name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<CompositeAlarmOutputs> {
        self.put(cx).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &CompositeAlarmOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &CompositeAlarmOutputs) -> Result<()> {
        delete_alarm(cx, &outputs.name).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html>
    fn cloudformation(&self) -> Form {
        let alarm = properties!(self, CompositeAlarm {
            name => "AlarmName",
            description => "AlarmDescription",
            rule => "AlarmRule",
            actions_enabled => "ActionsEnabled",
            actions => "AlarmActions",
            ok_actions => "OKActions",
        });
        let form = Form::resource("AWS::CloudWatch::CompositeAlarm", alarm);
        form.output("arn", Form::attribute("Arn")).output("name", Form::reference())
    }
}

impl CompositeAlarm {
    fn put(&self, cx: &Cx) -> PutCompositeAlarmFluentBuilder {
        let request = cx.cloudwatch.put_composite_alarm().alarm_name(&self.name).alarm_description(&self.description);
        let request = request.alarm_rule(&self.rule).actions_enabled(self.actions_enabled);
        let request = request.set_alarm_actions(Some(self.actions.iter().cloned().collect()));
        request.set_ok_actions(Some(self.ok_actions.iter().cloned().collect()))
    }
}
