use std::collections::BTreeMap;

use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::{ReplicaRegionType, StatusType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Content, described, from_sdk, is_leaving, known, to_sdk};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::document::Document;
use crate::resources::form::{Form, properties};
use crate::resources::ids::{KeyArn, SecretArn};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds, tags};

/// A secret with a generated value.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secret {
    /// Up to 512 letters, digits and `/_+=.@-`.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The key that encrypts it.
    pub kms_key: KeyArn,
    /// What it begins with; rotation renews it.
    pub content: Content,
    /// The regions that get a copy, each with its own key.
    pub replicas: BTreeMap<String, KeyArn>,
    /// Who may use it, beside what IAM policies say.
    pub policy: Document,
}

/// What a secret gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecretOutputs {
    /// Its ARN.
    pub arn: SecretArn,
    /// Its name.
    pub name: String,
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

    async fn observe(&self, cx: &Cx, known_outputs: Option<&SecretOutputs>) -> Result<Option<Found<Self>>> {
        let id = known_outputs.map_or(self.name.as_str(), |known| &known.arn);
        let secret = known(cx, id).await?;
        // What the state knows is still needed: it can be restored.
        let counts = |secret: &&DescribeSecretOutput| known_outputs.is_some() || !is_leaving(secret);
        let Some(secret) = secret.as_ref().as_ref().filter(counts) else { return Ok(None) };
        let arn = secret.arn().unwrap_or_default();
        let mut description = secret.description().unwrap_or_default().to_owned();
        let mut policy = Document::default();
        if is_leaving(secret) {
            // That makes it a difference, which `update` mends. AWS doesn't tell its policy meanwhile.
            description.push_str(" (the secret waits for its deletion)");
        } else {
            let answer = cx.secrets.get_resource_policy().secret_id(arn).send().await?;
            policy = Document::parse(answer.resource_policy().unwrap_or_default())?;
        }
        let spec = Secret {
            name: secret.name().unwrap_or_default().to_owned(),
            description,
            kms_key: secret.kms_key_id().unwrap_or_default().into(),
            content: self.content.clone(),
            replicas: replicas(secret),
            policy,
        };
        let outputs = SecretOutputs { arn: arn.into(), name: spec.name.clone() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(secret.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<SecretOutputs> {
        if let Some(secret) = known(cx, &self.name).await?.as_ref().as_ref().filter(|secret| is_leaving(secret)) {
            return self.take_back(cx, secret).await;
        }
        let value = self.content.generate(cx).await?;
        let create = || async {
            let request = cx.secrets.create_secret().name(&self.name).description(&self.description);
            let request = request.kms_key_id(&*self.kms_key).client_request_token(&cx.token).secret_string(&value);
            let request = request.set_add_replica_regions(to_regions(&self.replicas));
            Ok(request.set_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        // A deleted secret keeps its name for some seconds; a fresh key isn't known everywhere at once.
        let passing =
            |error: &Error| ["InvalidRequestException", "EncryptionFailure"].iter().any(|code| error.is_code(code));
        let what = "the name to become free and the key to become known";
        let answer = cx.retry_while(what, Patience::FRESH, passing, create).await?;
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
        if changes.has("description") && described(cx, arn).await?.as_ref().is_some_and(is_leaving) {
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
        if !set.is_empty() {
            cx.secrets.tag_resource().secret_id(arn).set_tags(Some(to_sdk(set))).send().await?;
        }
        if !remove.is_empty() {
            cx.secrets.untag_resource().secret_id(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, outputs: &SecretOutputs) -> Result<()> {
        let arn = &*outputs.arn;
        // Also one that waits for its deletion: it would keep its name for days.
        let Some(secret) = described(cx, arn).await? else { return Ok(()) };
        if !is_leaving(&secret) {
            remove_replicas(cx, arn, replicas(&secret).into_keys().collect()).await?;
        }
        let delete = || async {
            let request = cx.secrets.delete_secret().secret_id(arn).force_delete_without_recovery(true);
            Ok(request.send().await.map(|_| ())?)
        };
        // Refused as long as a replica is on its way out.
        let replicated = |error: &Error| error.is_code("InvalidRequestException");
        ignore_not_found(cx.retry_while("the secret's replicas to go", Patience::FRESH, replicated, delete).await)?;
        cx.wait_until("the secret to be gone", Patience::SHORT, || async {
            Ok(described(cx, arn).await?.is_none().then_some(()))
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
            form = form.gap("CloudFormation generates no random bytes: put the secret's value yourself");
        }
        if self.policy.is_null() {
            return form;
        }
        let policy = json!({"SecretId": Form::reference(), "ResourcePolicy": self.policy, "BlockPublicPolicy": true});
        form.with_resource("Policy", "AWS::SecretsManager::ResourcePolicy", policy)
    }
}

impl Secret {
    /// A secret that waits for its deletion keeps its name for days, and what its value has encrypted may still be needed:
    /// ours is restored with its value. A stranger's is left alone.
    async fn take_back(&self, cx: &Cx, secret: &DescribeSecretOutput) -> Result<SecretOutputs> {
        if !tags::are_of_step(cx, &from_sdk(secret.tags())) {
            let error = Error::local(format!("the secret {} waits for its deletion and isn't ours", self.name));
            return Err(error.with_help("delete it for good or use another --suffix: it keeps its name until then"));
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
        request.kms_key_id(&*self.kms_key).send().await?;
        Ok(())
    }

    async fn set_replicas(&self, cx: &Cx, arn: &str, standing: &BTreeMap<String, KeyArn>) -> Result<()> {
        let leaving = standing.iter().filter(|(region, key)| self.replicas.get(*region) != Some(key));
        remove_replicas(cx, arn, leaving.map(|(region, _)| region.clone()).collect()).await?;
        let coming = self.replicas.iter().filter(|(region, key)| standing.get(*region) != Some(key));
        let coming: BTreeMap<_, _> = coming.map(|(region, key)| (region.clone(), key.clone())).collect();
        if let Some(regions) = to_regions(&coming) {
            let request = cx.secrets.replicate_secret_to_regions().secret_id(arn);
            request.set_add_replica_regions(Some(regions)).send().await?;
        }
        self.until_replicated(cx, arn).await
    }

    async fn set_policy(&self, cx: &Cx, arn: &str) -> Result<()> {
        if self.policy.is_null() {
            cx.secrets.delete_resource_policy().secret_id(arn).send().await?;
            return Ok(());
        }
        let put = || async {
            let request = cx.secrets.put_resource_policy().secret_id(arn).resource_policy(self.policy.to_text());
            Ok(request.block_public_policy(true).send().await.map(|_| ())?)
        };
        // AWS refuses a policy that names a role which it doesn't know yet.
        let unknown = |error: &Error| error.is_code("MalformedPolicyDocumentException");
        cx.retry_while("the roles in the secret's policy to become known", Patience::FRESH, unknown, put).await
    }

    async fn until_replicated(&self, cx: &Cx, arn: &str) -> Result<()> {
        if self.replicas.is_empty() {
            return Ok(());
        }
        cx.wait_until("the secret's replicas", Patience::SHORT, || async {
            let Some(secret) = described(cx, arn).await? else { return Ok(None) };
            let failed =
                secret.replication_status().iter().find(|replica| replica.status() == Some(&StatusType::Failed));
            if let Some(replica) = failed {
                let (region, why) =
                    (replica.region().unwrap_or_default(), replica.status_message().unwrap_or_default());
                return Err(Error::local(format!("the secret isn't replicated to {region}: {why}")));
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

/// A replica's key can't be changed: it has to go and come again.
async fn remove_replicas(cx: &Cx, arn: &str, regions: Vec<String>) -> Result<()> {
    if regions.is_empty() {
        return Ok(());
    }
    let request = cx.secrets.remove_regions_from_replication().secret_id(arn);
    request.set_remove_replica_regions(Some(regions.clone())).send().await?;
    cx.wait_until("the secret's replicas to go", Patience::SHORT, || async {
        let secret = described(cx, arn).await?;
        let left = secret.map(|secret| replicas(&secret)).unwrap_or_default();
        Ok((!regions.iter().any(|region| left.contains_key(region))).then_some(()))
    })
    .await
}
