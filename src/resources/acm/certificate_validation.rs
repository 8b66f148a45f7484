use aws_sdk_acm::types::CertificateStatus as Status;
use serde::{Deserialize, Serialize};

use super::{describe, detail};
use crate::aws::wait::Patience;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::Form;
use crate::resources::ids::CertificateArn;
use crate::resources::{Changes, Found, Resource, TypeInfo, minutes};

/// The issue of a requested certificate: it stands once AWS has seen the validation record. What needs a certificate that
/// works takes its ARN from here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateValidation {
    /// The requested certificate.
    pub certificate: CertificateArn,
}

/// A certificate that works.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateValidationOutputs {
    /// Its ARN.
    pub arn: CertificateArn,
}

impl Resource for CertificateValidation {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["certificate"],
        create_before_destroy: true,
        ..TypeInfo::new("acm.certificate_validation", minutes(3), &["acm:DescribeCertificate"])
    };

    type Outputs = CertificateValidationOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&CertificateValidationOutputs>) -> Result<Option<Found<Self>>> {
        let arn = known.map_or(&self.certificate, |known| &known.arn);
        if !arn.is_known() {
            return Ok(None);
        }
        let issued = detail(cx, arn).await?.filter(|detail| detail.status() == Some(&Status::Issued));
        Ok(issued.map(|_| {
            let spec = CertificateValidation { certificate: arn.clone() };
            Found::child(spec, CertificateValidationOutputs { arn: arn.clone() })
        }))
    }

    async fn create(&self, cx: &Cx) -> Result<CertificateValidationOutputs> {
        let issued = || async {
            let Some(detail) = describe(cx, &self.certificate).await? else {
                return Err(Error::local("the certificate was deleted while it was being validated"));
            };
            match detail.status() {
                Some(Status::Issued) => Ok(Some(())),
                Some(Status::PendingValidation) | None => Ok(None),
                Some(status) => {
                    let reason = detail.failure_reason().map_or("none given", |reason| reason.as_str());
                    let message = format!("AWS doesn't issue the certificate: {status}, reason: {reason}");
                    Err(Error::local(message).with_help(
                        "see that the zone's name servers are those that the domain's registrar names, and that no CAA record \
                         forbids Amazon; the next apply requests a new certificate",
                    ))
                }
            }
        };
        let what = "AWS to see the validation record and issue the certificate (the domain's registrar must name the \
                    zone's name servers)";
        cx.wait_until(what, Patience::LONG, issued).await?;
        Ok(CertificateValidationOutputs { arn: self.certificate.clone() })
    }

    async fn update(&self, _cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<CertificateValidationOutputs> {
        Ok(found.outputs.clone())
    }

    /// Nothing stands for it in AWS but the certificate itself.
    async fn delete(_cx: &Cx, _outputs: &CertificateValidationOutputs) -> Result<()> {
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html>
    fn cloudformation(&self) -> Form {
        let CertificateValidation { certificate } = self;
        Form::unsupported("CloudFormation waits until the certificate is issued when it makes the certificate")
            .output("arn", &**certificate)
    }
}
