use std::collections::HashMap;

use aws_sdk_elasticloadbalancingv2::types::{
    self, Matcher, ProtocolEnum, TargetGroupAttribute, TargetTypeEnum as TargetType,
};
use sha2::{Digest, Sha256};

use super::{attribute, attribute_list, tags_of, to_sdk, with_suffix};
use crate::resources::prelude::*;

const MULTI_VALUE: &str = "lambda.multi_value_headers.enabled";
const DELAY: &str = "deregistration_delay.timeout_seconds";
/// AWS's deregistration delay.
const DEFAULT_DELAY: u32 = 300;
/// The length of the hash in the name, with its hyphen.
const HASH: usize = 7;

/// A target group, of one load balancer.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Up to 25 letters, digits and `-`. The name in AWS has 7 characters more, a hash of `targets`: so a replacement can exist
    /// beside the group that it replaces.
    pub name: String,
    /// The type of its targets.
    pub targets: Targets,
    /// The health check; `None` only for functions, which then count as healthy.
    pub health_check: Option<HealthCheck>,
    /// How long a deregistered target can finish its requests, 0 to 3600 s; `None` for AWS's default (300 s) and for functions.
    pub deregistration_delay_seconds: Option<u32>,
    /// Pass all values of repeated headers to a function; `false` for other targets.
    pub multi_value_headers: bool,
}

/// The targets of a target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targets {
    /// A Lambda function.
    Function,
    /// IP addresses.
    Ip {
        /// Their VPC.
        vpc: VpcId,
        /// The port of targets that are registered without one.
        port: u16,
        /// `HTTP` or `HTTPS`.
        protocol: String,
    },
}

/// The health check of targets.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The path of the requests, `/health`.
    pub path: String,
    /// The status codes that mean healthy, `200` or `200-299`.
    pub healthy_codes: String,
    /// The time between two requests, 5 to 300 s.
    pub interval_seconds: u32,
    /// How long a response can take, 2 to 120 s, less than the interval.
    pub timeout_seconds: u32,
    /// How many successes in a row make a target healthy, 2 to 10.
    pub healthy_threshold: u32,
    /// How many failures in a row make it unhealthy, 2 to 10.
    pub unhealthy_threshold: u32,
}

impl Default for HealthCheck {
    /// AWS's defaults.
    fn default() -> Self {
        HealthCheck {
            path: "/".to_owned(),
            healthy_codes: "200".to_owned(),
            interval_seconds: 30,
            timeout_seconds: 5,
            healthy_threshold: 5,
            unhealthy_threshold: 2,
        }
    }
}

impl HealthCheck {
    /// Requests of this path, with AWS's defaults for everything else.
    pub fn of_path(path: impl Into<String>) -> Self {
        HealthCheck { path: path.into(), ..HealthCheck::default() }
    }
}

/// The outputs of a target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroupOutputs {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// `targetgroup/name/id`: the dimension `TargetGroup` of its metrics.
    pub full_name: String,
}

impl TargetGroup {
    /// A target group of IP addresses with AWS's defaults, over HTTP.
    pub fn of_addresses(name: impl Into<String>, vpc: &VpcId, port: u16) -> Self {
        let targets = Targets::Ip { vpc: vpc.clone(), port, protocol: "HTTP".to_owned() };
        let health_check = Some(HealthCheck::default());
        TargetGroup { health_check, ..TargetGroup::new(name.into(), targets) }
    }

    /// A target group of a Lambda function with AWS's defaults: without a health check.
    pub fn of_function(name: impl Into<String>) -> Self {
        TargetGroup::new(name.into(), Targets::Function)
    }

    fn new(name: String, targets: Targets) -> Self {
        let (deregistration_delay_seconds, multi_value_headers) = (None, false);
        TargetGroup { name, targets, health_check: None, deregistration_delay_seconds, multi_value_headers }
    }
}

impl Resource for TargetGroup {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "targets"],
        create_before_destroy: true,
        no_forced_replace: Some("the replacement would have the same name, which AWS refuses"),
        serves_traffic: true,
        ..TypeInfo::new(
            "elb.target_group",
            seconds(3),
            &[
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:CreateTargetGroup",
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:DeleteTargetGroup",
            ],
        )
    };

    type Outputs = TargetGroupOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TargetGroupOutputs>) -> Result<Option<Found<Self>>> {
        let all = all(cx).await?;
        let name = self.aws_name();
        let is_this = |group: &&types::TargetGroup| match known {
            Some(known) => group.target_group_arn() == Some(&known.arn),
            None => {
                group.target_group_name() == Some(&name)
                    && !cx.is_predecessor(group.target_group_arn().unwrap_or_default())
            }
        };
        let Some(group) = all.iter().find(is_this) else { return Ok(None) };
        let outputs = outputs(group);
        let siblings = with_suffix(cx, all.iter().map(types::TargetGroup::target_group_arn));
        let (attributes, tags) = tokio::try_join!(attributes(cx, &outputs.arn), tags_of(cx, &outputs.arn, &siblings))?;
        let targets = targets(group)?;
        let is_function = targets == Targets::Function;
        let name = group.target_group_name().unwrap_or_default();
        let spec = TargetGroup {
            name: name.get(..name.len().saturating_sub(HASH)).unwrap_or_default().to_owned(),
            health_check: health_check(group),
            deregistration_delay_seconds: match is_function {
                true => None,
                false => self.observed_delay(attribute(&attributes, DELAY, "300")?),
            },
            multi_value_headers: is_function && attribute(&attributes, MULTI_VALUE, "false")?,
            targets,
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    /// Refuses settings that the type of the targets doesn't have.
    fn check_transition(&self, _actual: &Self) -> std::result::Result<(), Refusal> {
        match &self.targets {
            Targets::Function if self.deregistration_delay_seconds.is_some() => {
                Err(Refusal::new("deregistration_delay_seconds", "functions have no deregistration delay: remove it"))
            }
            Targets::Ip { .. } if self.multi_value_headers => {
                Err(Refusal::new("multi_value_headers", "only functions have multi-value headers: remove it"))
            }
            Targets::Ip { .. } if self.health_check.is_none() => {
                Err(Refusal::new("health_check", "the health check of IP targets can't be turned off: configure one"))
            }
            _ => Ok(()),
        }
    }

    async fn create(&self, cx: &Cx) -> Result<TargetGroupOutputs> {
        self.check_transition(self).map_err(|refusal| Error::local(refusal.advice))?;
        let request = cx.elb.create_target_group().name(self.aws_name()).set_tags(Some(to_sdk(&cx.tags)));
        let request = match &self.targets {
            Targets::Function => request.target_type(TargetType::Lambda),
            Targets::Ip { vpc, port, protocol } => {
                let request = request.target_type(TargetType::Ip).vpc_id(&**vpc).port((*port).into());
                request.protocol(protocol.as_str().into()).health_check_protocol(protocol.as_str().into())
            }
        };
        let answer = request.send().await?;
        let missing = Error::incomplete("elasticloadbalancing:CreateTargetGroup", "TargetGroupArn");
        let outputs = outputs(answer.target_groups().first().ok_or(missing)?);
        self.set_health_check(cx, &outputs.arn).await?;
        self.set_attributes(cx, &outputs.arn).await?;
        Ok(outputs)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<TargetGroupOutputs> {
        let arn = &found.outputs.arn;
        if changes.has("health_check") {
            self.set_health_check(cx, arn).await?;
        }
        self.set_attributes(cx, arn).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &TargetGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &TargetGroupOutputs) -> Result<()> {
        let delete =
            || async { Ok(cx.elb.delete_target_group().target_group_arn(&*outputs.arn).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("the listeners to stop using the target group", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html>
    fn cloudformation(&self) -> Form {
        let mut group = properties!(self, TargetGroup {
            name => "Name": self.aws_name(),
            health_check => "HealthCheckEnabled": health_check.is_some(),
            deregistration_delay_seconds => "TargetGroupAttributes": attribute_list([self.attribute()]),
            multi_value_headers => _,
            targets => _,
        });
        match &self.targets {
            Targets::Function => group["TargetType"] = TargetType::Lambda.as_str().into(),
            Targets::Ip { vpc, port, protocol } => {
                group["TargetType"] = TargetType::Ip.as_str().into();
                group["VpcId"] = json!(vpc);
                group["Port"] = json!(port);
                group["Protocol"] = json!(protocol);
                group["HealthCheckProtocol"] = json!(protocol);
            }
        }
        if let (Some(check), Some(group)) = (&self.health_check, group.as_object_mut()) {
            let check = properties!(check, HealthCheck {
                path => "HealthCheckPath",
                healthy_codes => "Matcher": json!({"HttpCode": healthy_codes}),
                interval_seconds => "HealthCheckIntervalSeconds",
                timeout_seconds => "HealthCheckTimeoutSeconds",
                healthy_threshold => "HealthyThresholdCount",
                unhealthy_threshold => "UnhealthyThresholdCount",
            });
            group.extend(check.as_object().cloned().unwrap_or_default());
        }
        let form = Form::resource("AWS::ElasticLoadBalancingV2::TargetGroup", group).output("arn", Form::reference());
        form.output("full_name", Form::attribute("TargetGroupFullName"))
    }
}

impl TargetGroup {
    fn aws_name(&self) -> String {
        let fixed = serde_json::to_vec(&self.targets).expect("a spec is plain data");
        let digest = Sha256::digest(&fixed);
        format!("{}-{:02x}{:02x}{:02x}", self.name, digest[0], digest[1], digest[2])
    }

    async fn set_health_check(&self, cx: &Cx, arn: &str) -> Result<()> {
        let request = cx.elb.modify_target_group().target_group_arn(arn);
        let request = match &self.health_check {
            None => request.health_check_enabled(false),
            Some(check) => request
                .health_check_enabled(true)
                .health_check_path(&check.path)
                .matcher(Matcher::builder().http_code(&check.healthy_codes).build())
                .health_check_interval_seconds(check.interval_seconds.cast_signed())
                .health_check_timeout_seconds(check.timeout_seconds.cast_signed())
                .healthy_threshold_count(check.healthy_threshold.cast_signed())
                .unhealthy_threshold_count(check.unhealthy_threshold.cast_signed()),
        };
        request.send().await?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
    fn attribute(&self) -> (&'static str, String) {
        match (&self.targets, self.deregistration_delay_seconds) {
            (Targets::Function, _) => (MULTI_VALUE, self.multi_value_headers.to_string()),
            (Targets::Ip { .. }, delay) => (DELAY, delay.unwrap_or(DEFAULT_DELAY).to_string()),
        }
    }

    /// The delay of IP targets in the form of the spec: `None` means AWS's default.
    fn observed_delay(&self, delay: u32) -> Option<u32> {
        Some(delay).filter(|delay| *delay != DEFAULT_DELAY || self.deregistration_delay_seconds.is_some())
    }

    async fn set_attributes(&self, cx: &Cx, arn: &str) -> Result<()> {
        let (key, value) = self.attribute();
        let attribute = TargetGroupAttribute::builder().key(key).value(value).build();
        cx.elb.modify_target_group_attributes().target_group_arn(arn).attributes(attribute).send().await?;
        Ok(())
    }
}

fn outputs(group: &types::TargetGroup) -> TargetGroupOutputs {
    let arn = group.target_group_arn().unwrap_or_default();
    TargetGroupOutputs { arn: arn.into(), full_name: arn.rsplit(':').next().unwrap_or_default().to_owned() }
}

fn targets(group: &types::TargetGroup) -> Result<Targets> {
    match group.target_type() {
        Some(TargetType::Lambda) => Ok(Targets::Function),
        Some(TargetType::Ip) => Ok(Targets::Ip {
            vpc: group.vpc_id().unwrap_or_default().into(),
            port: u16::try_from(group.port().unwrap_or_default()).unwrap_or_default(),
            protocol: group.protocol().map(ProtocolEnum::as_str).unwrap_or_default().to_owned(),
        }),
        other => {
            let name = group.target_group_name().unwrap_or_default();
            Err(Error::local(format!("the target group {name} has targets of the unsupported type {other:?}")))
        }
    }
}

fn health_check(group: &types::TargetGroup) -> Option<HealthCheck> {
    let number = |n: Option<i32>| u32::try_from(n.unwrap_or_default()).unwrap_or_default();
    (group.health_check_enabled() == Some(true)).then(|| HealthCheck {
        path: group.health_check_path().unwrap_or_default().to_owned(),
        healthy_codes: group.matcher().and_then(|matcher| matcher.http_code()).unwrap_or_default().to_owned(),
        interval_seconds: number(group.health_check_interval_seconds()),
        timeout_seconds: number(group.health_check_timeout_seconds()),
        healthy_threshold: number(group.healthy_threshold_count()),
        unhealthy_threshold: number(group.unhealthy_threshold_count()),
    })
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::TargetGroup>>> {
    let load = async {
        let pages = cx.elb.describe_target_groups().into_paginator();
        Ok(pages.items().send().try_collect().await?)
    };
    cx.inventory.once("elb.target_groups", load).await
}

async fn attributes(cx: &Cx, arn: &str) -> Result<HashMap<String, String>> {
    let answer = cx.elb.describe_target_group_attributes().target_group_arn(arn).send().await?;
    let attributes = answer.attributes.unwrap_or_default().into_iter();
    Ok(attributes.map(|attribute| (attribute.key.unwrap_or_default(), attribute.value.unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_other_target_types_are_refused() {
        let addresses = TargetGroup::of_addresses("orders", &"vpc-1".into(), 80);
        let function = TargetGroup::of_function("orders");
        assert!(addresses.check_transition(&addresses).is_ok() && function.check_transition(&function).is_ok());
        for (group, field) in [
            (TargetGroup { deregistration_delay_seconds: Some(30), ..function }, "deregistration_delay_seconds"),
            (TargetGroup { multi_value_headers: true, ..addresses.clone() }, "multi_value_headers"),
            (TargetGroup { health_check: None, ..addresses }, "health_check"),
        ] {
            assert_eq!(group.check_transition(&group).unwrap_err().field, field);
        }
    }
}
