use aws_sdk_ecr::types::{
    self, EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
};

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags::{self, Built};

/// A private repository of container images. Deleting it deletes its images.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Repository {
    /// 2 to 256 lower-case letters, digits, `-`, `_`, `.` and `/`.
    pub name: String,
    /// The key that encrypts the images; `None` for encryption with keys of S3 (AES-256).
    pub kms_key: Option<KeyArn>,
    /// Tags can't be moved to other images.
    pub immutable_tags: bool,
    /// Scan pushed images for known vulnerabilities.
    pub scan_on_push: bool,
    /// How many untagged images to keep, newest first; `None` for all. Tagged images are kept: they may be in use.
    pub keep_untagged: Option<u32>,
    /// The repository policy; [`Document::default`] for none.
    pub policy: Document,
}

/// The outputs of a repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepositoryOutputs {
    /// Its ARN.
    pub arn: RepositoryArn,
    /// Its name.
    pub name: String,
    /// The name of its images, without a tag: `123456789012.dkr.ecr.us-east-1.amazonaws.com/orders`.
    pub uri: String,
}

impl Repository {
    /// A repository with AWS's defaults.
    pub fn new(name: impl Into<String>) -> Self {
        Repository {
            name: name.into(),
            kms_key: None,
            immutable_tags: false,
            scan_on_push: false,
            keep_untagged: None,
            policy: Document::default(),
        }
    }
}

impl Resource for Repository {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "kms_key"],
        stateful: true,
        serves_traffic: true,
        ..TypeInfo::new(
            "ecr.repository",
            seconds(3),
            &[
                "ecr:DescribeRepositories",
                "ecr:GetLifecyclePolicy",
                "ecr:GetRepositoryPolicy",
                "ecr:ListTagsForResource",
                "ecr:CreateRepository",
                "ecr:PutImageTagMutability",
                "ecr:PutImageScanningConfiguration",
                "ecr:PutLifecyclePolicy",
                "ecr:DeleteLifecyclePolicy",
                "ecr:SetRepositoryPolicy",
                "ecr:DeleteRepositoryPolicy",
                "ecr:TagResource",
                "ecr:UntagResource",
                "ecr:DeleteRepository",
                "kms:DescribeKey",
                "kms:CreateGrant",
                "kms:RetireGrant",
            ],
        )
    };

    type Outputs = RepositoryOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&RepositoryOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let all = all(cx).await?;
        let is_this = |repository: &&types::Repository| repository.repository_name() == Some(name);
        let Some(repository) = all.iter().find(is_this) else { return Ok(None) };
        let outputs = outputs(repository)?;
        let (keep_untagged, policy, tags) =
            tokio::try_join!(kept_untagged(cx, name), policy_of(cx, name), tags_of(cx, &outputs.arn))?;
        let encryption = repository.encryption_configuration().and_then(|encryption| encryption.kms_key());
        let spec = Repository {
            name: name.clone(),
            kms_key: encryption.map(Into::into),
            immutable_tags: repository.image_tag_mutability() == Some(&ImageTagMutability::Immutable),
            scan_on_push: repository.image_scanning_configuration().is_some_and(|scanning| scanning.scan_on_push()),
            keep_untagged,
            policy,
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<RepositoryOutputs> {
        let encryption = EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms);
        let encryption = self.kms_key.as_ref().map(|key| encryption.kms_key(&**key).build().built());
        let request = cx.ecr.create_repository().repository_name(&self.name);
        let request = request.set_encryption_configuration(encryption);
        let request = request.image_tag_mutability(self.mutability()).image_scanning_configuration(self.scanning());
        let request = request.set_tags(Some(to_sdk(&cx.tags)));
        let create = || async { Ok(request.clone().send().await?) };
        // The code while a new key isn't known everywhere.
        let is_new_key = |error: &Error| error.is_code("KmsException");
        let answer = cx.retry_while("ECR to know the repository's key", Patience::FRESH, is_new_key, create).await?;
        let repository = answer.repository.ok_or(Error::incomplete("ecr:CreateRepository", "repository"))?;
        if self.keep_untagged.is_some() {
            self.set_lifecycle(cx).await?;
        }
        if !self.policy.is_null() {
            self.set_policy(cx).await?;
        }
        outputs(&repository)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<RepositoryOutputs> {
        if changes.has("immutable_tags") {
            let request = cx.ecr.put_image_tag_mutability().repository_name(&self.name);
            request.image_tag_mutability(self.mutability()).send().await?;
        }
        if changes.has("scan_on_push") {
            let request = cx.ecr.put_image_scanning_configuration().repository_name(&self.name);
            request.image_scanning_configuration(self.scanning()).send().await?;
        }
        if changes.has("keep_untagged") {
            self.set_lifecycle(cx).await?;
        }
        if changes.has("policy") {
            self.set_policy(cx).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &RepositoryOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        tags::change(
            set,
            remove,
            |set| cx.ecr.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send(),
            |keys| cx.ecr.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send(),
        )
        .await
    }

    async fn delete(cx: &Cx, outputs: &RepositoryOutputs) -> Result<()> {
        let request = cx.ecr.delete_repository().repository_name(&outputs.name).force(true);
        ignore_not_found(async { Ok(request.send().await?) }.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecr-repository.html>
    fn cloudformation(&self) -> Form {
        let lifecycle = |number| json!({"LifecyclePolicyText": keeping(number).to_string()});
        let encryption = |key: &KeyArn| json!({"EncryptionType": EncryptionType::Kms.as_str(), "KmsKey": key});
        let repository = properties!(self, Repository {
            name => "RepositoryName",
            kms_key => "EncryptionConfiguration": kms_key.as_ref().map(encryption),
            immutable_tags => "ImageTagMutability": self.mutability().as_str(),
            scan_on_push => "ImageScanningConfiguration": json!({"ScanOnPush": scan_on_push}),
            keep_untagged => "LifecyclePolicy": keep_untagged.map(lifecycle),
            policy => "RepositoryPolicyText",
            "EmptyOnDelete": true,
        });
        Form::resource("AWS::ECR::Repository", repository)
            .output("arn", Form::attribute("Arn"))
            .output("name", Form::reference())
            .output("uri", Form::attribute("RepositoryUri"))
    }
}

impl Repository {
    fn mutability(&self) -> ImageTagMutability {
        if self.immutable_tags { ImageTagMutability::Immutable } else { ImageTagMutability::Mutable }
    }

    fn scanning(&self) -> ImageScanningConfiguration {
        ImageScanningConfiguration::builder().scan_on_push(self.scan_on_push).build()
    }

    async fn set_lifecycle(&self, cx: &Cx) -> Result<()> {
        let name = &self.name;
        match self.keep_untagged {
            Some(number) => {
                let request = cx.ecr.put_lifecycle_policy().repository_name(name);
                request.lifecycle_policy_text(keeping(number).to_string()).send().await?;
            }
            None => {
                let delete = async { Ok(cx.ecr.delete_lifecycle_policy().repository_name(name).send().await?) };
                ignore_not_found(delete.await)?;
            }
        }
        Ok(())
    }

    async fn set_policy(&self, cx: &Cx) -> Result<()> {
        let name = &self.name;
        if self.policy.is_null() {
            let delete = async { Ok(cx.ecr.delete_repository_policy().repository_name(name).send().await?) };
            ignore_not_found(delete.await)?;
            return Ok(());
        }
        let set = || async {
            let request = cx.ecr.set_repository_policy().repository_name(name).policy_text(self.policy.to_text());
            Ok(request.send().await.map(|_| ())?)
        };
        // The code while a new role isn't known everywhere, and for an invalid policy.
        let may_be_new_role = |error: &Error| error.is_code("InvalidParameterException");
        cx.retry_while("ECR to know the principals of the repository policy", Patience::FRESH, may_be_new_role, set)
            .await
    }
}

/// The lifecycle policy that keeps this number of untagged images.
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>
fn keeping(number: u32) -> Value {
    json!({"rules": [{
        "rulePriority": 1,
        "description": "Keep the newest images without a tag",
        "selection": {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": number},
        "action": {"type": "expire"},
    }]})
}

/// The number of untagged images that a lifecycle policy keeps; 0, which is never desired, for another policy.
fn number_kept(policy: &str) -> Result<u32> {
    let policy = Document::parse(policy)?;
    let number = policy.value()["rules"][0]["selection"]["countNumber"].as_u64();
    let number = number.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    Ok(if policy == Document::new(keeping(number)) { number } else { 0 })
}

async fn kept_untagged(cx: &Cx, name: &str) -> Result<Option<u32>> {
    let read = async { Ok(cx.ecr.get_lifecycle_policy().repository_name(name).send().await?) };
    let Some(answer) = ignore_not_found(read.await)? else { return Ok(None) };
    number_kept(answer.lifecycle_policy_text().unwrap_or_default()).map(Some)
}

async fn policy_of(cx: &Cx, name: &str) -> Result<Document> {
    let read = async { Ok(cx.ecr.get_repository_policy().repository_name(name).send().await?) };
    let answer = ignore_not_found(read.await)?;
    Document::parse(answer.as_ref().and_then(|answer| answer.policy_text()).unwrap_or_default())
}

fn outputs(repository: &types::Repository) -> Result<RepositoryOutputs> {
    let missing = |field| Error::incomplete("ecr:DescribeRepositories", field);
    Ok(RepositoryOutputs {
        arn: repository.repository_arn().ok_or(missing("repositoryArn"))?.into(),
        name: repository.repository_name().ok_or(missing("repositoryName"))?.to_owned(),
        uri: repository.repository_uri().ok_or(missing("repositoryUri"))?.to_owned(),
    })
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::Repository>>> {
    let load = async {
        let pages = cx.ecr.describe_repositories().into_paginator();
        Ok(pages.items().send().try_collect().await?)
    };
    cx.inventory.once("ecr.repositories", load).await
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        Ok(from_sdk(cx.ecr.list_tags_for_resource().resource_arn(arn).send().await?.tags()))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lifecycle_policies_keep_no_desired_number() {
        assert_eq!(number_kept(&keeping(7).to_string()).unwrap(), 7);
        let all = keeping(7).to_string().replace("untagged", "any");
        assert_eq!(number_kept(&all).unwrap(), 0);
        assert_eq!(number_kept("{}").unwrap(), 0);
    }
}
