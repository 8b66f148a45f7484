use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_iam::types::{self, EntityType, RoleDetail};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{from_sdk, to_sdk};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::document::Document;
use crate::resources::form::{Form, properties};
use crate::resources::ids::RoleArn;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A role with its policies: what it may do belongs to it and goes with it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// Up to 64 characters.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who may take it on.
    pub trust: Document,
    /// What it may do, by policy name.
    pub inline_policies: BTreeMap<String, Document>,
    /// ARNs of managed policies.
    pub managed_policies: BTreeSet<String>,
    /// How long a session lasts at most, 3,600 to 43,200 s.
    pub max_session_seconds: i32,
}

/// What a role gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleOutputs {
    /// Its ARN.
    pub arn: RoleArn,
    /// Its name.
    pub name: String,
}

impl Resource for Role {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        global: true,
        ..TypeInfo::new(
            "iam.role",
            seconds(10),
            &[
                "iam:GetAccountAuthorizationDetails",
                "iam:CreateRole",
                "iam:UpdateRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:AttachRolePolicy",
                "iam:DetachRolePolicy",
                "iam:ListRolePolicies",
                "iam:ListAttachedRolePolicies",
                "iam:ListRoles",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:DeleteRole",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = RoleOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&RoleOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let roles = all(cx).await?;
        let Some(role) = roles.iter().find(|role| role.role_name() == Some(name)) else { return Ok(None) };
        let mut inline_policies = BTreeMap::new();
        for policy in role.role_policy_list() {
            let document = Document::parse_encoded(policy.policy_document().unwrap_or_default())?;
            inline_policies.insert(policy.policy_name().unwrap_or_default().to_owned(), document);
        }
        let listed = listed(cx).await?;
        let listed = listed.iter().find(|role| role.role_name() == name);
        let attached = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn.clone());
        let spec = Role {
            name: name.clone(),
            description: listed.and_then(|role| role.description()).unwrap_or_default().to_owned(),
            trust: Document::parse_encoded(role.assume_role_policy_document().unwrap_or_default())?,
            inline_policies,
            managed_policies: attached.collect(),
            max_session_seconds: listed.and_then(|role| role.max_session_duration).unwrap_or(3600),
        };
        let outputs = RoleOutputs { arn: role.arn().unwrap_or_default().into(), name: name.clone() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(role.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<RoleOutputs> {
        let request = cx.iam.create_role().role_name(&self.name).description(&self.description);
        let request = request.assume_role_policy_document(self.trust.to_text());
        let request = request.max_session_duration(self.max_session_seconds).set_tags(Some(to_sdk(&cx.tags)));
        let role = request.send().await?.role.ok_or(Error::incomplete("iam:CreateRole", "Role"))?;
        self.set_policies(cx, &BTreeMap::new(), &BTreeSet::new()).await?;
        Ok(RoleOutputs { arn: role.arn.into(), name: role.role_name })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<RoleOutputs> {
        if changes.any(&["description", "max_session_seconds"]) {
            let request = cx.iam.update_role().role_name(&self.name).description(&self.description);
            request.max_session_duration(self.max_session_seconds).send().await?;
        }
        if changes.has("trust") {
            let request = cx.iam.update_assume_role_policy().role_name(&self.name);
            request.policy_document(self.trust.to_text()).send().await?;
        }
        self.set_policies(cx, &found.spec.inline_policies, &found.spec.managed_policies).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &RoleOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        if !set.is_empty() {
            cx.iam.tag_role().role_name(&outputs.name).set_tags(Some(to_sdk(set))).send().await?;
        }
        if !remove.is_empty() {
            cx.iam.untag_role().role_name(&outputs.name).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, outputs: &RoleOutputs) -> Result<()> {
        ignore_not_found(strip(cx, &outputs.name).await)?;
        let delete = async { Ok(cx.iam.delete_role().role_name(&outputs.name).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html>
    fn cloudformation(&self) -> Form {
        let policy = |(name, document): (&String, &Document)| json!({"PolicyName": name, "PolicyDocument": document});
        let role = properties!(self, Role {
            name => "RoleName",
            description => "Description",
            trust => "AssumeRolePolicyDocument",
            inline_policies => "Policies": inline_policies.iter().map(policy).collect::<Value>(),
            managed_policies => "ManagedPolicyArns",
            max_session_seconds => "MaxSessionDuration",
        });
        Form::resource("AWS::IAM::Role", role).output("arn", Form::attribute("Arn")).output("name", Form::reference())
    }
}

impl Role {
    async fn set_policies(
        &self,
        cx: &Cx,
        inline: &BTreeMap<String, Document>,
        managed: &BTreeSet<String>,
    ) -> Result<()> {
        for (name, document) in self.inline_policies.iter().filter(|(name, new)| inline.get(*name) != Some(new)) {
            let request = cx.iam.put_role_policy().role_name(&self.name).policy_name(name);
            request.policy_document(document.to_text()).send().await?;
        }
        for arn in self.managed_policies.difference(managed) {
            cx.iam.attach_role_policy().role_name(&self.name).policy_arn(arn).send().await?;
        }
        for name in inline.keys().filter(|name| !self.inline_policies.contains_key(*name)) {
            delete_inline(cx, &self.name, name).await?;
        }
        for arn in managed.difference(&self.managed_policies) {
            detach(cx, &self.name, arn).await?;
        }
        Ok(())
    }
}

/// A role can only be deleted without policies.
async fn strip(cx: &Cx, name: &str) -> Result<()> {
    let inline = cx.iam.list_role_policies().role_name(name).send().await?;
    for policy in inline.policy_names() {
        delete_inline(cx, name, policy).await?;
    }
    let attached = cx.iam.list_attached_role_policies().role_name(name).send().await?;
    for arn in attached.attached_policies().iter().filter_map(|policy| policy.policy_arn.as_deref()) {
        detach(cx, name, arn).await?;
    }
    Ok(())
}

/// That it is gone already says nothing of the role: an earlier try whose answer was lost may have done it.
async fn delete_inline(cx: &Cx, role: &str, policy: &str) -> Result<()> {
    let delete = async { Ok(cx.iam.delete_role_policy().role_name(role).policy_name(policy).send().await?) };
    ignore_not_found(delete.await).map(drop)
}

/// See [`delete_inline`].
async fn detach(cx: &Cx, role: &str, policy: &str) -> Result<()> {
    let detach = async { Ok(cx.iam.detach_role_policy().role_name(role).policy_arn(policy).send().await?) };
    ignore_not_found(detach.await).map(drop)
}

/// All roles of the account with their policies and tags: a page of this call holds up to 1,000 of them.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>
async fn all(cx: &Cx) -> Result<Arc<Vec<RoleDetail>>> {
    // Global: read once for all regions.
    let home = cx.in_region(cx.shared.cloud.home());
    let load = async {
        let pages = cx.iam.get_account_authorization_details().filter(EntityType::Role).max_items(1000);
        let mut pages = pages.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(page?.role_detail_list.unwrap_or_default());
        }
        Ok(all)
    };
    home.inventory.once("iam.roles", load).await
}

/// All roles of the account once more: only this call tells description and session length of all of them.
async fn listed(cx: &Cx) -> Result<Arc<Vec<types::Role>>> {
    let home = cx.in_region(cx.shared.cloud.home());
    let load = async {
        let mut pages = cx.iam.list_roles().max_items(1000).into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(role) = pages.next().await {
            all.push(role?);
        }
        Ok(all)
    };
    home.inventory.once("iam.listed", load).await
}
