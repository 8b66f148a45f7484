use std::collections::BTreeSet;

use aws_sdk_backup::types::{BackupSelection, BackupSelectionsListMember};

use crate::resources::ids::is_known;
use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// A selection of resources that a plan backs up. AWS can't change a selection, so a change replaces it.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupSelection.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Selection {
    /// 1 to 50 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The id of the plan.
    pub plan: String,
    /// The role that AWS Backup assumes.
    pub role: RoleArn,
    /// The ARNs of the resources, up to 500.
    pub resources: BTreeSet<String>,
}

/// The outputs of a selection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SelectionOutputs {
    /// The selection's id.
    pub selection_id: String,
    /// The plan's id.
    pub plan_id: String,
}

impl Resource for Selection {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "plan", "role", "resources"],
        ..TypeInfo::new(
            "backup.selection",
            seconds(10),
            &[
                "backup:ListBackupSelections",
                "backup:GetBackupSelection",
                "backup:CreateBackupSelection",
                "backup:DeleteBackupSelection",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = SelectionOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SelectionOutputs>) -> Result<Option<Found<Self>>> {
        let plan = known.map_or(&self.plan, |known| &known.plan_id);
        if !is_known(plan) {
            return Ok(None);
        }
        let id = match known {
            Some(known) => Some(known.selection_id.clone()),
            None => {
                let pages = cx.backup.list_backup_selections().backup_plan_id(plan).into_paginator().items().send();
                let list = async { Ok(pages.try_collect().await?) };
                let listed: Vec<BackupSelectionsListMember> = ignore_missing_plan(list.await)?.unwrap_or_default();
                let is_this = |it: &BackupSelectionsListMember| it.selection_name() == Some(&self.name);
                let this = listed.into_iter().find(is_this);
                this.and_then(|selection| selection.selection_id)
            }
        };
        let Some(id) = id else { return Ok(None) };
        let read = async { Ok(cx.backup.get_backup_selection().backup_plan_id(plan).selection_id(&id).send().await?) };
        let Some(selection) = ignore_missing_plan(read.await)?.and_then(|answer| answer.backup_selection) else {
            return Ok(None);
        };
        let spec = Selection {
            name: selection.selection_name,
            plan: plan.clone(),
            role: selection.iam_role_arn.into(),
            resources: selection.resources.unwrap_or_default().into_iter().collect(),
        };
        Ok(Some(Found::child(spec, SelectionOutputs { selection_id: id, plan_id: plan.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<SelectionOutputs> {
        let create = || async {
            let selection = BackupSelection::builder().selection_name(&self.name).iam_role_arn(&*self.role);
            let selection = selection.set_resources(Some(self.resources.iter().cloned().collect())).build().built();
            let request = cx.backup.create_backup_selection().backup_plan_id(&self.plan);
            Ok(request.backup_selection(selection).creator_request_id(&cx.token).send().await?)
        };
        // AWS Backup returns this while it can't assume the new role.
        let role_is_new = |error: &Error| error.is_code("InvalidParameterValueException");
        let answer = cx.retry_while("the backup role to be visible", Patience::FRESH, role_is_new, create).await?;
        let id = answer.selection_id.ok_or(Error::incomplete("backup:CreateBackupSelection", "SelectionId"))?;
        Ok(SelectionOutputs { selection_id: id, plan_id: self.plan.clone() })
    }

    async fn delete(cx: &Cx, outputs: &SelectionOutputs) -> Result<()> {
        let request = cx.backup.delete_backup_selection().backup_plan_id(&outputs.plan_id);
        let delete = async { Ok(request.selection_id(&outputs.selection_id).send().await?) };
        ignore_missing_plan(delete.await).map(drop)
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-backup-backupselection.html>
    fn cloudformation(&self) -> Form {
        let selection = properties!(self, Selection {
            plan => "BackupPlanId",
            name => _,
            role => _,
            resources => "BackupSelection":
                json!({"SelectionName": name, "IamRoleArn": role, "Resources": resources}),
        });
        Form::resource("AWS::Backup::BackupSelection", selection)
            .tagged(Tagging::None)
            .output("selection_id", Form::attribute("SelectionId"))
            .output("plan_id", Form::attribute("BackupPlanId"))
    }
}

/// If the plan doesn't exist, AWS Backup calls its id an invalid parameter instead of "not found".
fn ignore_missing_plan<T>(outcome: Result<T>) -> Result<Option<T>> {
    match ignore_not_found(outcome) {
        Err(error) if error.is_code("InvalidParameterValueException") => Ok(None),
        outcome => outcome,
    }
}
