use aws_sdk_ec2::types::{self, ResourceType};

use super::blockers::{self, Blocked, delete_unblocked};
use super::calls::{from_sdk, retry_until_consistent, tag_specification, without_retries};
use super::lists::Item;
use super::locate::{is_known, locate};
use crate::resources::prelude::*;

/// An internet gateway, attached to a VPC.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC. It can have one internet gateway.
    pub vpc_id: VpcId,
    /// Attached to the VPC: always true in a desired spec.
    attached: bool,
}

/// The outputs of an internet gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetGatewayOutputs {
    /// The internet gateway.
    pub internet_gateway_id: InternetGatewayId,
    /// The VPC.
    pub vpc_id: VpcId,
}

impl InternetGateway {
    /// An internet gateway that is attached to the VPC.
    pub fn of(vpc_id: &VpcId) -> Self {
        InternetGateway { vpc_id: vpc_id.clone(), attached: true }
    }

    async fn attach(&self, cx: &Cx, id: &str) -> Result<()> {
        let attach = || async {
            let request = cx.ec2.attach_internet_gateway().internet_gateway_id(id).vpc_id(&*self.vpc_id);
            Ok(request.send().await.map(|_| ())?)
        };
        retry_until_consistent(cx, attach).await
    }
}

impl Resource for InternetGateway {
    const TYPE: TypeInfo = TypeInfo {
        // AWS could attach it to another VPC, but the replacement of a VPC waits until its gateway is deleted.
        force_new: &["vpc_id"],
        serves_traffic: true,
        blocks_deletion_of: &["ec2.vpc"],
        ..TypeInfo::new(
            "ec2.internet_gateway",
            seconds(5),
            blockers::actions![
                "ec2:DescribeInternetGateways",
                "ec2:CreateInternetGateway",
                "ec2:AttachInternetGateway",
                "ec2:DetachInternetGateway",
                "ec2:DeleteInternetGateway",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
        )
    };

    type Outputs = InternetGatewayOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&InternetGatewayOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.internet_gateway_id);
        let Some(gateway) = locate::<types::InternetGateway>(cx, known).await? else { return Ok(None) };
        let attached_to = gateway.attachments().iter().find_map(|attachment| attachment.vpc_id());
        let spec = InternetGateway {
            vpc_id: attached_to.map_or_else(|| self.vpc_id.clone(), Into::into),
            attached: attached_to.is_some(),
        };
        let outputs = InternetGatewayOutputs { internet_gateway_id: gateway.id().into(), vpc_id: spec.vpc_id.clone() };
        Ok(Some(Found::tagged(spec, outputs, from_sdk(gateway.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<InternetGatewayOutputs> {
        let create = || async {
            let tags = tag_specification(cx, ResourceType::InternetGateway);
            let request = cx.ec2.create_internet_gateway().tag_specifications(tags);
            Ok(request.customize().config_override(without_retries()).send().await?)
        };
        let answer = retry_until_consistent(cx, create).await?;
        let id = answer.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
        let id = id.ok_or(Error::incomplete("ec2:CreateInternetGateway", "InternetGatewayId"))?;
        self.attach(cx, &id).await?;
        Ok(InternetGatewayOutputs { internet_gateway_id: id.into(), vpc_id: self.vpc_id.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<InternetGatewayOutputs> {
        self.attach(cx, &found.outputs.internet_gateway_id).await?;
        Ok(InternetGatewayOutputs { vpc_id: self.vpc_id.clone(), ..found.outputs.clone() })
    }

    async fn tag(cx: &Cx, outputs: &InternetGatewayOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.internet_gateway_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &InternetGatewayOutputs) -> Result<()> {
        let id = &*outputs.internet_gateway_id;
        if is_known(&outputs.vpc_id) {
            let detach = || async {
                let request = cx.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(&*outputs.vpc_id);
                match request.send().await.map_err(Error::from) {
                    Err(error) if !error.is_code("Gateway.NotAttached") => Err(error),
                    _ => Ok(()),
                }
            };
            delete_unblocked(cx, Blocked::InternetGateway { id, vpc: &outputs.vpc_id }, detach).await?;
        }
        let delete =
            || async { Ok(cx.ec2.delete_internet_gateway().internet_gateway_id(id).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("the internet gateway to be detached", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-internetgateway.html>
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcgatewayattachment.html>
    fn cloudformation(&self) -> Form {
        let InternetGateway { vpc_id, attached } = self;
        let form = Form::resource("AWS::EC2::InternetGateway", json!({}));
        let form = form.output("internet_gateway_id", Form::reference()).output("vpc_id", &**vpc_id);
        if !attached {
            return form;
        }
        let attachment = json!({"InternetGatewayId": Form::reference(), "VpcId": vpc_id});
        form.with_resource("Attachment", "AWS::EC2::VPCGatewayAttachment", attachment)
    }
}
