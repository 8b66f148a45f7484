use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::{LoadBalancerArn, WebAclArn};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A web ACL in front of a load balancer, which can have one only.
/// <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebAclAssociation {
    /// The load balancer.
    pub load_balancer: LoadBalancerArn,
    /// The web ACL.
    pub web_acl: WebAclArn,
}

/// Which association it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WebAclAssociationOutputs {
    /// The load balancer.
    pub load_balancer: LoadBalancerArn,
}

impl Resource for WebAclAssociation {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["load_balancer"],
        blocks_deletion_of: &["waf.web_acl"],
        ..TypeInfo::new(
            "waf.web_acl_association",
            seconds(20),
            &[
                "wafv2:GetWebACLForResource",
                "wafv2:AssociateWebACL",
                "wafv2:DisassociateWebACL",
                "elasticloadbalancing:SetWebAcl",
            ],
        )
    };

    type Outputs = WebAclAssociationOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&WebAclAssociationOutputs>) -> Result<Option<Found<Self>>> {
        let load_balancer = known.map_or(&self.load_balancer, |known| &known.load_balancer);
        if !load_balancer.is_known() {
            return Ok(None);
        }
        let read = async { Ok(cx.waf.get_web_acl_for_resource().resource_arn(&**load_balancer).send().await?.web_acl) };
        let Some(acl) = ignore_not_found(read.await)?.flatten() else { return Ok(None) };
        let spec = WebAclAssociation { load_balancer: load_balancer.clone(), web_acl: acl.arn().into() };
        Ok(Some(Found::child(spec, WebAclAssociationOutputs { load_balancer: load_balancer.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<WebAclAssociationOutputs> {
        let associate = || async {
            let request = cx.waf.associate_web_acl().resource_arn(&*self.load_balancer);
            Ok(request.web_acl_arn(&*self.web_acl).send().await.map(|_| ())?)
        };
        cx.retry_while_retryable("WAF to see the web ACL and the load balancer", associate).await?;
        Ok(WebAclAssociationOutputs { load_balancer: self.load_balancer.clone() })
    }

    /// AWS puts the new web ACL in place of the old one.
    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<WebAclAssociationOutputs> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx, outputs: &WebAclAssociationOutputs) -> Result<()> {
        let disassociate = || async {
            let request = cx.waf.disassociate_web_acl().resource_arn(&*outputs.load_balancer);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("WAF to finish another change", disassociate).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webaclassociation.html>
    fn cloudformation(&self) -> Form {
        let WebAclAssociation { load_balancer, web_acl } = self;
        Form::resource("AWS::WAFv2::WebACLAssociation", json!({"ResourceArn": load_balancer, "WebACLArn": web_acl}))
            .tagged(Tagging::None)
            .output("load_balancer", &**load_balancer)
    }
}
