use std::collections::BTreeMap;

use aws_sdk_config::types::{self, ConfigRuleState, Owner, Scope, Source};

use super::{tags_of, to_sdk};
use crate::resources::prelude::*;

/// An AWS managed rule.
/// <https://docs.aws.amazon.com/config/latest/developerguide/managed-rules-by-aws-config.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigRule {
    /// Up to 128 characters.
    pub name: String,
    /// What it checks, up to 256 characters.
    pub description: String,
    /// AWS's identifier of the rule: `VPC_FLOW_LOGS_ENABLED`.
    pub identifier: String,
    /// Its parameters, by name.
    pub input_parameters: BTreeMap<String, String>,
    /// The resources that it evaluates: those with this tag; without, all. A periodic rule evaluates all.
    pub scope: Option<ScopeTag>,
}

/// The tag of the resources that a rule evaluates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScopeTag {
    /// The key of the tag.
    pub key: String,
    /// The value of the tag.
    pub value: String,
}

/// The outputs of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigRuleOutputs {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
}

impl ConfigRule {
    /// A rule for all resources, without parameters.
    pub fn new(name: impl Into<String>, identifier: impl Into<String>) -> Self {
        ConfigRule {
            name: name.into(),
            description: String::new(),
            identifier: identifier.into(),
            input_parameters: BTreeMap::new(),
            scope: None,
        }
    }
}

impl Resource for ConfigRule {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "config.config_rule",
            seconds(5),
            &[
                "config:DescribeConfigRules",
                "config:ListTagsForResource",
                "config:PutConfigRule",
                "config:TagResource",
                "config:UntagResource",
                "config:DeleteConfigRule",
            ],
        )
    };

    type Outputs = ConfigRuleOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ConfigRuleOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let rules = all(cx).await?;
        let Some(rule) = rules.iter().find(|rule| rule.config_rule_name() == Some(name)) else { return Ok(None) };
        let arn = rule.config_rule_arn().unwrap_or_default().to_owned();
        let tags = tags_of(cx, &arn).await?;
        let parameters = rule.input_parameters().filter(|text| !text.is_empty()).unwrap_or("{}");
        let input_parameters = serde_json::from_str(parameters).map_err(|error| {
            Error::local(format!("the parameters of the rule {name} aren't a map of strings: {error}"))
        })?;
        let scope = rule.scope().and_then(|scope| {
            Some(ScopeTag { key: scope.tag_key()?.to_owned(), value: scope.tag_value().unwrap_or_default().to_owned() })
        });
        let spec = ConfigRule {
            name: name.clone(),
            description: rule.description().unwrap_or_default().to_owned(),
            identifier: rule.source().and_then(|source| source.source_identifier()).unwrap_or_default().to_owned(),
            input_parameters,
            scope,
        };
        Ok(Some(Found::tagged(spec, ConfigRuleOutputs { arn, name: name.clone() }, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<ConfigRuleOutputs> {
        self.put(cx, Some(&cx.tags)).await?;
        // The response of the create call is empty, so the ARN has to be read.
        cx.wait_until("the rule to be visible", Patience::SHORT, || async {
            let answer = cx.config.describe_config_rules().config_rule_names(&self.name).send().await;
            let rules = ignore_not_found(answer.map_err(Error::from))?;
            let rules = rules.and_then(|answer| answer.config_rules).unwrap_or_default();
            let arn = rules.into_iter().find_map(|rule| rule.config_rule_arn);
            Ok(arn.map(|arn| ConfigRuleOutputs { arn, name: self.name.clone() }))
        })
        .await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<ConfigRuleOutputs> {
        self.put(cx, None).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &ConfigRuleOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    /// AWS deletes the rule asynchronously, up to an hour with many results. Nothing has to wait for it.
    async fn delete(cx: &Cx, outputs: &ConfigRuleOutputs) -> Result<()> {
        let delete =
            || async { Ok(cx.config.delete_config_rule().config_rule_name(&outputs.name).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("AWS Config to finish the rule's evaluation", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-config-configrule.html>
    fn cloudformation(&self) -> Form {
        let rule = properties!(self, ConfigRule {
            name => "ConfigRuleName",
            description => "Description",
            identifier => "Source": json!({"Owner": "AWS", "SourceIdentifier": identifier}),
            input_parameters => "InputParameters",
            scope => "Scope": scope.as_ref().map(|tag| properties!(tag, ScopeTag {
                key => "TagKey",
                value => "TagValue",
            })),
        });
        let form = Form::resource("AWS::Config::ConfigRule", rule).tagged(Tagging::None).gap("its tags");
        form.output("arn", Form::attribute("Arn")).output("name", Form::reference())
    }
}

impl ConfigRule {
    async fn put(&self, cx: &Cx, tags: Option<&Tags>) -> Result<()> {
        let source = Source::builder().owner(Owner::Aws).source_identifier(&self.identifier).build();
        let source = source.map_err(|error| Error::local(error.to_string()))?;
        let parameters = serde_json::to_string(&self.input_parameters).expect("texts are JSON");
        let scope = self.scope.as_ref().map(|tag| Scope::builder().tag_key(&tag.key).tag_value(&tag.value).build());
        let rule = types::ConfigRule::builder().config_rule_name(&self.name).description(&self.description);
        let rule = rule.source(source).input_parameters(parameters).set_scope(scope).build();
        let put = || async {
            let request = cx.config.put_config_rule().config_rule(rule.clone()).set_tags(tags.map(to_sdk));
            Ok(request.send().await?)
        };
        let busy = |error: &Error| error.class == Class::Retryable;
        cx.retry_while("the old rule of this name to be deleted", Patience::LONG, busy, put).await?;
        Ok(())
    }
}

/// The rules of the region, without those that are being deleted.
async fn all(cx: &Cx) -> Result<Arc<Vec<types::ConfigRule>>> {
    let load = async {
        let mut pages = cx.config.describe_config_rules().into_paginator().send();
        let mut all: Vec<types::ConfigRule> = Vec::new();
        while let Some(page) = pages.try_next().await? {
            all.extend(page.config_rules.unwrap_or_default());
        }
        all.retain(|rule| rule.config_rule_state() != Some(&ConfigRuleState::Deleting));
        Ok(all)
    };
    cx.inventory.once("config.rules", load).await
}
