use std::sync::Arc;

use aws_sdk_cloudwatchlogs::types;
use serde::{Deserialize, Serialize};

use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::engine::Tags;
use crate::resources::form::{Form, properties};
use crate::resources::ids::{KeyArn, LogGroupArn};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds, tags};

/// A log group.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroup {
    /// Up to 512 letters, digits, `_`, `-`, `/`, `.` and `#`.
    pub name: String,
    /// The key that encrypts it; its policy must let `logs.{region}.amazonaws.com` use it.
    pub kms_key: KeyArn,
    /// How long events are kept, one of the numbers of days that AWS knows (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365,
    /// 400, 545, 731 ...); for ever without.
    pub retention_days: Option<i32>,
}

/// What a log group gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroupOutputs {
    /// Its ARN.
    pub arn: LogGroupArn,
    /// Its name.
    pub name: String,
}

impl Resource for LogGroup {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "logs.log_group",
            seconds(2),
            &[
                "logs:DescribeLogGroups",
                "logs:ListTagsForResource",
                "logs:CreateLogGroup",
                "logs:PutRetentionPolicy",
                "logs:DeleteRetentionPolicy",
                "logs:AssociateKmsKey",
                "logs:DisassociateKmsKey",
                "logs:TagResource",
                "logs:UntagResource",
                "logs:DeleteLogGroup",
            ],
        )
    };

    type Outputs = LogGroupOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&LogGroupOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let Some(group) = find(cx, name).await? else { return Ok(None) };
        let outputs = LogGroupOutputs { arn: arn(cx, name), name: name.clone() };
        let tags = tags::of_arn(cx, &outputs.arn, || async {
            let answer = cx.logs.list_tags_for_resource().resource_arn(&*outputs.arn).send().await?;
            Ok(answer.tags.unwrap_or_default().into_iter().collect())
        });
        let tags = tags.await?;
        let spec = LogGroup {
            name: name.clone(),
            kms_key: group.kms_key_id().unwrap_or_default().into(),
            retention_days: group.retention_in_days(),
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<LogGroupOutputs> {
        let create = || async {
            let request = cx.logs.create_log_group().log_group_name(&self.name).kms_key_id(&*self.kms_key);
            Ok(request.set_tags(Some(cx.tags.clone().into_iter().collect())).send().await?)
        };
        cx.retry_while_retryable("CloudWatch Logs to end another change of this log group", create).await?;
        self.set_retention(cx).await?;
        Ok(LogGroupOutputs { arn: arn(cx, &self.name), name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<LogGroupOutputs> {
        if changes.has("kms_key") {
            let request = cx.logs.associate_kms_key().log_group_name(&self.name).kms_key_id(&*self.kms_key);
            request.send().await?;
        }
        if changes.has("retention_days") {
            self.set_retention(cx).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &LogGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        if !set.is_empty() {
            let set = set.clone().into_iter().collect();
            cx.logs.tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
        }
        if !remove.is_empty() {
            cx.logs.untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, outputs: &LogGroupOutputs) -> Result<()> {
        let delete =
            || async { Ok(cx.logs.delete_log_group().log_group_name(&outputs.name).send().await.map(|_| ())?) };
        ignore_not_found(
            cx.retry_while_retryable("CloudWatch Logs to end another change of this log group", delete).await,
        )?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html>
    fn cloudformation(&self) -> Form {
        let group = properties!(self, LogGroup {
            name => "LogGroupName",
            kms_key => "KmsKeyId",
            retention_days => "RetentionInDays",
        });
        // The attribute `Arn` ends in `:*`.
        let arn = Form::regional_arn("logs", &format!("log-group:{}", Form::reference()));
        Form::resource("AWS::Logs::LogGroup", group).output("arn", arn).output("name", Form::reference())
    }
}

impl LogGroup {
    async fn set_retention(&self, cx: &Cx) -> Result<()> {
        match self.retention_days {
            Some(days) => {
                let request = cx.logs.put_retention_policy().log_group_name(&self.name);
                request.retention_in_days(days).send().await?;
            }
            None => {
                cx.logs.delete_retention_policy().log_group_name(&self.name).send().await?;
            }
        }
        Ok(())
    }
}

fn arn(cx: &Cx, name: &str) -> LogGroupArn {
    format!("arn:{}:logs:{}:{}:log-group:{name}", cx.partition(), cx.region, cx.account()).into()
}

/// Names carry the suffix: one search by it finds all of the system's log groups, however many the account has. One whose
/// name doesn't is asked for by name.
async fn find(cx: &Cx, name: &str) -> Result<Option<types::LogGroup>> {
    if name.contains(&cx.shared.owner.suffix) {
        let ours = ours(cx).await?;
        return Ok(ours.iter().find(|group| group.log_group_name() == Some(name)).cloned());
    }
    let mut pages = cx.logs.describe_log_groups().log_group_name_prefix(name).into_paginator().items().send();
    while let Some(group) = pages.next().await.transpose()? {
        if group.log_group_name() == Some(name) {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

/// All log groups with our suffix in their names. A search by a part of the name tells names only; key and retention are
/// told to who asks by full names, 50 at a time.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
async fn ours(cx: &Cx) -> Result<Arc<Vec<types::LogGroup>>> {
    let load = async {
        let suffix = &cx.shared.owner.suffix;
        let mut found = cx.logs.describe_log_groups().log_group_name_pattern(suffix).into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(group) = found.next().await {
            names.extend(group?.log_group_name.filter(|name| name.contains(suffix)));
        }
        let mut all = Vec::new();
        for names in names.chunks(50) {
            let request = cx.logs.describe_log_groups().set_log_group_identifiers(Some(names.to_vec()));
            let mut groups = request.into_paginator().items().send();
            while let Some(group) = groups.next().await {
                all.push(group?);
            }
        }
        Ok(all)
    };
    cx.inventory.once("logs.log_groups", load).await
}
