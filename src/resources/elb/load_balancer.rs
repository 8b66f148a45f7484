use std::collections::{BTreeSet, HashMap};

use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::types::{
    self, LoadBalancerAttribute, LoadBalancerSchemeEnum as Scheme, LoadBalancerStateEnum as State,
};

use super::{attribute, attribute_list, tags_of, to_sdk, with_suffix};
use crate::resources::prelude::*;

/// An application load balancer.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Up to 32 letters, digits and `-`.
    pub name: String,
    /// Reachable from inside the VPC only.
    pub internal: bool,
    /// Its subnets, in at least two availability zones.
    pub subnets: BTreeSet<SubnetId>,
    /// Its security groups.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// Drop headers with invalid names.
    pub drop_invalid_headers: bool,
    /// How to handle requests with ambiguous HTTP: `monitor`, `defensive` or `strictest`.
    pub desync_mitigation: String,
    /// The access logs; `None` for no logs.
    pub access_logs: Option<AccessLogs>,
    /// Refuse deletion.
    pub deletion_protection: bool,
    /// How long a connection can be idle, 1 to 4000 s.
    pub idle_timeout_seconds: u32,
    /// How long a client can use one connection, 60 to 604,800 s.
    pub client_keep_alive_seconds: u32,
    /// Support HTTP/2 clients.
    pub http2: bool,
}

/// The access logs of a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessLogs {
    /// The bucket: in the same region, encrypted with SSE-S3, with a policy that lets the log delivery service write.
    pub bucket: String,
    /// The prefix of the objects' names, without `/` at either end; empty for none.
    pub prefix: String,
}

/// The outputs of a load balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadBalancerOutputs {
    /// Its ARN.
    pub arn: LoadBalancerArn,
    /// Its DNS name.
    pub dns_name: String,
    /// The hosted zone that `dns_name` is in, for alias records.
    pub hosted_zone_id: HostedZoneId,
    /// `app/name/id`: the dimension `LoadBalancer` of its metrics.
    pub full_name: String,
}

impl LoadBalancer {
    /// A load balancer that is reachable from the internet, with AWS's defaults.
    pub fn new(
        name: impl Into<String>,
        subnets: impl IntoIterator<Item = SubnetId>,
        security_groups: impl IntoIterator<Item = SecurityGroupId>,
    ) -> Self {
        LoadBalancer {
            name: name.into(),
            internal: false,
            subnets: subnets.into_iter().collect(),
            security_groups: security_groups.into_iter().collect(),
            drop_invalid_headers: false,
            desync_mitigation: "defensive".to_owned(),
            access_logs: None,
            deletion_protection: false,
            idle_timeout_seconds: 60,
            client_keep_alive_seconds: 3600,
            http2: true,
        }
    }
}

impl Resource for LoadBalancer {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "internal"],
        serves_traffic: true,
        blocks_deletion_of: &["ec2.internet_gateway", "ec2.security_group", "ec2.subnet"],
        ..TypeInfo::new(
            "elb.load_balancer",
            minutes(3),
            &[
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:CreateLoadBalancer",
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:SetSubnets",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:DeleteLoadBalancer",
                "ec2:DescribeNetworkInterfaces",
                "iam:CreateServiceLinkedRole",
            ],
        )
    };

    type Outputs = LoadBalancerOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&LoadBalancerOutputs>) -> Result<Option<Found<Self>>> {
        let all = all(cx).await?;
        let is_this = |balancer: &&types::LoadBalancer| match known {
            Some(known) => balancer.load_balancer_arn() == Some(&known.arn),
            None => balancer.load_balancer_name() == Some(&self.name),
        };
        let Some(balancer) = all.iter().find(is_this) else { return Ok(None) };
        let outputs = outputs(balancer);
        let siblings = with_suffix(cx, all.iter().map(types::LoadBalancer::load_balancer_arn));
        let (attributes, tags) = tokio::try_join!(attributes(cx, &outputs.arn), tags_of(cx, &outputs.arn, &siblings))?;
        let logs = attribute::<bool>(&attributes, "access_logs.s3.enabled", "false")?.then(|| AccessLogs {
            bucket: attributes.get("access_logs.s3.bucket").cloned().unwrap_or_default(),
            prefix: attributes.get("access_logs.s3.prefix").cloned().unwrap_or_default(),
        });
        let zones = balancer.availability_zones().iter();
        let spec = LoadBalancer {
            name: balancer.load_balancer_name().unwrap_or_default().to_owned(),
            internal: balancer.scheme() == Some(&Scheme::Internal),
            subnets: zones.filter_map(|zone| zone.subnet_id()).map(Into::into).collect(),
            security_groups: balancer.security_groups().iter().map(Into::into).collect(),
            drop_invalid_headers: attribute(&attributes, "routing.http.drop_invalid_header_fields.enabled", "false")?,
            desync_mitigation: attribute(&attributes, "routing.http.desync_mitigation_mode", "defensive")?,
            access_logs: logs,
            deletion_protection: attribute(&attributes, "deletion_protection.enabled", "false")?,
            idle_timeout_seconds: attribute(&attributes, "idle_timeout.timeout_seconds", "60")?,
            client_keep_alive_seconds: attribute(&attributes, "client_keep_alive.seconds", "3600")?,
            http2: attribute(&attributes, "routing.http2.enabled", "true")?,
        };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<LoadBalancerOutputs> {
        let request = cx.elb.create_load_balancer().name(&self.name).scheme(self.scheme());
        let request = request.set_subnets(Some(self.subnets.iter().map(ToString::to_string).collect()));
        let request = request.set_security_groups(Some(self.security_groups.iter().map(ToString::to_string).collect()));
        let answer = request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        let missing = Error::incomplete("elasticloadbalancing:CreateLoadBalancer", "LoadBalancerArn");
        let outputs = outputs(answer.load_balancers().first().ok_or(missing)?);
        self.set_attributes(cx, &outputs.arn).await?;
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &LoadBalancerOutputs) -> Result<()> {
        cx.wait_until("the load balancer to become active", Patience::LONG, || is_active(cx, &outputs.arn)).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<LoadBalancerOutputs> {
        let arn = &found.outputs.arn;
        if changes.has("subnets") {
            let subnets = self.subnets.iter().map(ToString::to_string).collect();
            cx.elb.set_subnets().load_balancer_arn(&**arn).set_subnets(Some(subnets)).send().await?;
        }
        if changes.has("security_groups") {
            let groups = self.security_groups.iter().map(ToString::to_string).collect();
            cx.elb.set_security_groups().load_balancer_arn(&**arn).set_security_groups(Some(groups)).send().await?;
        }
        self.set_attributes(cx, arn).await?;
        self.until_ready(cx, &found.outputs).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &LoadBalancerOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &LoadBalancerOutputs) -> Result<()> {
        let delete = async { Ok(cx.elb.delete_load_balancer().load_balancer_arn(&*outputs.arn).send().await?) };
        ignore_not_found(delete.await).map_err(|error: Error| match error.is_code("OperationNotPermitted") {
            true => error.with_help(
                "it has deletion protection: turn that off in the configuration, apply, then run this command again",
            ),
            false => error,
        })?;
        // Its network interfaces are deleted minutes later and block subnets and security groups.
        let description = format!("ELB {}", outputs.full_name);
        cx.wait_until("the network interfaces of the load balancer to be deleted", Patience::LONG, || async {
            let filter = Filter::builder().name("description").values(&description).build();
            let answer = cx.ec2.describe_network_interfaces().filters(filter).send().await?;
            Ok(answer.network_interfaces().is_empty().then_some(()))
        })
        .await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("about $0.0225 an hour, and $0.008 per capacity unit (LCU)".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html>
    fn cloudformation(&self) -> Form {
        let balancer = properties!(self, LoadBalancer {
            name => "Name",
            "Type": "application",
            internal => "Scheme": self.scheme().as_str(),
            subnets => "Subnets",
            security_groups => "SecurityGroups",
            "LoadBalancerAttributes": attribute_list(self.attributes()),
            drop_invalid_headers => _,
            desync_mitigation => _,
            access_logs => _,
            deletion_protection => _,
            idle_timeout_seconds => _,
            client_keep_alive_seconds => _,
            http2 => _,
        });
        Form::resource("AWS::ElasticLoadBalancingV2::LoadBalancer", balancer)
            .output("arn", Form::reference())
            .output("dns_name", Form::attribute("DNSName"))
            .output("hosted_zone_id", Form::attribute("CanonicalHostedZoneID"))
            .output("full_name", Form::attribute("LoadBalancerFullName"))
    }
}

impl LoadBalancer {
    fn scheme(&self) -> Scheme {
        if self.internal { Scheme::Internal } else { Scheme::InternetFacing }
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>
    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut values = vec![
            ("routing.http.drop_invalid_header_fields.enabled", self.drop_invalid_headers.to_string()),
            ("routing.http.desync_mitigation_mode", self.desync_mitigation.clone()),
            ("deletion_protection.enabled", self.deletion_protection.to_string()),
            ("idle_timeout.timeout_seconds", self.idle_timeout_seconds.to_string()),
            ("client_keep_alive.seconds", self.client_keep_alive_seconds.to_string()),
            ("routing.http2.enabled", self.http2.to_string()),
            ("access_logs.s3.enabled", self.access_logs.is_some().to_string()),
        ];
        if let Some(AccessLogs { bucket, prefix }) = &self.access_logs {
            values.push(("access_logs.s3.bucket", bucket.clone()));
            values.push(("access_logs.s3.prefix", prefix.clone()));
        }
        values
    }

    async fn set_attributes(&self, cx: &Cx, arn: &str) -> Result<()> {
        let attribute = |(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build();
        let attributes: Vec<_> = self.attributes().into_iter().map(attribute).collect();
        let modify = || async {
            let request = cx.elb.modify_load_balancer_attributes().load_balancer_arn(arn);
            Ok(request.set_attributes(Some(attributes.clone())).send().await.map(|_| ())?)
        };
        // It tests the access to the bucket, whose policy may be seconds old.
        let is_new_policy = |error: &Error| self.access_logs.is_some() && error.is_code("InvalidConfigurationRequest");
        cx.retry_while("the policy of the log bucket to take effect", Patience::FRESH, is_new_policy, modify).await
    }
}

fn outputs(balancer: &types::LoadBalancer) -> LoadBalancerOutputs {
    let arn = balancer.load_balancer_arn().unwrap_or_default();
    LoadBalancerOutputs {
        arn: arn.into(),
        dns_name: balancer.dns_name().unwrap_or_default().to_owned(),
        hosted_zone_id: balancer.canonical_hosted_zone_id().unwrap_or_default().into(),
        full_name: arn.split_once("loadbalancer/").map_or(arn, |(_, name)| name).to_owned(),
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::LoadBalancer>>> {
    let load = async {
        let pages = cx.elb.describe_load_balancers().into_paginator();
        Ok(pages.items().send().try_collect().await?)
    };
    cx.inventory.once("elb.load_balancers", load).await
}

async fn attributes(cx: &Cx, arn: &str) -> Result<HashMap<String, String>> {
    let answer = cx.elb.describe_load_balancer_attributes().load_balancer_arn(arn).send().await?;
    let attributes = answer.attributes.unwrap_or_default().into_iter();
    Ok(attributes.map(|attribute| (attribute.key.unwrap_or_default(), attribute.value.unwrap_or_default())).collect())
}

async fn is_active(cx: &Cx, arn: &str) -> Result<Option<()>> {
    let answer = cx.elb.describe_load_balancers().load_balancer_arns(arn).send().await?;
    let state = answer.load_balancers().first().and_then(|balancer| balancer.state());
    match state.and_then(|state| state.code()) {
        Some(State::Active | State::ActiveImpaired) => Ok(Some(())),
        Some(State::Failed) => {
            let reason = state.and_then(|state| state.reason()).unwrap_or("AWS gives no reason");
            Err(Error::local(format!("AWS couldn't create the load balancer: {reason}")))
        }
        _ => Ok(None),
    }
}
