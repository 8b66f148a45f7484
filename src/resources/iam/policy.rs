use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, PolicyVersion};

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags;

/// A customer managed policy: permissions that several roles share, each by [`Role::managed_policies`](super::Role).
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>
///
/// A changed document is a new version of the policy. AWS keeps five versions: the oldest one is deleted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// Up to 128 letters, digits and `+=,.@-_`.
    pub name: String,
    /// The purpose, up to 1,000 characters.
    pub description: String,
    /// The permissions, up to 6,144 characters.
    pub document: Document,
}

/// The outputs of a policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PolicyOutputs {
    /// Its ARN.
    pub arn: PolicyArn,
    /// Its name.
    pub name: String,
}

/// The number of versions that AWS keeps.
const MAX_VERSIONS: usize = 5;

impl Policy {
    /// A policy without a description.
    pub fn new(name: impl Into<String>, document: Document) -> Self {
        Policy { name: name.into(), description: String::new(), document }
    }
}

impl Resource for Policy {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        immutable: &[Immutable {
            field: "description",
            advice: "AWS never changes the description of a policy: restore it, or give the policy another name as well",
        }],
        create_before_destroy: true,
        no_forced_replace: Some("AWS refuses a second policy of that name; a changed document is a new version"),
        global: true,
        ..TypeInfo::new(
            "iam.policy",
            seconds(5),
            &[
                "iam:GetAccountAuthorizationDetails",
                "iam:ListPolicies",
                "iam:ListPolicyTags",
                "iam:ListPolicyVersions",
                "iam:CreatePolicy",
                "iam:CreatePolicyVersion",
                "iam:DeletePolicyVersion",
                "iam:TagPolicy",
                "iam:UntagPolicy",
                "iam:DeletePolicy",
            ],
        )
    };

    type Outputs = PolicyOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&PolicyOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let policies = all(cx).await?;
        let policy = policies.iter().find(|policy| policy.policy_name() == Some(name));
        let Some(policy) = policy else { return Ok(None) };
        let arn = policy.arn().unwrap_or_default();
        let version = policy.policy_version_list().iter().find(|version| version.is_default_version());
        let tags = tags::of_arn(cx, arn, || async {
            Ok(from_sdk(cx.iam.list_policy_tags().policy_arn(arn).send().await?.tags()))
        });
        let spec = Policy {
            name: name.clone(),
            description: policy.description().unwrap_or_default().to_owned(),
            document: Document::parse_encoded(version.and_then(|version| version.document()).unwrap_or_default())?,
        };
        let outputs = PolicyOutputs { arn: arn.into(), name: name.clone() };
        Ok(Some(Found::tagged(spec, outputs, tags.await?)))
    }

    async fn create(&self, cx: &Cx) -> Result<PolicyOutputs> {
        let request = cx.iam.create_policy().policy_name(&self.name).set_policy_document(self.document.text());
        let request = request.set_description(Some(self.description.clone()).filter(|text| !text.is_empty()));
        let policy = request.set_tags(Some(to_sdk(&cx.tags))).send().await?.policy;
        let arn = policy.and_then(|policy| policy.arn).ok_or(Error::incomplete("iam:CreatePolicy", "Arn"))?;
        Ok(PolicyOutputs { arn: arn.into(), name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<PolicyOutputs> {
        let arn = &found.outputs.arn;
        let versions = versions(cx, arn).await?;
        if versions.len() >= MAX_VERSIONS {
            let oldest = versions.iter().filter(|version| !version.is_default_version()).min_by_key(|it| number(it));
            if let Some(oldest) = oldest {
                delete_version(cx, arn, oldest).await?;
            }
        }
        let request = cx.iam.create_policy_version().policy_arn(&**arn).set_policy_document(self.document.text());
        request.set_as_default(true).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &PolicyOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        let add = |set: &Tags| cx.iam.tag_policy().policy_arn(arn).set_tags(Some(to_sdk(set))).send();
        let delete = |keys| cx.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &PolicyOutputs) -> Result<()> {
        let arn = &*outputs.arn;
        let Some(versions) = ignore_not_found(versions(cx, arn).await)? else { return Ok(()) };
        for version in versions.iter().filter(|version| !version.is_default_version()) {
            ignore_not_found(delete_version(cx, arn, version).await)?;
        }
        let delete = || async { Ok(cx.iam.delete_policy().policy_arn(arn).send().await.map(|_| ())?) };
        let what = "the roles of the policy to be detached from it";
        ignore_not_found(cx.retry_while_retryable(what, delete).await).map(drop)
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-managedpolicy.html>
    fn cloudformation(&self) -> Form {
        let policy = properties!(self, Policy {
            name => "ManagedPolicyName",
            description => "Description": (!description.is_empty()).then_some(description),
            document => "PolicyDocument",
        });
        let form = Form::resource("AWS::IAM::ManagedPolicy", policy).tagged(Tagging::None).gap("its tags");
        form.output("arn", Form::reference()).output("name", &self.name)
    }
}

async fn versions(cx: &Cx, arn: &str) -> Result<Vec<PolicyVersion>> {
    let pages = cx.iam.list_policy_versions().policy_arn(arn).into_paginator().items().send();
    Ok(pages.try_collect().await?)
}

async fn delete_version(cx: &Cx, arn: &str, version: &PolicyVersion) -> Result<()> {
    let version = version.version_id().unwrap_or_default();
    cx.iam.delete_policy_version().policy_arn(arn).version_id(version).send().await?;
    Ok(())
}

/// 3 of `v3`.
fn number(version: &PolicyVersion) -> u32 {
    version.version_id().and_then(|id| id.trim_start_matches('v').parse().ok()).unwrap_or_default()
}

/// The customer managed policies of the account with their versions, up to 1,000 a page.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>
async fn all(cx: &Cx) -> Result<Arc<Vec<ManagedPolicyDetail>>> {
    // Global: read once for all regions.
    let home = cx.in_region(cx.shared.cloud.home());
    let load = async {
        let request = cx.iam.get_account_authorization_details().filter(EntityType::LocalManagedPolicy);
        let mut pages = request.max_items(1000).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.try_next().await? {
            all.extend(page.policies.unwrap_or_default());
        }
        Ok(all)
    };
    home.inventory.once("iam.policies", load).await
}
