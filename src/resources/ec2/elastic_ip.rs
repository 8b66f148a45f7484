use aws_sdk_ec2::types::{self, DomainType, Filter, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::blockers::{self, Held, delete_when_free};
use super::{from_sdk, item, locate, make, sent_once, tag_specification};
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::engine::Tags;
use crate::resources::ids::AllocationId;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A public IPv4 address of Amazon's, for use in a VPC. There is nothing to choose.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticIp {}

/// What an elastic IP gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticIpOutputs {
    /// The allocation of its address.
    pub allocation_id: AllocationId,
    /// The address.
    pub public_ip: String,
}

item!(types::Address, allocation_id);

impl Resource for ElasticIp {
    const TYPE: TypeInfo = TypeInfo {
        ..TypeInfo::new(
            "ec2.elastic_ip",
            seconds(2),
            blockers::actions![
                "ec2:DescribeAddresses",
                "ec2:AllocateAddress",
                "ec2:ReleaseAddress",
                "ec2:CreateTags",
                "ec2:DeleteTags"
            ],
        )
    };

    type Outputs = ElasticIpOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ElasticIpOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.allocation_id);
        let address = locate(cx, "allocation-id", known, |filters| list(cx, filters)).await?;
        let Some(address) = address else { return Ok(None) };
        let outputs = ElasticIpOutputs {
            allocation_id: address.allocation_id().unwrap_or_default().into(),
            public_ip: address.public_ip().unwrap_or_default().to_owned(),
        };
        Ok(Some(Found::tagged(ElasticIp {}, outputs, from_sdk(address.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<ElasticIpOutputs> {
        let allocate = || async {
            let request = cx.ec2.allocate_address().domain(DomainType::Vpc);
            let request = request.tag_specifications(tag_specification(cx, ResourceType::ElasticIp));
            Ok(request.customize().config_override(sent_once()).send().await?)
        };
        let answer = make(cx, allocate).await?;
        let id = answer.allocation_id.ok_or(Error::incomplete("ec2:AllocateAddress", "AllocationId"))?;
        Ok(ElasticIpOutputs { allocation_id: id.into(), public_ip: answer.public_ip.unwrap_or_default() })
    }

    async fn update(&self, _cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<ElasticIpOutputs> {
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &ElasticIpOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.allocation_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ElasticIpOutputs) -> Result<()> {
        let id = &*outputs.allocation_id;
        let release = || async { Ok(cx.ec2.release_address().allocation_id(id).send().await.map(|_| ())?) };
        delete_when_free(cx, Held::Address(id), release).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("public IPv4 address, about $0.005/h".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html>
    fn cloudformation(&self) -> Form {
        let ElasticIp {} = self;
        let form = Form::of("AWS::EC2::EIP", json!({"Domain": "vpc"}));
        form.gives("allocation_id", Form::attribute("AllocationId")).gives("public_ip", Form::attribute("PublicIp"))
    }
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::Address>> {
    Ok(cx.ec2.describe_addresses().set_filters(Some(filters)).send().await?.addresses.unwrap_or_default())
}
