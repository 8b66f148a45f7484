use aws_sdk_route53::types::{self, HostedZoneConfig, RrType, TagResourceType};

use super::record_set::{self, normal};
use super::tags_of;
use crate::resources::prelude::*;
use crate::resources::tags::are_of_step;

/// A public hosted zone.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostedZone {
    /// The domain, without a dot at the end.
    pub name: String,
    /// Its purpose, up to 256 characters.
    pub comment: String,
}

/// The outputs of a hosted zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostedZoneOutputs {
    /// The hosted zone.
    pub hosted_zone_id: HostedZoneId,
    /// Its name.
    pub name: String,
    /// The name servers to configure at the domain's registrar, separated by commas.
    pub name_servers: String,
}

impl HostedZone {
    /// A hosted zone without a comment.
    pub fn new(name: impl Into<String>) -> Self {
        HostedZone { name: name.into(), comment: String::new() }
    }
}

impl Resource for HostedZone {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        global: true,
        no_tag_on_create: true,
        serves_traffic: true,
        ..TypeInfo::new(
            "route53.hosted_zone",
            seconds(30),
            &[
                "route53:ListHostedZonesByName",
                "route53:GetHostedZone",
                "route53:ListTagsForResources",
                "route53:ListResourceRecordSets",
                "route53:CreateHostedZone",
                "route53:UpdateHostedZoneComment",
                "route53:ChangeTagsForResource",
                "route53:DeleteHostedZone",
            ],
        )
    };

    type Outputs = HostedZoneOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&HostedZoneOutputs>) -> Result<Option<Found<Self>>> {
        let id = match known {
            Some(known) => known.hosted_zone_id.to_string(),
            None => match self.find(cx).await? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let read = async { Ok(cx.route53.get_hosted_zone().id(&id).send().await?) };
        let Some(answer) = ignore_not_found(read.await)? else { return Ok(None) };
        let zone = answer.hosted_zone.ok_or(Error::incomplete("route53:GetHostedZone", "HostedZone"))?;
        let outputs = outputs(&zone, answer.delegation_set.as_ref());
        let tags = tags_of(cx, TagResourceType::Hostedzone, &id, &[]).await?;
        let comment = zone.config().and_then(|config| config.comment()).unwrap_or_default().to_owned();
        let live = Some(format!("name servers: {}", outputs.name_servers));
        let spec = HostedZone { name: outputs.name.clone(), comment };
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<HostedZoneOutputs> {
        let config = HostedZoneConfig::builder().comment(&self.comment).build();
        let request = cx.route53.create_hosted_zone().name(&self.name).caller_reference(&cx.token);
        let outputs = match request.hosted_zone_config(config).send().await.map_err(Error::from) {
            Ok(answer) => {
                let zone = answer.hosted_zone.ok_or(Error::incomplete("route53:CreateHostedZone", "HostedZone"))?;
                outputs(&zone, answer.delegation_set.as_ref())
            }
            // The caller reference exists: an earlier attempt created the zone and died before it set the tags.
            Err(error) if error.class == Class::AlreadyExists => self.find_intended(cx).await?.ok_or(error)?,
            Err(error) => return Err(error),
        };
        super::tag(cx, TagResourceType::Hostedzone, &outputs.hosted_zone_id, &cx.tags, &[]).await?;
        Ok(outputs)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<HostedZoneOutputs> {
        let request = cx.route53.update_hosted_zone_comment().id(&*found.outputs.hosted_zone_id);
        request.comment(&self.comment).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &HostedZoneOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, TagResourceType::Hostedzone, &outputs.hosted_zone_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &HostedZoneOutputs) -> Result<()> {
        let id = &outputs.hosted_zone_id;
        let Some(sets) = ignore_not_found(record_set::list(&cx.route53, id).await)? else { return Ok(()) };
        let is_default = |set: &types::ResourceRecordSet| {
            normal(set.name()) == normal(&outputs.name) && matches!(set.r#type(), RrType::Ns | RrType::Soa)
        };
        let unmanaged: Vec<_> = sets
            .iter()
            .filter(|set| !is_default(set))
            .map(|set| format!("{} {}", set.r#type(), normal(set.name())))
            .collect();
        if !unmanaged.is_empty() {
            let message = format!(
                "can't delete the hosted zone {}: it has unmanaged records: {}",
                outputs.name,
                unmanaged.join(", ")
            );
            return Err(
                Error::local(message).with_help("delete them if they aren't needed, then run the same command again")
            );
        }
        let delete = || async { Ok(cx.route53.delete_hosted_zone().id(&**id).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("Route 53 to complete another change", delete).await)?;
        Ok(())
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("$0.50 a month".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-hostedzone.html>
    fn cloudformation(&self) -> Form {
        let zone = properties!(self, HostedZone {
            name => "Name",
            comment => "HostedZoneConfig": json!({"Comment": comment}),
        });
        Form::resource("AWS::Route53::HostedZone", zone)
            .tagged(Tagging::List("HostedZoneTags"))
            .output("hosted_zone_id", Form::reference())
            .output("name", &self.name)
            .output("name_servers", Form::joined_attribute("NameServers", ", "))
    }
}

impl HostedZone {
    /// The zone with the tags of the step, or with the token of its intent: several zones can have the same name.
    async fn find(&self, cx: &Cx) -> Result<Option<String>> {
        let zones = self.with_the_name(cx).await?;
        if let Some(zone) = zones.iter().find(|zone| cx.is_intended_by(zone.caller_reference())) {
            // The run that created it died before it set the tags.
            return Ok(Some(id(zone).to_owned()));
        }
        let ids: Vec<_> = zones.iter().map(|zone| id(zone).to_owned()).collect();
        for id in &ids {
            let tags = tags_of(cx, TagResourceType::Hostedzone, id, &ids).await?;
            if are_of_step(cx, &tags) {
                return Ok(Some(id.clone()));
            }
        }
        Ok(None)
    }

    async fn find_intended(&self, cx: &Cx) -> Result<Option<HostedZoneOutputs>> {
        let zones = self.with_the_name(cx).await?;
        let Some(zone) = zones.iter().find(|zone| cx.is_intended_by(zone.caller_reference())) else { return Ok(None) };
        let answer = cx.route53.get_hosted_zone().id(id(zone)).send().await?;
        Ok(Some(outputs(zone, answer.delegation_set.as_ref())))
    }

    async fn with_the_name(&self, cx: &Cx) -> Result<Vec<types::HostedZone>> {
        let answer = cx.route53.list_hosted_zones_by_name().dns_name(&self.name).send().await?;
        let zones = answer.hosted_zones.into_iter();
        Ok(zones.filter(|zone| normal(zone.name()) == normal(&self.name)).collect())
    }
}

fn id(zone: &types::HostedZone) -> &str {
    zone.id().trim_start_matches("/hostedzone/")
}

fn outputs(zone: &types::HostedZone, delegation: Option<&types::DelegationSet>) -> HostedZoneOutputs {
    HostedZoneOutputs {
        hosted_zone_id: id(zone).into(),
        name: normal(zone.name()),
        name_servers: delegation.map(|set| set.name_servers().join(", ")).unwrap_or_default(),
    }
}
