use std::collections::HashMap;

use aws_sdk_ssm::types::{
    ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging,
};

use super::{from_sdk, to_sdk};
use crate::engine::ownership::{SUFFIX, SYSTEM};
use crate::resources::prelude::*;
use crate::resources::tags::{self, Built};

/// The number of names that one call accepts.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const MAX_NAMES: usize = 10;

/// A parameter of the standard tier: a plain value, or a generated and encrypted one.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// A path such as `/payments/…`; it may not begin with `/aws` or `/ssm`.
    pub name: String,
    /// The purpose, up to 1,024 characters.
    pub description: String,
    /// The type: plain or encrypted.
    pub kind: ParameterKind,
    /// The value of a plain parameter, 1 to 4,096 characters.
    pub value: Option<String>,
    /// The key of an encrypted parameter; without, AWS's key `aws/ssm`.
    pub kms_key: Option<KeyArn>,
    /// The number of letters and digits of an encrypted value, 1 to 4,096. A change generates a new value.
    pub generated_length: Option<i64>,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// Stored in plain text.
    String,
    /// Encrypted; AWS generates its value, which is never read.
    SecureString,
}

/// The outputs of a parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParameterOutputs {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The version, which each change of the value increments.
    pub version: String,
}

/// The key of an encrypted parameter that was created without one.
const DEFAULT_KEY: &str = "alias/aws/ssm";

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
            kms_key: parameter.key_id().filter(|key| *key != DEFAULT_KEY).map(KeyArn::from),
            generated_length: self.generated_length,
        };
        let previous = known.map(|known| &known.version).filter(|version| **version != outputs.version);
        let previous = previous.filter(|_| kind == ParameterKind::SecureString);
        let live = previous.map(|version| format!("its value was changed: version {}, was {version}", outputs.version));
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
            // The call requires a value: the actual one is written back.
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
        let add = |set: &Tags| {
            let request = cx.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
            request.resource_id(&outputs.name).set_tags(Some(to_sdk(set))).send()
        };
        let delete = |keys| {
            let request = cx.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
            request.resource_id(&outputs.name).set_tag_keys(Some(keys)).send()
        };
        tags::change(set, remove, add, delete).await
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
    /// A plain parameter.
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

    /// A parameter with a value of `length` letters and digits that AWS generates, encrypted with `key`.
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
        // The call accepts either tags or `Overwrite`.
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

/// The parameter without its value: from the list of the parameters of the system, or by its name if its tags were removed.
async fn find(cx: &Cx, name: &str) -> Result<Option<ParameterMetadata>> {
    let parameters = of_system(cx).await?;
    match parameters.iter().find(|parameter| parameter.name() == Some(name)) {
        Some(parameter) => Ok(Some(parameter.clone())),
        None => Ok(list(cx, vec![filter("Name", name)]).await?.into_iter().next()),
    }
}

async fn of_system(cx: &Cx) -> Result<Arc<Vec<ParameterMetadata>>> {
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
    while let Some(page) = pages.try_next().await? {
        all.extend(page.parameters.unwrap_or_default());
    }
    Ok(all)
}

/// The value of a plain parameter. The values of all plain parameters of the system are read together.
async fn value_of(cx: &Cx, name: &str) -> Result<Option<String>> {
    let load = async {
        let parameters = of_system(cx).await?;
        let plain = parameters.iter().filter(|parameter| parameter.r#type() == Some(&ParameterType::String));
        let names: Vec<_> = plain.filter_map(|parameter| parameter.name.clone()).collect();
        let chunks = names.chunks(MAX_NAMES).map(|names| values(cx, names.to_vec()));
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
