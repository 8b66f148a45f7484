use aws_sdk_route53::types::{self, HealthCheckConfig, HealthCheckType, TagResourceType};

use super::{home, tags_of};
use crate::resources::prelude::*;
use crate::resources::tags::are_of_step;

/// A health check over HTTPS from several regions of the world. It doesn't verify the certificate.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The host name of the requests.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path of the requests. A status from 200 to 399 is healthy.
    pub path: String,
    /// The time between two requests of a region: 10 or 30 s.
    pub interval_seconds: u32,
    /// How many results in a row change the status, 1 to 10.
    pub threshold: u32,
}

/// The outputs of a health check.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HealthCheckOutputs {
    /// The dimension `HealthCheckId` of its metrics, which are in us-east-1.
    pub health_check_id: HealthCheckId,
}

impl HealthCheck {
    /// A health check on port 443 with AWS's defaults: every 30 s, three results change the status.
    pub fn new(host: impl Into<String>, path: impl Into<String>) -> Self {
        HealthCheck { host: host.into(), port: 443, path: path.into(), interval_seconds: 30, threshold: 3 }
    }
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
                    // The run that created it may have died before it set the tags.
                    let is_intended = cx.is_intended_by(check.caller_reference());
                    if !is_intended && !self.may_be(check) {
                        continue;
                    }
                    let tags = tags(check.id.clone()).await?;
                    if is_intended || are_of_step(cx, &tags) {
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
            // Host names are case-insensitive.
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
        let config = config.map_err(|e| Error::local(format!("invalid health check: {e}")))?;
        // The caller reference makes the call idempotent.
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
        let config = properties!(self, HealthCheck {
            "Type": "HTTPS",
            "EnableSNI": true,
            host => "FullyQualifiedDomainName",
            port => "Port",
            path => "ResourcePath",
            interval_seconds => "RequestInterval",
            threshold => "FailureThreshold",
        });
        Form::resource("AWS::Route53::HealthCheck", json!({"HealthCheckConfig": config}))
            .tagged(Tagging::List("HealthCheckTags"))
            .output("health_check_id", Form::reference())
    }
}

impl HealthCheck {
    /// True if it has the same path and port: only then its tags are read.
    fn may_be(&self, check: &types::HealthCheck) -> bool {
        let config = check.health_check_config();
        config
            .is_some_and(|config| config.resource_path() == Some(&self.path) && config.port() == Some(self.port.into()))
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::HealthCheck>>> {
    let load = async {
        let pages = cx.route53.list_health_checks().into_paginator();
        Ok(pages.items().send().try_collect().await?)
    };
    home(cx).inventory.once("route53.health_checks", load).await
}
