use aws_sdk_route53::types::{self, HostedZoneConfig, RrType, TagResourceType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::record_set::{self, normal};
use super::tags_of;
use crate::aws::wait::ignore_not_found;
use crate::aws::{Class, Cx, Error, Result};
use crate::cloudformation::{Form, Tagging};
use crate::engine::Tags;
use crate::resources::ids::HostedZoneId;
use crate::resources::tags::are_of_step;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A public hosted zone.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostedZone {
    /// The domain, without a dot at the end.
    pub name: String,
    /// What it is for, up to 256 characters.
    pub comment: String,
}

/// What a hosted zone gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostedZoneOutputs {
    /// The hosted zone.
    pub hosted_zone_id: HostedZoneId,
    /// Its name.
    pub name: String,
    /// What the domain's registrar must name, joined by commas.
    pub name_servers: String,
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
            // Only a zone of the same caller reference counts as there already: an earlier try made it and died before it
            // could set the tags.
            Err(error) if error.class == Class::AlreadyExists => self.of_an_earlier_try(cx).await?.ok_or(error)?,
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
        let own = |set: &types::ResourceRecordSet| {
            normal(set.name()) == normal(&outputs.name) && matches!(set.r#type(), RrType::Ns | RrType::Soa)
        };
        let foreign: Vec<_> =
            sets.iter().filter(|set| !own(set)).map(|set| format!("{} {}", set.r#type(), normal(set.name()))).collect();
        if !foreign.is_empty() {
            let message = format!("the hosted zone {} holds records of others: {}", outputs.name, foreign.join(", "));
            return Err(
                Error::local(message).with_help("delete them if nobody needs them, then run the same command again")
            );
        }
        let delete = || async { Ok(cx.route53.delete_hosted_zone().id(&**id).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("Route 53 to finish another change", delete).await)?;
        Ok(())
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("$0.50 a month".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-hostedzone.html>
    fn cloudformation(&self) -> Form {
        let HostedZone { name, comment } = self;
        Form::resource("AWS::Route53::HostedZone", json!({"Name": name, "HostedZoneConfig": {"Comment": comment}}))
            .tagged(Tagging::List("HostedZoneTags"))
            .output("hosted_zone_id", Form::reference())
            .output("name", name)
            .output("name_servers", Form::joined_attribute("NameServers", ", "))
    }
}

impl HostedZone {
    /// Zones may have the same name: ours has our tags, or the token of the run that announced it.
    async fn find(&self, cx: &Cx) -> Result<Option<String>> {
        let zones = self.of_the_name(cx).await?;
        if let Some(zone) = zones.iter().find(|zone| cx.is_intended_by(zone.caller_reference())) {
            // Its run died before it could tag it.
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

    async fn of_an_earlier_try(&self, cx: &Cx) -> Result<Option<HostedZoneOutputs>> {
        let zones = self.of_the_name(cx).await?;
        let Some(zone) = zones.iter().find(|zone| cx.is_intended_by(zone.caller_reference())) else { return Ok(None) };
        let answer = cx.route53.get_hosted_zone().id(id(zone)).send().await?;
        Ok(Some(outputs(zone, answer.delegation_set.as_ref())))
    }

    async fn of_the_name(&self, cx: &Cx) -> Result<Vec<types::HostedZone>> {
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
