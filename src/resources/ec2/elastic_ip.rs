use aws_sdk_ec2::types::{self, DomainType, ResourceType};

use super::blockers::{self, Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification, without_retries};
use super::locate::locate;
use crate::resources::prelude::*;

/// A public IPv4 address of Amazon's pool, for use in a VPC. It has no settings.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticIp {}

/// The outputs of an elastic IP.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ElasticIpOutputs {
    /// The allocation of its address.
    pub allocation_id: AllocationId,
    /// The address.
    pub public_ip: String,
}

impl Resource for ElasticIp {
    const TYPE: TypeInfo = TypeInfo::new(
        "ec2.elastic_ip",
        seconds(2),
        blockers::actions![
            "ec2:DescribeAddresses",
            "ec2:AllocateAddress",
            "ec2:ReleaseAddress",
            "ec2:CreateTags",
            "ec2:DeleteTags"
        ],
    );

    type Outputs = ElasticIpOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ElasticIpOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.allocation_id);
        let Some(address) = locate::<types::Address>(cx, known).await? else { return Ok(None) };
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
            Ok(request.customize().config_override(without_retries()).send().await?)
        };
        let answer = retry_until_consistent(cx, allocate).await?;
        let id = answer.allocation_id.ok_or(Error::incomplete("ec2:AllocateAddress", "AllocationId"))?;
        Ok(ElasticIpOutputs { allocation_id: id.into(), public_ip: answer.public_ip.unwrap_or_default() })
    }

    async fn tag(cx: &Cx, outputs: &ElasticIpOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.allocation_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ElasticIpOutputs) -> Result<()> {
        let id = &*outputs.allocation_id;
        let release = || async { Ok(cx.ec2.release_address().allocation_id(id).send().await.map(|_| ())?) };
        delete_unblocked(cx, Blocked::Address(id), release).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some("public IPv4 address, about $0.005/h".to_owned())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html>
    fn cloudformation(&self) -> Form {
        let form = Form::resource("AWS::EC2::EIP", properties!(self, ElasticIp { "Domain": "vpc" }));
        form.output("allocation_id", Form::attribute("AllocationId")).output("public_ip", Form::attribute("PublicIp"))
    }
}
