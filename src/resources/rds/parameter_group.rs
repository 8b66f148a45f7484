//! Parameter groups of clusters and of instances, which differ only in the names of their calls.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_rds::types::{ApplyMethod, Parameter};
use serde::{Deserialize, Serialize};

/// The number of parameters that one call accepts.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBClusterParameterGroup.html>
pub(super) const MAX_PARAMETERS: usize = 20;

/// The outputs of a parameter group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParameterGroupOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// The calls that change a group.
#[derive(Debug, Default)]
pub(super) struct ParameterChanges {
    /// Parameters to set.
    pub set: Vec<Parameter>,
    /// Parameters to reset to the engine's default.
    pub reset: Vec<Parameter>,
}

/// The changes from the actual values to the desired ones. `all` are all parameters of the group, with their apply types:
/// dynamic ones change while the engine runs, static ones after a reboot.
pub(super) fn parameter_changes(
    actual: &BTreeMap<String, String>,
    desired: &BTreeMap<String, String>,
    all: &[Parameter],
) -> ParameterChanges {
    let apply_types: HashMap<_, _> =
        all.iter().map(|parameter| (parameter.parameter_name(), parameter.apply_type())).collect();
    let parameter = |name: &str| {
        let dynamic = apply_types.get(&Some(name)) == Some(&Some("dynamic"));
        let method = if dynamic { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot };
        Parameter::builder().parameter_name(name).apply_method(method)
    };
    let changed = desired.iter().filter(|(name, value)| actual.get(*name) != Some(value));
    let dropped = actual.keys().filter(|name| !desired.contains_key(*name));
    ParameterChanges {
        set: changed.map(|(name, value)| parameter(name).parameter_value(value).build()).collect(),
        reset: dropped.map(|name| parameter(name).build()).collect(),
    }
}

/// The values that a user set, of the response of a describe call with `source=user`.
pub(super) fn set_by_user(parameters: &[Parameter]) -> BTreeMap<String, String> {
    let values = parameters.iter().filter(|parameter| parameter.source().is_none_or(|source| source == "user"));
    let values = values.filter_map(|parameter| Some((parameter.parameter_name()?, parameter.parameter_value()?)));
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Defines a type of parameter groups: its documentation and name, the name in its ARN and in the page of CloudFormation's
/// reference, the names of its calls in the API and in the SDK.
macro_rules! parameter_group {
    (
        $(#[$doc:meta])*
        $type:ident as $sdk:ident, $kind:literal, $arn_kind:literal, $page:literal, $api:literal, $api_parameters:literal,
        $name_property:literal;
        $name:ident, $arn:ident, $group:ident;
        $describe:ident, $describe_parameters:ident, $create:ident, $modify:ident, $reset:ident, $delete:ident
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub struct $type {
            /// Up to 255 lower-case letters, digits and `-`.
            pub name: String,
            /// The engine's family, for example `aurora-mysql8.0`.
            pub family: String,
            /// The purpose.
            pub description: String,
            /// The values that differ from the engine's defaults.
            pub parameters: BTreeMap<String, String>,
        }

        impl Resource for $type {
            const TYPE: TypeInfo = TypeInfo {
                force_new: &["name", "family", "description"],
                ..TypeInfo::new($kind, seconds(5), &[
                    concat!("rds:Describe", $api, "s"),
                    concat!("rds:Describe", $api_parameters),
                    "rds:ListTagsForResource",
                    concat!("rds:Create", $api),
                    concat!("rds:Modify", $api),
                    concat!("rds:Reset", $api),
                    concat!("rds:Delete", $api),
                    "rds:AddTagsToResource",
                    "rds:RemoveTagsFromResource",
                    "tag:GetResources",
                ])
            };

            type Outputs = ParameterGroupOutputs;

            async fn observe(&self, cx: &Cx, known: Option<&ParameterGroupOutputs>) -> Result<Option<Found<Self>>> {
                let name = known.map_or(&self.name, |known| &known.name);
                let groups = all(cx).await?;
                let Some(group) = groups.iter().find(|group| group.$name() == Some(name)) else { return Ok(None) };
                let arn = group.$arn().unwrap_or_default();
                let (parameters, tags) = tokio::try_join!(parameters(cx, name, Some("user")), tags_of(cx, arn))?;
                let spec = $type {
                    name: name.clone(),
                    family: group.db_parameter_group_family().unwrap_or_default().to_owned(),
                    description: group.description().unwrap_or_default().to_owned(),
                    parameters: set_by_user(&parameters),
                };
                let outputs = ParameterGroupOutputs { name: name.clone(), arn: arn.to_owned() };
                Ok(Some(Found::tagged(spec, outputs, tags)))
            }

            async fn create(&self, cx: &Cx) -> Result<ParameterGroupOutputs> {
                let request = cx.rds.$create().$name(&self.name).db_parameter_group_family(&self.family);
                let request = request.description(&self.description).set_tags(Some(to_sdk(&cx.tags)));
                let arn = request.send().await?.$group.and_then(|group| group.$arn);
                let arn = arn.ok_or(Error::incomplete(concat!("rds:Create", $api), "its ARN"))?;
                // Nothing uses the group yet, so no reboot is needed.
                self.apply(cx, parameter_changes(&BTreeMap::new(), &self.parameters, &[])).await?;
                Ok(ParameterGroupOutputs { name: self.name.clone(), arn })
            }

            async fn update(
                &self,
                cx: &Cx,
                found: &Found<Self>,
                changes: &Changes<'_>,
            ) -> Result<ParameterGroupOutputs> {
                if changes.has("parameters") {
                    let all = parameters(cx, &self.name, None).await?;
                    self.apply(cx, parameter_changes(&found.spec.parameters, &self.parameters, &all)).await?;
                }
                Ok(found.outputs.clone())
            }

            async fn tag(cx: &Cx, outputs: &ParameterGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
                crate::resources::rds::tag(cx, &outputs.arn, set, remove).await
            }

            async fn delete(cx: &Cx, outputs: &ParameterGroupOutputs) -> Result<()> {
                let delete = || async { Ok(cx.rds.$delete().$name(&outputs.name).send().await.map(|_| ())?) };
                let what = "the databases that use the parameter group to be deleted";
                let not_ready = |error: &Error| error.class == Class::Retryable;
                // Readers that auto scaling created use it until the cluster is deleted.
                ignore_not_found(cx.retry_while(what, Patience::LONG, not_ready, delete).await)?;
                Ok(())
            }

            #[doc = concat!(
                "<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-",
                $page,
                ".html>"
            )]
            fn cloudformation(&self) -> Form {
                let group = properties!(self, $type {
                    name => $name_property,
                    family => "Family",
                    description => "Description",
                    parameters => "Parameters",
                });
                let form = Form::resource(concat!("AWS::RDS::", $api), group);
                form.output("name", Form::reference()).output("arn", arn_in_template($arn_kind))
            }
        }

        impl $type {
            async fn apply(&self, cx: &Cx, changes: ParameterChanges) -> Result<()> {
                let what = "the parameter group to complete another change";
                for some in changes.set.chunks(MAX_PARAMETERS) {
                    let modify = || async {
                        let request = cx.rds.$modify().$name(&self.name);
                        Ok(request.set_parameters(Some(some.to_vec())).send().await.map(|_| ())?)
                    };
                    cx.retry_while_retryable(what, modify).await?;
                }
                for some in changes.reset.chunks(MAX_PARAMETERS) {
                    let reset = || async {
                        let request = cx.rds.$reset().$name(&self.name).reset_all_parameters(false);
                        Ok(request.set_parameters(Some(some.to_vec())).send().await.map(|_| ())?)
                    };
                    cx.retry_while_retryable(what, reset).await?;
                }
                Ok(())
            }
        }

        /// The group's parameters; with a source, only those with values from it.
        async fn parameters(cx: &Cx, name: &str, source: Option<&str>) -> Result<Vec<types::Parameter>> {
            let request = cx.rds.$describe_parameters().$name(name).set_source(source.map(str::to_owned));
            Ok(request.into_paginator().items().send().try_collect().await?)
        }

        async fn all(cx: &Cx) -> Result<Arc<Vec<types::$sdk>>> {
            let pages = cx.rds.$describe().into_paginator().items().send();
            cx.inventory.once($kind, async { Ok(pages.try_collect().await?) }).await
        }
    };
}
pub(super) use parameter_group;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn only_differing_parameters_are_set_or_reset() {
        let all = [Parameter::builder().parameter_name("a").apply_type("dynamic").build()];
        let actual = values(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let desired = values(&[("a", "9"), ("b", "2"), ("d", "4")]);
        let changes = parameter_changes(&actual, &desired, &all);
        let set: Vec<_> =
            changes.set.iter().map(|p| (p.parameter_name().unwrap(), p.apply_method().unwrap().as_str())).collect();
        assert_eq!(set, [("a", "immediate"), ("d", "pending-reboot")]);
        let reset: Vec<_> = changes.reset.iter().filter_map(|p| p.parameter_name()).collect();
        assert_eq!(reset, ["c"]);
    }
}
