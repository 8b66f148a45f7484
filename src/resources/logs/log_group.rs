use aws_sdk_cloudwatchlogs::types;

use crate::resources::prelude::*;
use crate::resources::tags;

/// A log group. If its name contains the suffix, it is read together with the system's other log groups.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroup {
    /// Up to 512 letters, digits, `_`, `-`, `/`, `.` and `#`.
    pub name: String,
    /// The key that encrypts it, with a policy that lets `logs.{region}.amazonaws.com` use it; without, CloudWatch's own key.
    pub kms_key: Option<KeyArn>,
    /// How long events are kept: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731 ... days; without, for ever.
    pub retention_days: Option<i32>,
}

/// The outputs of a log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogGroupOutputs {
    /// Its ARN.
    pub arn: LogGroupArn,
    /// Its name.
    pub name: String,
}

impl LogGroup {
    /// A log group with AWS's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        LogGroup { name: name.into(), kms_key: None, retention_days: None }
    }
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
            kms_key: group.kms_key_id().map(KeyArn::from),
            retention_days: group.retention_in_days(),
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<LogGroupOutputs> {
        let create = || async {
            let request = cx.logs.create_log_group().log_group_name(&self.name);
            let request = request.set_kms_key_id(self.kms_key.as_ref().map(ToString::to_string));
            Ok(request.set_tags(Some(cx.tags.clone().into_iter().collect())).send().await?)
        };
        cx.retry_while_retryable("CloudWatch Logs to finish another change of this log group", create).await?;
        self.set_retention(cx).await?;
        Ok(LogGroupOutputs { arn: arn(cx, &self.name), name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<LogGroupOutputs> {
        if changes.has("kms_key") {
            self.set_key(cx).await?;
        }
        if changes.has("retention_days") {
            self.set_retention(cx).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &LogGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        let add = |set: &Tags| {
            cx.logs.tag_resource().resource_arn(arn).set_tags(Some(set.clone().into_iter().collect())).send()
        };
        let delete = |keys| cx.logs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &LogGroupOutputs) -> Result<()> {
        let delete =
            || async { Ok(cx.logs.delete_log_group().log_group_name(&outputs.name).send().await.map(|_| ())?) };
        ignore_not_found(
            cx.retry_while_retryable("CloudWatch Logs to finish another change of this log group", delete).await,
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
    async fn set_key(&self, cx: &Cx) -> Result<()> {
        match &self.kms_key {
            Some(key) => {
                cx.logs.associate_kms_key().log_group_name(&self.name).kms_key_id(&**key).send().await?;
            }
            None => {
                cx.logs.disassociate_kms_key().log_group_name(&self.name).send().await?;
            }
        }
        Ok(())
    }

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

/// The log group of this name. Those with the suffix in their names are read by one search for it, however many log groups
/// the account has; another one is read by its name.
async fn find(cx: &Cx, name: &str) -> Result<Option<types::LogGroup>> {
    if name.contains(&cx.shared.owner.suffix) {
        let groups = with_suffix(cx).await?;
        return Ok(groups.iter().find(|group| group.log_group_name() == Some(name)).cloned());
    }
    let mut pages = cx.logs.describe_log_groups().log_group_name_prefix(name).into_paginator().items().send();
    while let Some(group) = pages.try_next().await? {
        if group.log_group_name() == Some(name) {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

/// The log groups with the suffix in their names. A search by a part of the name returns only names; key and retention are
/// returned by full name, up to 50 a call.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html>
async fn with_suffix(cx: &Cx) -> Result<Arc<Vec<types::LogGroup>>> {
    let load = async {
        let suffix = &cx.shared.owner.suffix;
        let found = cx.logs.describe_log_groups().log_group_name_pattern(suffix).into_paginator().items().send();
        let found: Vec<types::LogGroup> = found.try_collect().await?;
        let names = found.into_iter().filter_map(|group| group.log_group_name);
        let names: Vec<_> = names.filter(|name| name.contains(suffix)).collect();
        let mut all: Vec<types::LogGroup> = Vec::new();
        for names in names.chunks(50) {
            let request = cx.logs.describe_log_groups().set_log_group_identifiers(Some(names.to_vec()));
            let groups: Vec<_> = request.into_paginator().items().send().try_collect().await?;
            all.extend(groups);
        }
        Ok(all)
    };
    cx.inventory.once("logs.log_groups", load).await
}
