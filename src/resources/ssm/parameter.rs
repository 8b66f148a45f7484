use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_ssm::types::{
    ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging,
};
use serde::{Deserialize, Serialize};

use super::{from_sdk, to_sdk};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::engine::ownership::{SUFFIX, SYSTEM};
use crate::resources::form::{Form, Tagging, properties};
use crate::resources::ids::KeyArn;
use crate::resources::tags::Built;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds, tags};

/// How many names one call takes.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const NAMES_A_CALL: usize = 10;

/// A parameter of the standard tier: a value that anybody may see, or a generated one that is encrypted.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// A path such as `/payments/…`; it may not begin with `/aws` or `/ssm`.
    pub name: String,
    /// What it is for, up to 1,024 characters.
    pub description: String,
    /// Plain or encrypted.
    pub kind: ParameterKind,
    /// The value, 1 to 4,096 characters; none for an encrypted one.
    pub value: Option<String>,
    /// The key of an encrypted one.
    pub kms_key: Option<KeyArn>,
    /// How many letters and digits an encrypted one has, 1 to 4,096. Another length makes another value.
    pub generated_length: Option<i64>,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// Stored as it is.
    String,
    /// Encrypted; its value is made by AWS and never read.
    SecureString,
}

/// What a parameter gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParameterOutputs {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Grows by one with each change of the value.
    pub version: String,
}

impl Resource for Parameter {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "kind"],
        write_only: &["generated_length"],
        ..TypeInfo::new(
            "ssm.parameter",
            seconds(2),
            &[
                "ssm:DescribeParameters",
                "ssm:GetParameters",
                "ssm:GetParameter",
                "ssm:PutParameter",
                "ssm:DeleteParameter",
                "ssm:ListTagsForResource",
                "ssm:AddTagsToResource",
                "ssm:RemoveTagsFromResource",
                "secretsmanager:GetRandomPassword",
                "kms:Encrypt",
                "kms:Decrypt",
                "tag:GetResources",
            ],
        )
    };

    type Outputs = ParameterOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ParameterOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let Some(parameter) = find(cx, name).await? else { return Ok(None) };
        let kind = match parameter.r#type() {
            Some(ParameterType::SecureString) => ParameterKind::SecureString,
            _ => ParameterKind::String,
        };
        let value = match kind {
            ParameterKind::String => value_of(cx, name).await?,
            ParameterKind::SecureString => None,
        };
        let outputs = self.outputs(cx, name, parameter.version);
        let tags = tags::of_arn(cx, &outputs.arn, || async {
            let request = cx.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter);
            Ok(from_sdk(request.resource_id(name).send().await?.tag_list()))
        });
        let tags = tags.await?;
        let spec = Parameter {
            name: name.clone(),
            description: parameter.description().unwrap_or_default().to_owned(),
            kind,
            value,
            kms_key: parameter.key_id().map(KeyArn::from),
            generated_length: self.generated_length,
        };
        let before = known.map(|known| &known.version).filter(|version| **version != outputs.version);
        let before = before.filter(|_| kind == ParameterKind::SecureString);
        let live = before.map(|version| format!("its value was changed: version {}, was {version}", outputs.version));
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<ParameterOutputs> {
        let value = match &self.value {
            Some(value) => value.clone(),
            None => self.generate(cx).await?,
        };
        self.put(cx, value, false).await
    }

    async fn update(&self, cx: &Cx, _found: &Found<Self>, changes: &Changes<'_>) -> Result<ParameterOutputs> {
        let value = match &self.value {
            Some(value) => value.clone(),
            // The call takes no change without a value: the same one is written back.
            None if !changes.has("generated_length") => {
                let answer = cx.ssm.get_parameter().name(&self.name).with_decryption(true).send().await?;
                let value = answer.parameter.and_then(|parameter| parameter.value);
                value.ok_or(Error::incomplete("ssm:GetParameter", "Value"))?
            }
            None => self.generate(cx).await?,
        };
        self.put(cx, value, true).await
    }

    async fn tag(cx: &Cx, outputs: &ParameterOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let parameter = ResourceTypeForTagging::Parameter;
        if !set.is_empty() {
            let request = cx.ssm.add_tags_to_resource().resource_type(parameter.clone()).resource_id(&outputs.name);
            request.set_tags(Some(to_sdk(set))).send().await?;
        }
        if !remove.is_empty() {
            let request = cx.ssm.remove_tags_from_resource().resource_type(parameter).resource_id(&outputs.name);
            request.set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, outputs: &ParameterOutputs) -> Result<()> {
        let delete = async { Ok(cx.ssm.delete_parameter().name(&outputs.name).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html>
    fn cloudformation(&self) -> Form {
        let form = match self.kind {
            ParameterKind::String => {
                let parameter = properties!(self, Parameter {
                    name => "Name",
                    description => "Description",
                    "Type": "String",
                    value => "Value",
                    "Tier": "Standard",
                    kind => _,
                    kms_key => _,
                    generated_length => _,
                });
                let form = Form::resource("AWS::SSM::Parameter", parameter).tagged(Tagging::Map("Tags"));
                form.output("name", Form::reference())
            }
            ParameterKind::SecureString => {
                let why = "CloudFormation can't create a SecureString: create it with `aws ssm put-parameter`";
                Form::unsupported(why).output("name", &self.name)
            }
        };
        let [partition, region, account] = ["Partition", "Region", "AccountId"].map(Form::pseudo_parameter);
        form.output("arn", arn(&partition, &region, &account, &self.name))
    }
}

impl Parameter {
    /// A value that anybody may see.
    pub fn plain(name: impl Into<String>, description: impl Into<String>, value: impl Into<String>) -> Self {
        Parameter {
            name: name.into(),
            description: description.into(),
            kind: ParameterKind::String,
            value: Some(value.into()),
            kms_key: None,
            generated_length: None,
        }
    }

    /// A value of `length` letters and digits that AWS makes and nobody sees, encrypted with `key`.
    pub fn generated(name: impl Into<String>, description: impl Into<String>, key: &KeyArn, length: i64) -> Self {
        Parameter {
            name: name.into(),
            description: description.into(),
            kind: ParameterKind::SecureString,
            value: None,
            kms_key: Some(key.clone()),
            generated_length: Some(length),
        }
    }

    async fn generate(&self, cx: &Cx) -> Result<String> {
        let request = cx.secrets.get_random_password().exclude_punctuation(true);
        let answer = request.set_password_length(self.generated_length).send().await?;
        answer.random_password.ok_or(Error::incomplete("secretsmanager:GetRandomPassword", "RandomPassword"))
    }

    async fn put(&self, cx: &Cx, value: String, overwrite: bool) -> Result<ParameterOutputs> {
        let kind = match self.kind {
            ParameterKind::String => ParameterType::String,
            ParameterKind::SecureString => ParameterType::SecureString,
        };
        let request = cx.ssm.put_parameter().name(&self.name).description(&self.description).r#type(kind);
        let request = request.value(value).set_key_id(self.kms_key.as_ref().map(ToString::to_string));
        // The call takes either tags or leave to overwrite.
        let tags = (!overwrite).then(|| to_sdk(&cx.tags));
        let request = request.tier(ParameterTier::Standard).overwrite(overwrite).set_tags(tags);
        let answer = request.send().await?;
        Ok(self.outputs(cx, &self.name, answer.version))
    }

    fn outputs(&self, cx: &Cx, name: &str, version: i64) -> ParameterOutputs {
        let (partition, region, account) = (cx.partition(), &cx.region, cx.account());
        let arn = arn(partition, region, account, name);
        ParameterOutputs { arn, name: name.to_owned(), version: version.to_string() }
    }
}

/// The ARN has one slash between `parameter` and the path.
fn arn(partition: &str, region: &str, account: &str, name: &str) -> String {
    format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
}

/// The parameter without its value: from the list of all that are ours, else by name (somebody took its tags off).
async fn find(cx: &Cx, name: &str) -> Result<Option<ParameterMetadata>> {
    let ours = ours(cx).await?;
    match ours.iter().find(|parameter| parameter.name() == Some(name)) {
        Some(parameter) => Ok(Some(parameter.clone())),
        None => Ok(list(cx, vec![filter("Name", name)]).await?.into_iter().next()),
    }
}

async fn ours(cx: &Cx) -> Result<Arc<Vec<ParameterMetadata>>> {
    let owner = &cx.shared.owner;
    let tagged = |tag: &str, value: &str| filter(&format!("tag:{tag}"), value);
    let filters = vec![tagged(SYSTEM, &owner.system), tagged(SUFFIX, &owner.suffix)];
    cx.inventory.once("ssm.parameters", list(cx, filters)).await
}

fn filter(key: &str, value: &str) -> ParameterStringFilter {
    ParameterStringFilter::builder().key(key).option("Equals").values(value).build().built()
}

async fn list(cx: &Cx, filters: Vec<ParameterStringFilter>) -> Result<Vec<ParameterMetadata>> {
    let request = cx.ssm.describe_parameters().set_parameter_filters(Some(filters)).max_results(50);
    let mut pages = request.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.extend(page?.parameters.unwrap_or_default());
    }
    Ok(all)
}

/// The value of a plain parameter: those of all plain ones that are ours are read together.
async fn value_of(cx: &Cx, name: &str) -> Result<Option<String>> {
    let load = async {
        let ours = ours(cx).await?;
        let plain = ours.iter().filter(|parameter| parameter.r#type() == Some(&ParameterType::String));
        let names: Vec<_> = plain.filter_map(|parameter| parameter.name.clone()).collect();
        let chunks = names.chunks(NAMES_A_CALL).map(|names| values(cx, names.to_vec()));
        Ok(futures::future::try_join_all(chunks).await?.into_iter().flatten().collect::<HashMap<_, _>>())
    };
    let known = cx.inventory.once("ssm.values", load).await?;
    match known.get(name) {
        Some(value) => Ok(Some(value.clone())),
        None => Ok(values(cx, vec![name.to_owned()]).await?.into_iter().next().map(|(_, value)| value)),
    }
}

async fn values(cx: &Cx, names: Vec<String>) -> Result<Vec<(String, String)>> {
    let answer = cx.ssm.get_parameters().set_names(Some(names)).with_decryption(false).send().await?;
    Ok(answer
        .parameters
        .unwrap_or_default()
        .into_iter()
        .filter_map(|parameter| parameter.name.zip(parameter.value))
        .collect())
}
