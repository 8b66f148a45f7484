use aws_sdk_kms::types::AliasListEntry;

use super::id_of;
use crate::resources::prelude::*;

/// An alias of a key.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alias {
    /// `alias/…`, up to 256 letters, digits, `/`, `_` and `-`; never `alias/aws/…`.
    pub name: String,
    /// The key, in this region.
    pub target: KeyArn,
}

/// The outputs of an alias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AliasOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Alias {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "kms.alias",
            seconds(2),
            &["kms:ListAliases", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"],
        )
    };

    type Outputs = AliasOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&AliasOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let aliases = all(cx).await?;
        let Some(alias) = aliases.iter().find(|alias| alias.alias_name() == Some(name)) else { return Ok(None) };
        let target = alias.target_key_id().unwrap_or_default();
        let (partition, region, account) = (cx.partition(), &cx.region, cx.account());
        let target: KeyArn = format!("arn:{partition}:kms:{region}:{account}:key/{target}").into();
        let is_of_key = target == self.target;
        let (spec, outputs) = (Alias { name: name.clone(), target }, self.outputs(cx, name));
        // An alias of the desired key is adopted; one of another key may belong to anybody.
        Ok(Some(if is_of_key { Found::child(spec, outputs) } else { Found::name_only(spec, outputs) }))
    }

    async fn create(&self, cx: &Cx) -> Result<AliasOutputs> {
        let create = || async {
            let request = cx.kms.create_alias().alias_name(&self.name).target_key_id(id_of(&self.target));
            Ok(request.send().await.map(|_| ())?)
        };
        cx.retry_while("the key to be visible", Patience::FRESH, |error| error.is_not_found(), create).await?;
        Ok(self.outputs(cx, &self.name))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<AliasOutputs> {
        let update = || async {
            let request = cx.kms.update_alias().alias_name(&self.name).target_key_id(id_of(&self.target));
            Ok(request.send().await.map(|_| ())?)
        };
        cx.retry_while("the key to be visible", Patience::FRESH, |error| error.is_not_found(), update).await?;
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &AliasOutputs) -> Result<()> {
        let delete = async { Ok(cx.kms.delete_alias().alias_name(&outputs.name).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kms-alias.html>
    fn cloudformation(&self) -> Form {
        let alias = properties!(self, Alias { name => "AliasName", target => "TargetKeyId" });
        let arn = Form::regional_arn("kms", &Form::reference());
        let form = Form::resource("AWS::KMS::Alias", alias).tagged(Tagging::None);
        form.output("name", Form::reference()).output("arn", arn)
    }
}

impl Alias {
    fn outputs(&self, cx: &Cx, name: &str) -> AliasOutputs {
        let (partition, region, account) = (cx.partition(), &cx.region, cx.account());
        AliasOutputs { name: name.to_owned(), arn: format!("arn:{partition}:kms:{region}:{account}:{name}") }
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<AliasListEntry>>> {
    let load = async { Ok(cx.kms.list_aliases().limit(100).into_paginator().items().send().try_collect().await?) };
    cx.inventory.once("kms.aliases", load).await
}
