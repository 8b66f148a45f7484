use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{self, EntityType, RoleDetail};

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags;

/// A role with its inline policies and the ARNs of its managed policies.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Role {
    /// Up to 64 characters.
    pub name: String,
    /// The purpose, up to 1,000 characters.
    pub description: String,
    /// The trust policy: who may assume the role.
    pub trust: Document,
    /// Permissions, by policy name. They are deleted with the role.
    pub inline_policies: BTreeMap<String, Document>,
    /// The managed policies that are attached to it: AWS's own, or a [`Policy`](super::Policy). Up to 10.
    pub managed_policies: BTreeSet<PolicyArn>,
    /// The maximum session duration, 3,600 to 43,200 s.
    pub max_session_seconds: i32,
}

/// The outputs of a role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RoleOutputs {
    /// Its ARN.
    pub arn: RoleArn,
    /// Its name.
    pub name: String,
}

impl Role {
    /// A role without permissions.
    pub fn new(name: impl Into<String>, trust: Document) -> Self {
        Role {
            name: name.into(),
            description: String::new(),
            trust,
            inline_policies: BTreeMap::new(),
            managed_policies: BTreeSet::new(),
            max_session_seconds: 3600,
        }
    }
}

impl Resource for Role {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        global: true,
        blocks_deletion_of: &["iam.policy"],
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
        let attached = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn());
        let spec = Role {
            name: name.clone(),
            description: listed.and_then(|role| role.description()).unwrap_or_default().to_owned(),
            trust: Document::parse_encoded(role.assume_role_policy_document().unwrap_or_default())?,
            inline_policies,
            managed_policies: attached.map(PolicyArn::from).collect(),
            max_session_seconds: listed.and_then(|role| role.max_session_duration).unwrap_or(3600),
        };
        let outputs = RoleOutputs { arn: role.arn().unwrap_or_default().into(), name: name.clone() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(role.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<RoleOutputs> {
        let request = cx.iam.create_role().role_name(&self.name).description(&self.description);
        let request = request.set_assume_role_policy_document(self.trust.text());
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
            request.set_policy_document(self.trust.text()).send().await?;
        }
        self.set_policies(cx, &found.spec.inline_policies, &found.spec.managed_policies).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &RoleOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let add = |set: &Tags| cx.iam.tag_role().role_name(&outputs.name).set_tags(Some(to_sdk(set))).send();
        let delete = |keys| cx.iam.untag_role().role_name(&outputs.name).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &RoleOutputs) -> Result<()> {
        ignore_not_found(remove_policies(cx, &outputs.name).await)?;
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
        managed: &BTreeSet<PolicyArn>,
    ) -> Result<()> {
        for (name, document) in self.inline_policies.iter().filter(|(name, new)| inline.get(*name) != Some(new)) {
            let request = cx.iam.put_role_policy().role_name(&self.name).policy_name(name);
            request.set_policy_document(document.text()).send().await?;
        }
        for arn in self.managed_policies.difference(managed) {
            cx.iam.attach_role_policy().role_name(&self.name).policy_arn(&**arn).send().await?;
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

/// IAM refuses to delete a role that has policies.
async fn remove_policies(cx: &Cx, name: &str) -> Result<()> {
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

/// Deletes an inline policy. An earlier attempt may have done it, so `NotFound` doesn't mean that the role is gone.
async fn delete_inline(cx: &Cx, role: &str, policy: &str) -> Result<()> {
    let delete = async { Ok(cx.iam.delete_role_policy().role_name(role).policy_name(policy).send().await?) };
    ignore_not_found(delete.await).map(drop)
}

/// Detaches a managed policy. `NotFound` is ignored as in [`delete_inline`].
async fn detach(cx: &Cx, role: &str, policy: &str) -> Result<()> {
    let detach = async { Ok(cx.iam.detach_role_policy().role_name(role).policy_arn(policy).send().await?) };
    ignore_not_found(detach.await).map(drop)
}

/// The roles of the account with their policies and tags, up to 1,000 a page.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>
async fn all(cx: &Cx) -> Result<Arc<Vec<RoleDetail>>> {
    // Global: read once for all regions.
    let home = cx.in_region(cx.shared.cloud.home());
    let load = async {
        let pages = cx.iam.get_account_authorization_details().filter(EntityType::Role).max_items(1000);
        let mut pages = pages.into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.try_next().await? {
            all.extend(page.role_detail_list.unwrap_or_default());
        }
        Ok(all)
    };
    home.inventory.once("iam.roles", load).await
}

/// The roles of the account with description and session duration, which `GetAccountAuthorizationDetails` leaves out.
async fn listed(cx: &Cx) -> Result<Arc<Vec<types::Role>>> {
    let home = cx.in_region(cx.shared.cloud.home());
    let load = async { Ok(cx.iam.list_roles().max_items(1000).into_paginator().items().send().try_collect().await?) };
    home.inventory.once("iam.listed", load).await
}
