use std::sync::Arc;

use aws_sdk_route53::types::{self, HealthCheckConfig, HealthCheckType, TagResourceType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{home, tags_of};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::{Form, Tagging};
use crate::engine::Tags;
use crate::resources::ids::HealthCheckId;
use crate::resources::tags::are_of_step;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A health check over HTTPS, from many places in the world. The certificate isn't verified.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The host name that is asked, and named in the request.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is asked for: healthy is a status from 200 to 399.
    pub path: String,
    /// How often each place asks: 10 or 30 s.
    pub interval_seconds: u32,
    /// How many answers in a row turn the verdict, 1 to 10.
    pub threshold: u32,
}

/// What a health check gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthCheckOutputs {
    /// The dimension `HealthCheckId` of its metrics, which are in us-east-1.
    pub health_check_id: HealthCheckId,
}

impl Resource for HealthCheck {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["interval_seconds"],
        create_before_destroy: true,
        global: true,
        no_tag_on_create: true,
        ..TypeInfo::new(
            "route53.health_check",
            seconds(3),
            &[
                "route53:ListHealthChecks",
                "route53:ListTagsForResources",
                "route53:CreateHealthCheck",
                "route53:UpdateHealthCheck",
                "route53:ChangeTagsForResource",
                "route53:DeleteHealthCheck",
            ],
        )
    };

    type Outputs = HealthCheckOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&HealthCheckOutputs>) -> Result<Option<Found<Self>>> {
        let all = all(cx).await?;
        let ids: Vec<_> = all.iter().map(|check| check.id.clone()).collect();
        let tags = |id: String| {
            let ids = &ids;
            async move { tags_of(cx, TagResourceType::Healthcheck, &id, ids).await }
        };
        let mut found = None;
        match known {
            Some(known) => {
                if let Some(check) = all.iter().find(|check| check.id() == &*known.health_check_id) {
                    found = Some((check, tags(check.id.clone()).await?));
                }
            }
            None => {
                for check in all.iter().filter(|check| !cx.is_predecessor(&check.id)) {
                    // Its run may have died before it could tag it.
                    let intended = cx.is_intended_by(check.caller_reference());
                    if !intended && !self.may_be(check) {
                        continue;
                    }
                    let tags = tags(check.id.clone()).await?;
                    if intended || are_of_step(cx, &tags) {
                        found = Some((check, tags));
                        break;
                    }
                }
            }
        }
        let Some((check, tags)) = found else { return Ok(None) };
        let number = |n: Option<i32>| u32::try_from(n.unwrap_or_default()).unwrap_or_default();
        let config =
            check.health_check_config().ok_or(Error::incomplete("route53:ListHealthChecks", "HealthCheckConfig"))?;
        let host = config.fully_qualified_domain_name().unwrap_or_default();
        let spec = HealthCheck {
            // Names of hosts are the same in either case.
            host: if host.eq_ignore_ascii_case(&self.host) { self.host.clone() } else { host.to_owned() },
            port: u16::try_from(config.port().unwrap_or_default()).unwrap_or_default(),
            path: config.resource_path().unwrap_or_default().to_owned(),
            interval_seconds: number(config.request_interval()),
            threshold: number(config.failure_threshold()),
        };
        let outputs = HealthCheckOutputs { health_check_id: check.id().into() };
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<HealthCheckOutputs> {
        let config = HealthCheckConfig::builder().r#type(HealthCheckType::Https).enable_sni(true);
        let config = config.fully_qualified_domain_name(&self.host).port(self.port.into()).resource_path(&self.path);
        let config = config.request_interval(self.interval_seconds.cast_signed());
        let config = config.failure_threshold(self.threshold.cast_signed()).build();
        let config = config.map_err(|e| Error::local(format!("a health check's settings: {e}")))?;
        // The same reference with the same settings gives the same health check, if an earlier try has made it.
        let request = cx.route53.create_health_check().caller_reference(&cx.token).health_check_config(config);
        let answer = request.send().await?;
        let check = answer.health_check.ok_or(Error::incomplete("route53:CreateHealthCheck", "HealthCheck"))?;
        super::tag(cx, TagResourceType::Healthcheck, &check.id, &cx.tags, &[]).await?;
        Ok(HealthCheckOutputs { health_check_id: check.id.into() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<HealthCheckOutputs> {
        let request = cx.route53.update_health_check().health_check_id(&*found.outputs.health_check_id);
        let request = request.fully_qualified_domain_name(&self.host).port(self.port.into());
        request.resource_path(&self.path).failure_threshold(self.threshold.cast_signed()).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &HealthCheckOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, TagResourceType::Healthcheck, &outputs.health_check_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &HealthCheckOutputs) -> Result<()> {
        let id = &*outputs.health_check_id;
        let delete = async { Ok(cx.route53.delete_health_check().health_check_id(id).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    fn hourly_charge(&self) -> Option<String> {
        let fast = if self.interval_seconds < 30 { 1.0 } else { 0.0 };
        Some(format!("${:.2} a month", 1.5 + fast))
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-healthcheck.html>
    fn cloudformation(&self) -> Form {
        let HealthCheck { host, port, path, interval_seconds, threshold } = self;
        let config = json!({
            "Type": "HTTPS",
            "EnableSNI": true,
            "FullyQualifiedDomainName": host,
            "Port": port,
            "ResourcePath": path,
            "RequestInterval": interval_seconds,
            "FailureThreshold": threshold,
        });
        Form::resource("AWS::Route53::HealthCheck", json!({"HealthCheckConfig": config}))
            .tagged(Tagging::List("HealthCheckTags"))
            .output("health_check_id", Form::reference())
    }
}

impl HealthCheck {
    /// Looked at by its tags only if it asks the same.
    fn may_be(&self, check: &types::HealthCheck) -> bool {
        let config = check.health_check_config();
        config
            .is_some_and(|config| config.resource_path() == Some(&self.path) && config.port() == Some(self.port.into()))
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::HealthCheck>>> {
    let load = async {
        let mut pages = cx.route53.list_health_checks().into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(check) = pages.next().await {
            all.push(check?);
        }
        Ok(all)
    };
    home(cx).inventory.once("route53.health_checks", load).await
}
