use std::collections::BTreeSet;

use aws_sdk_backup::types::{BackupSelection, BackupSelectionsListMember};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Error, Result};
use crate::resources::form::{Form, Tagging, properties};
use crate::resources::ids::RoleArn;
use crate::resources::tags::Built;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// What a plan backs up. AWS lets nobody change one.
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupSelection.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Selection {
    /// 1 to 50 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The id of the plan.
    pub plan: String,
    /// The role that AWS Backup takes on.
    pub role: RoleArn,
    /// The ARNs of what is backed up, up to 500.
    pub resources: BTreeSet<String>,
}

/// What a selection gives to others.
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
        if plan.contains('⟦') {
            return Ok(None);
        }
        let id = match known {
            Some(known) => Some(known.selection_id.clone()),
            None => {
                let listed = list(cx, plan).await?;
                let this = listed.into_iter().find(|selection| selection.selection_name() == Some(&self.name));
                this.and_then(|selection| selection.selection_id)
            }
        };
        let Some(id) = id else { return Ok(None) };
        let read = async { Ok(cx.backup.get_backup_selection().backup_plan_id(plan).selection_id(&id).send().await?) };
        let Some(selection) = unless_plan_gone(read.await)?.and_then(|answer| answer.backup_selection) else {
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
        // AWS Backup answers so while it can't assume the role yet.
        let fresh = |error: &Error| error.is_code("InvalidParameterValueException");
        let answer = cx.retry_while("the backup role to become known", Patience::FRESH, fresh, create).await?;
        let id = answer.selection_id.ok_or(Error::incomplete("backup:CreateBackupSelection", "SelectionId"))?;
        Ok(SelectionOutputs { selection_id: id, plan_id: self.plan.clone() })
    }

    async fn update(&self, _cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<SelectionOutputs> {
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &SelectionOutputs) -> Result<()> {
        let request = cx.backup.delete_backup_selection().backup_plan_id(&outputs.plan_id);
        let delete = async { Ok(request.selection_id(&outputs.selection_id).send().await?) };
        unless_plan_gone(delete.await)?;
        Ok(())
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

/// Where the whole plan is gone, AWS Backup doesn't say "not found" but that the plan's id, which it gave itself, is
/// invalid.
fn unless_plan_gone<T>(outcome: Result<T>) -> Result<Option<T>> {
    match ignore_not_found(outcome) {
        Err(error) if error.is_code("InvalidParameterValueException") => Ok(None),
        outcome => outcome,
    }
}

async fn list(cx: &Cx, plan: &str) -> Result<Vec<BackupSelectionsListMember>> {
    let mut pages = cx.backup.list_backup_selections().backup_plan_id(plan).into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(selection) = pages.next().await {
        all.push(selection?);
    }
    Ok(all)
}
