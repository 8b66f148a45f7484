use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{
    self, Matcher, ProtocolEnum, TargetGroupAttribute, TargetTypeEnum as TargetType,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{attribute, attribute_list, ours, tags_of, to_sdk};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::{TargetGroupArn, VpcId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

const MULTI_VALUE: &str = "lambda.multi_value_headers.enabled";
const DELAY: &str = "deregistration_delay.timeout_seconds";
/// How many characters the hash adds to the name.
const HASH: usize = 7;

/// A target group. It can serve one load balancer only.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Up to 25 letters, digits and `-`. AWS's name has 7 characters more, a hash of what can't be changed in place, so
    /// that a new group can stand beside the one that it replaces.
    pub name: String,
    /// What it forwards to.
    pub targets: Targets,
    /// How targets are probed; `None` only for functions, which then count as healthy.
    pub health_check: Option<HealthCheck>,
    /// How long a target that leaves may finish its requests, 0 to 3600 s; `None` for functions.
    pub deregistration_delay_seconds: Option<u32>,
    /// Give a function all values of a header that comes more than once; `false` for other targets.
    pub multi_value_headers: bool,
}

/// What a target group forwards to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targets {
    /// One Lambda function.
    Function,
    /// IP addresses.
    Ip {
        /// Where they are.
        vpc: VpcId,
        /// The port, unless a target is registered with another one.
        port: u16,
        /// `HTTP` or `HTTPS`.
        protocol: String,
    },
}

/// How targets are probed.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What is asked for, `/health`.
    pub path: String,
    /// The status codes that mean healthy, `200` or `200-299`.
    pub healthy_codes: String,
    /// How often, 5 to 300 s.
    pub interval_seconds: u32,
    /// How long an answer may take, 2 to 120 s and less than the interval.
    pub timeout_seconds: u32,
    /// How many answers in a row make a target healthy, 2 to 10.
    pub healthy_threshold: u32,
    /// How many failures in a row make it unhealthy, 2 to 10.
    pub unhealthy_threshold: u32,
}

impl Default for HealthCheck {
    /// What AWS takes where nothing is said.
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

/// What a target group gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetGroupOutputs {
    /// Its ARN.
    pub arn: TargetGroupArn,
    /// `targetgroup/name/id`: the dimension `TargetGroup` of its metrics.
    pub full_name: String,
}

impl Resource for TargetGroup {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "targets"],
        create_before_destroy: true,
        no_forced_replace: Some("AWS lets no second one of its name stand beside it"),
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
        let siblings = ours(cx, all.iter().map(types::TargetGroup::target_group_arn));
        let (attributes, tags) = tokio::try_join!(attributes(cx, &outputs.arn), tags_of(cx, &outputs.arn, &siblings))?;
        let targets = targets(group)?;
        let is_function = targets == Targets::Function;
        let name = group.target_group_name().unwrap_or_default();
        let spec = TargetGroup {
            name: name.get(..name.len().saturating_sub(HASH)).unwrap_or_default().to_owned(),
            health_check: health_check(group),
            deregistration_delay_seconds: if is_function { None } else { Some(attribute(&attributes, DELAY, "300")?) },
            multi_value_headers: is_function && attribute(&attributes, MULTI_VALUE, "false")?,
            targets,
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<TargetGroupOutputs> {
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
        ignore_not_found(cx.retry_while_retryable("listeners to let go of the target group", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html>
    fn cloudformation(&self) -> Form {
        let TargetGroup {
            name: _,
            targets,
            health_check,
            // These are attributes.
            deregistration_delay_seconds: _,
            multi_value_headers: _,
        } = self;
        let mut group = json!({
            "Name": self.aws_name(),
            "HealthCheckEnabled": health_check.is_some(),
            "TargetGroupAttributes": attribute_list(self.attribute()),
        });
        match targets {
            Targets::Function => group["TargetType"] = TargetType::Lambda.as_str().into(),
            Targets::Ip { vpc, port, protocol } => {
                group["TargetType"] = TargetType::Ip.as_str().into();
                group["VpcId"] = json!(vpc);
                group["Port"] = json!(port);
                group["Protocol"] = json!(protocol);
                group["HealthCheckProtocol"] = json!(protocol);
            }
        }
        if let Some(check) = health_check {
            let HealthCheck {
                path,
                healthy_codes,
                interval_seconds,
                timeout_seconds,
                healthy_threshold,
                unhealthy_threshold,
            } = check;
            group["HealthCheckPath"] = json!(path);
            group["Matcher"] = json!({"HttpCode": healthy_codes});
            group["HealthCheckIntervalSeconds"] = json!(interval_seconds);
            group["HealthCheckTimeoutSeconds"] = json!(timeout_seconds);
            group["HealthyThresholdCount"] = json!(healthy_threshold);
            group["UnhealthyThresholdCount"] = json!(unhealthy_threshold);
        }
        let form = Form::of("AWS::ElasticLoadBalancingV2::TargetGroup", group).gives("arn", Form::this());
        form.gives("full_name", Form::attribute("TargetGroupFullName"))
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
    fn attribute(&self) -> Option<(&'static str, String)> {
        match (&self.targets, self.deregistration_delay_seconds) {
            (Targets::Function, _) => Some((MULTI_VALUE, self.multi_value_headers.to_string())),
            (Targets::Ip { .. }, delay) => delay.map(|delay| (DELAY, delay.to_string())),
        }
    }

    async fn set_attributes(&self, cx: &Cx, arn: &str) -> Result<()> {
        let Some((key, value)) = self.attribute() else { return Ok(()) };
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
            Err(Error::local(format!("the target group {name} has targets of the type {other:?}")))
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
        let mut pages = cx.elb.describe_target_groups().into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(group) = pages.next().await {
            all.push(group?);
        }
        Ok(all)
    };
    cx.inventory.once("elb.target_groups", load).await
}

async fn attributes(cx: &Cx, arn: &str) -> Result<HashMap<String, String>> {
    let answer = cx.elb.describe_target_group_attributes().target_group_arn(arn).send().await?;
    let attributes = answer.attributes.unwrap_or_default().into_iter();
    Ok(attributes.map(|attribute| (attribute.key.unwrap_or_default(), attribute.value.unwrap_or_default())).collect())
}
