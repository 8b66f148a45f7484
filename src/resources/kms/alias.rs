use std::sync::Arc;

use aws_sdk_kms::types::AliasListEntry;
use serde::{Deserialize, Serialize};

use super::id_of;
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Cx, Result};
use crate::resources::form::{Form, Tagging, properties};
use crate::resources::ids::KeyArn;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A name for a key.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Alias {
    /// `alias/…`, up to 256 letters, digits, `/`, `_` and `-`; never `alias/aws/…`.
    pub name: String,
    /// The key, of this region.
    pub target: KeyArn,
}

/// What an alias gives to others.
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
        // The alias of our key is ours; of another key it may be anybody's.
        Ok(Some(if is_of_key { Found::child(spec, outputs) } else { Found::name_only(spec, outputs) }))
    }

    async fn create(&self, cx: &Cx) -> Result<AliasOutputs> {
        let create = || async {
            let request = cx.kms.create_alias().alias_name(&self.name).target_key_id(id_of(&self.target));
            Ok(request.send().await.map(|_| ())?)
        };
        cx.retry_while("the key to become known", Patience::FRESH, |error| error.is_not_found(), create).await?;
        Ok(self.outputs(cx, &self.name))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<AliasOutputs> {
        let update = || async {
            let request = cx.kms.update_alias().alias_name(&self.name).target_key_id(id_of(&self.target));
            Ok(request.send().await.map(|_| ())?)
        };
        cx.retry_while("the key to become known", Patience::FRESH, |error| error.is_not_found(), update).await?;
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
    let load = async {
        let mut pages = cx.kms.list_aliases().limit(100).into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(alias) = pages.next().await {
            all.push(alias?);
        }
        Ok(all)
    };
    cx.inventory.once("kms.aliases", load).await
}
