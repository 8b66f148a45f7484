use aws_sdk_backup::types::{BackupPlanInput, BackupPlansListMember, BackupRule, BackupRuleInput, Lifecycle};

use super::{tags_of, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// A backup plan: when backups are made and how long they are kept. Its [`super::Selection`]s say what is backed up.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupPlan.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// 1 to 50 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Its rules, sorted by name.
    pub rules: Vec<PlanRule>,
}

/// A rule of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRule {
    /// 1 to 50 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The name of the vault for the backups.
    pub vault: String,
    /// The schedule, in UTC: `cron(0 5 ? * * *)`.
    pub schedule: String,
    /// Within how many minutes a backup must start, at least 60.
    pub start_window_minutes: i64,
    /// Within how many minutes a backup must complete, from its scheduled start.
    pub completion_window_minutes: i64,
    /// How many days a backup is kept.
    pub delete_after_days: i64,
}

/// The outputs of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanOutputs {
    /// The plan's id.
    pub plan_id: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Plan {
    const TYPE: TypeInfo = TypeInfo::new(
        "backup.plan",
        seconds(3),
        &[
            "backup:ListBackupPlans",
            "backup:GetBackupPlan",
            "backup:ListTags",
            "backup:CreateBackupPlan",
            "backup:UpdateBackupPlan",
            "backup:DeleteBackupPlan",
            "backup:TagResource",
            "backup:UntagResource",
            "tag:GetResources",
        ],
    );

    type Outputs = PlanOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&PlanOutputs>) -> Result<Option<Found<Self>>> {
        let plans = all(cx).await?;
        let is_this = |plan: &&BackupPlansListMember| match known {
            Some(known) => plan.backup_plan_id() == Some(&known.plan_id),
            // The name contains the suffix: an interrupted run created it and didn't record its id.
            None => plan.backup_plan_name() == Some(&self.name),
        };
        let Some(listed) = plans.iter().find(is_this) else { return Ok(None) };
        let arn = listed.backup_plan_arn().unwrap_or_default();
        let id = listed.backup_plan_id().unwrap_or_default();
        let read = async { Ok(cx.backup.get_backup_plan().backup_plan_id(id).send().await?) };
        let (answer, tags) = tokio::try_join!(read, tags_of(cx, arn))?;
        let plan = answer.backup_plan.ok_or(Error::incomplete("backup:GetBackupPlan", "BackupPlan"))?;
        let mut rules: Vec<_> = plan.rules.iter().map(PlanRule::from_sdk).collect();
        rules.sort_by(|a, b| a.name.cmp(&b.name));
        let outputs = PlanOutputs { plan_id: id.to_owned(), arn: arn.to_owned() };
        Ok(Some(Found::tagged(Plan { name: plan.backup_plan_name, rules }, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<PlanOutputs> {
        let request = cx.backup.create_backup_plan().backup_plan(self.to_sdk()).creator_request_id(&cx.token);
        let answer = request.set_backup_plan_tags(Some(to_sdk(&cx.tags))).send().await?;
        let missing = |field| Error::incomplete("backup:CreateBackupPlan", field);
        let plan_id = answer.backup_plan_id.ok_or_else(|| missing("BackupPlanId"))?;
        Ok(PlanOutputs { plan_id, arn: answer.backup_plan_arn.ok_or_else(|| missing("BackupPlanArn"))? })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<PlanOutputs> {
        let request = cx.backup.update_backup_plan().backup_plan_id(&found.outputs.plan_id);
        request.backup_plan(self.to_sdk()).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &PlanOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &PlanOutputs) -> Result<()> {
        let delete =
            || async { Ok(cx.backup.delete_backup_plan().backup_plan_id(&outputs.plan_id).send().await.map(|_| ())?) };
        let selected = |error: &Error| error.class == Class::Retryable || error.is_code("InvalidRequestException");
        let what = "the plan's selections to be deleted";
        ignore_not_found(cx.retry_while(what, Patience::FRESH, selected, delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-backup-backupplan.html>
    fn cloudformation(&self) -> Form {
        let plan = properties!(self, Plan {
            name => "BackupPlanName",
            rules => "BackupPlanRule": rules.iter().map(PlanRule::cloudformation).collect::<Value>(),
        });
        Form::resource("AWS::Backup::BackupPlan", json!({"BackupPlan": plan}))
            .tagged(Tagging::Map("BackupPlanTags"))
            .output("plan_id", Form::reference())
            .output("arn", Form::attribute("BackupPlanArn"))
    }
}

impl Plan {
    fn to_sdk(&self) -> BackupPlanInput {
        let rules = self.rules.iter().map(PlanRule::to_sdk).collect();
        BackupPlanInput::builder().backup_plan_name(&self.name).set_rules(Some(rules)).build().built()
    }
}

impl PlanRule {
    fn cloudformation(&self) -> Value {
        properties!(self, PlanRule {
            name => "RuleName",
            vault => "TargetBackupVault",
            schedule => "ScheduleExpression",
            start_window_minutes => "StartWindowMinutes",
            completion_window_minutes => "CompletionWindowMinutes",
            delete_after_days => "Lifecycle": json!({"DeleteAfterDays": delete_after_days}),
        })
    }

    fn to_sdk(&self) -> BackupRuleInput {
        BackupRuleInput::builder()
            .rule_name(&self.name)
            .target_backup_vault_name(&self.vault)
            .schedule_expression(&self.schedule)
            .start_window_minutes(self.start_window_minutes)
            .completion_window_minutes(self.completion_window_minutes)
            .lifecycle(Lifecycle::builder().delete_after_days(self.delete_after_days).build())
            .build()
            .built()
    }

    fn from_sdk(rule: &BackupRule) -> Self {
        PlanRule {
            name: rule.rule_name.clone(),
            vault: rule.target_backup_vault_name.clone(),
            schedule: rule.schedule_expression().unwrap_or_default().to_owned(),
            start_window_minutes: rule.start_window_minutes.unwrap_or_default(),
            completion_window_minutes: rule.completion_window_minutes.unwrap_or_default(),
            delete_after_days: rule.lifecycle().and_then(|lifecycle| lifecycle.delete_after_days).unwrap_or_default(),
        }
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<BackupPlansListMember>>> {
    let load = async { Ok(cx.backup.list_backup_plans().into_paginator().items().send().try_collect().await?) };
    cx.inventory.once("backup.plans", load).await
}
