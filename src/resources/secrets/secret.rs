use std::collections::BTreeMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType};

use super::{Content, cached, find, from_sdk, is_deleted, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags;

/// A secret with a generated value.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// Up to 512 letters, digits and `/_+=.@-`.
    pub name: String,
    /// The purpose, up to 2,048 characters.
    pub description: String,
    /// The key that encrypts it; without, AWS's key `aws/secretsmanager`.
    pub kms_key: Option<KeyArn>,
    /// The initial value; rotation renews it.
    pub content: Content,
    /// The regions with a replica, each with the key that encrypts it there.
    pub replicas: BTreeMap<String, KeyArn>,
    /// The resource policy; [`Document::default`] for none.
    pub policy: Document,
}

/// The outputs of a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretOutputs {
    /// Its ARN.
    pub arn: SecretArn,
    /// Its name.
    pub name: String,
}

/// The key of a secret that was created without one.
const DEFAULT_KEY: &str = "alias/aws/secretsmanager";

impl Secret {
    /// A secret with AWS's key, without replicas and policy.
    pub fn new(name: impl Into<String>, content: Content) -> Self {
        Secret {
            name: name.into(),
            description: String::new(),
            kms_key: None,
            content,
            replicas: BTreeMap::new(),
            policy: Document::default(),
        }
    }
}

impl Resource for Secret {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "content"],
        write_only: &["content"],
        stateful: true,
        serves_traffic: true,
        ..TypeInfo::new(
            "secrets.secret",
            seconds(5),
            &[
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetResourcePolicy",
                "secretsmanager:GetRandomPassword",
                "secretsmanager:CreateSecret",
                "secretsmanager:RestoreSecret",
                "secretsmanager:UpdateSecret",
                "secretsmanager:PutResourcePolicy",
                "secretsmanager:DeleteResourcePolicy",
                "secretsmanager:ValidateResourcePolicy",
                "secretsmanager:ReplicateSecretToRegions",
                "secretsmanager:RemoveRegionsFromReplication",
                "secretsmanager:TagResource",
                "secretsmanager:UntagResource",
                "secretsmanager:DeleteSecret",
                "kms:GenerateRandom",
                "kms:GenerateDataKey",
                "kms:Decrypt",
            ],
        )
    };

    type Outputs = SecretOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&SecretOutputs>) -> Result<Option<Found<Self>>> {
        let id = known.map_or(self.name.as_str(), |known| &known.arn);
        let secret = cached(cx, id).await?;
        // A deleted secret that is in the state can be restored.
        let exists = |secret: &&DescribeSecretOutput| known.is_some() || !is_deleted(secret);
        let Some(secret) = secret.as_ref().as_ref().filter(exists) else { return Ok(None) };
        let arn = secret.arn().unwrap_or_default();
        let mut description = secret.description().unwrap_or_default().to_owned();
        let mut policy = Document::default();
        if is_deleted(secret) {
            // A difference, so that `update` restores it. AWS doesn't return the policy of a deleted secret.
            description.push_str(" (the secret is scheduled for deletion)");
        } else {
            let answer = cx.secrets.get_resource_policy().secret_id(arn).send().await?;
            policy = Document::parse(answer.resource_policy().unwrap_or_default())?;
        }
        let spec = Secret {
            name: secret.name().unwrap_or_default().to_owned(),
            description,
            kms_key: secret.kms_key_id().filter(|key| *key != DEFAULT_KEY).map(KeyArn::from),
            content: self.content.clone(),
            replicas: replicas(secret),
            policy,
        };
        let outputs = SecretOutputs { arn: arn.into(), name: spec.name.clone() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(secret.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<SecretOutputs> {
        if let Some(secret) = cached(cx, &self.name).await?.as_ref().as_ref().filter(|secret| is_deleted(secret)) {
            return self.restore(cx, secret).await;
        }
        let value = self.content.generate(cx).await?;
        let create = || async {
            let request = cx.secrets.create_secret().name(&self.name).description(&self.description);
            let request = request.set_kms_key_id(self.kms_key.as_ref().map(ToString::to_string));
            let request = request.client_request_token(&cx.token).secret_string(&value);
            let request = request.set_add_replica_regions(to_regions(&self.replicas));
            Ok(request.set_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        // A deleted secret keeps its name for some seconds; a new key takes a moment to propagate.
        let is_temporary =
            |error: &Error| ["InvalidRequestException", "EncryptionFailure"].iter().any(|code| error.is_code(code));
        let what = "the name to become free and the key to be visible to Secrets Manager";
        let answer = cx.retry_while(what, Patience::FRESH, is_temporary, create).await?;
        let arn = answer.arn.ok_or(Error::incomplete("secretsmanager:CreateSecret", "ARN"))?;
        self.set_policy(cx, &arn).await?;
        let outputs = SecretOutputs { arn: arn.into(), name: self.name.clone() };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &SecretOutputs) -> Result<()> {
        self.until_replicated(cx, &outputs.arn).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<SecretOutputs> {
        let arn = &found.outputs.arn;
        if changes.has("description") && find(cx, arn).await?.as_ref().is_some_and(is_deleted) {
            cx.secrets.restore_secret().secret_id(&**arn).send().await?;
        }
        if changes.any(&["description", "kms_key"]) {
            self.set_description_and_key(cx, arn).await?;
        }
        if changes.has("policy") {
            self.set_policy(cx, arn).await?;
        }
        if changes.has("replicas") {
            self.set_replicas(cx, arn, &found.spec.replicas).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &SecretOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        let add = |set: &Tags| cx.secrets.tag_resource().secret_id(arn).set_tags(Some(to_sdk(set))).send();
        let delete = |keys| cx.secrets.untag_resource().secret_id(arn).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &SecretOutputs) -> Result<()> {
        let arn = &*outputs.arn;
        // Also if it is scheduled for deletion: it would keep its name for days.
        let Some(secret) = find(cx, arn).await? else { return Ok(()) };
        if !is_deleted(&secret) {
            remove_replicas(cx, arn, replicas(&secret).into_keys().collect()).await?;
        }
        let delete = || async {
            let request = cx.secrets.delete_secret().secret_id(arn).force_delete_without_recovery(true);
            Ok(request.send().await.map(|_| ())?)
        };
        // Secrets Manager refuses it while a replica exists.
        let replicated = |error: &Error| error.is_code("InvalidRequestException");
        ignore_not_found(
            cx.retry_while("the secret's replicas to be deleted", Patience::FRESH, replicated, delete).await,
        )?;
        cx.wait_until("the secret to be gone", Patience::SHORT, || async {
            Ok(find(cx, arn).await?.is_none().then_some(()))
        })
        .await
    }

    fn hourly_charge(&self) -> Option<String> {
        let copies = 1 + self.replicas.len();
        Some(format!("about ${:.2} a month ($0.40 for the secret and for each replica)", 0.4 * copies as f64))
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html>
    fn cloudformation(&self) -> Form {
        let replica = |(region, key): (&String, &KeyArn)| json!({"Region": region, "KmsKeyId": key});
        let generated = self.content.cloudformation();
        let is_generated = generated.is_some();
        let secret = properties!(self, Secret {
            name => "Name",
            description => "Description",
            kms_key => "KmsKeyId",
            content => "GenerateSecretString": generated,
            replicas => "ReplicaRegions": replicas.iter().map(replica).collect::<Value>(),
            policy => _,
        });
        let form = Form::resource("AWS::SecretsManager::Secret", secret);
        let mut form = form.output("arn", Form::reference()).output("name", &self.name);
        if !is_generated {
            form = form.gap("CloudFormation can't generate random bytes: set the secret's value yourself");
        }
        if self.policy.is_null() {
            return form;
        }
        let policy = json!({"SecretId": Form::reference(), "ResourcePolicy": self.policy, "BlockPublicPolicy": true});
        form.with_resource("Policy", "AWS::SecretsManager::ResourcePolicy", policy)
    }
}

impl Secret {
    /// Restores a deleted secret with its value: it keeps its name for days, and what its value encrypted may still be needed.
    /// Fails if it isn't a secret of this step.
    async fn restore(&self, cx: &Cx, secret: &DescribeSecretOutput) -> Result<SecretOutputs> {
        if !tags::are_of_step(cx, &from_sdk(secret.tags())) {
            let error = Error::local(format!(
                "the secret {} is scheduled for deletion and doesn't belong to this system",
                self.name
            ));
            return Err(error.with_help(
                "delete it with `aws secretsmanager delete-secret --force-delete-without-recovery`, or use another --suffix",
            ));
        }
        let arn = secret.arn().ok_or(Error::incomplete("secretsmanager:DescribeSecret", "ARN"))?;
        let outputs = SecretOutputs { arn: arn.into(), name: self.name.clone() };
        cx.secrets.restore_secret().secret_id(arn).send().await?;
        Self::tag(cx, &outputs, &cx.tags, &[]).await?;
        self.set_description_and_key(cx, arn).await?;
        self.set_policy(cx, arn).await?;
        self.set_replicas(cx, arn, &replicas(secret)).await?;
        Ok(outputs)
    }

    async fn set_description_and_key(&self, cx: &Cx, arn: &str) -> Result<()> {
        let request = cx.secrets.update_secret().secret_id(arn).description(&self.description);
        request.kms_key_id(self.kms_key.as_deref().unwrap_or(DEFAULT_KEY)).send().await?;
        Ok(())
    }

    async fn set_replicas(&self, cx: &Cx, arn: &str, actual: &BTreeMap<String, KeyArn>) -> Result<()> {
        let removed = actual.iter().filter(|(region, key)| self.replicas.get(*region) != Some(key));
        remove_replicas(cx, arn, removed.map(|(region, _)| region.clone()).collect()).await?;
        let added = self.replicas.iter().filter(|(region, key)| actual.get(*region) != Some(key));
        let added: BTreeMap<_, _> = added.map(|(region, key)| (region.clone(), key.clone())).collect();
        if let Some(regions) = to_regions(&added) {
            let request = cx.secrets.replicate_secret_to_regions().secret_id(arn);
            request.set_add_replica_regions(Some(regions)).send().await?;
        }
        self.until_replicated(cx, arn).await
    }

    async fn set_policy(&self, cx: &Cx, arn: &str) -> Result<()> {
        let Some(policy) = self.policy.text() else {
            cx.secrets.delete_resource_policy().secret_id(arn).send().await?;
            return Ok(());
        };
        let put = || async {
            let request = cx.secrets.put_resource_policy().secret_id(arn).resource_policy(&policy);
            Ok(request.block_public_policy(true).send().await.map(|_| ())?)
        };
        // Secrets Manager refuses a policy that names a role which isn't visible to it yet.
        let unknown = |error: &Error| error.is_code("MalformedPolicyDocumentException");
        cx.retry_while("the roles in the policy to be visible to Secrets Manager", Patience::FRESH, unknown, put).await
    }

    async fn until_replicated(&self, cx: &Cx, arn: &str) -> Result<()> {
        if self.replicas.is_empty() {
            return Ok(());
        }
        cx.wait_until("the secret's replicas to be in sync", Patience::SHORT, || async {
            let Some(secret) = find(cx, arn).await? else { return Ok(None) };
            let failed =
                secret.replication_status().iter().find(|replica| replica.status() == Some(&StatusType::Failed));
            if let Some(replica) = failed {
                let (region, why) =
                    (replica.region().unwrap_or_default(), replica.status_message().unwrap_or_default());
                return Err(Error::local(format!("can't replicate the secret to {region}: {why}")));
            }
            let done =
                secret.replication_status().iter().filter(|replica| replica.status() == Some(&StatusType::InSync));
            Ok((done.count() >= self.replicas.len()).then_some(()))
        })
        .await
    }
}

fn replicas(secret: &DescribeSecretOutput) -> BTreeMap<String, KeyArn> {
    let replicas = secret.replication_status().iter();
    replicas
        .filter_map(|replica| Some((replica.region.clone()?, replica.kms_key_id().unwrap_or_default().into())))
        .collect()
}

fn to_regions(replicas: &BTreeMap<String, KeyArn>) -> Option<Vec<ReplicaRegionType>> {
    let region =
        |(region, key): (&String, &KeyArn)| ReplicaRegionType::builder().region(region).kms_key_id(&**key).build();
    (!replicas.is_empty()).then(|| replicas.iter().map(region).collect())
}

/// Deletes replicas, and waits until they are gone. AWS can't change the key of a replica, so a changed one is deleted and
/// created.
async fn remove_replicas(cx: &Cx, arn: &str, regions: Vec<String>) -> Result<()> {
    if regions.is_empty() {
        return Ok(());
    }
    let request = cx.secrets.remove_regions_from_replication().secret_id(arn);
    request.set_remove_replica_regions(Some(regions.clone())).send().await?;
    cx.wait_until("the secret's replicas to be deleted", Patience::SHORT, || async {
        let secret = find(cx, arn).await?;
        let left = secret.map(|secret| replicas(&secret)).unwrap_or_default();
        Ok((!regions.iter().any(|region| left.contains_key(region))).then_some(()))
    })
    .await
}
