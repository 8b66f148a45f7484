use aws_sdk_acm::types::CertificateStatus as Status;

use super::{describe, detail};
use crate::resources::prelude::*;

/// The validation of a requested certificate: complete once AWS has found the validation record and issued the certificate.
/// Take the ARN of a usable certificate from its outputs.
/// <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateValidation {
    /// The requested certificate.
    pub certificate: CertificateArn,
}

/// The outputs of a validation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateValidationOutputs {
    /// The ARN of the issued certificate.
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
                    let message = format!("AWS refuses to issue the certificate: {status}, reason: {reason}");
                    Err(Error::local(message).with_help(
                        "check that the domain's registrar has the name servers of the zone, and that no CAA record \
                         excludes Amazon; the next apply requests a new certificate",
                    ))
                }
            }
        };
        let what = "AWS to find the validation record and issue the certificate (the domain's registrar must have the \
                    name servers of the zone)";
        cx.wait_until(what, Patience::LONG, issued).await?;
        Ok(CertificateValidationOutputs { arn: self.certificate.clone() })
    }

    /// It is nothing of its own in AWS.
    async fn delete(_cx: &Cx, _outputs: &CertificateValidationOutputs) -> Result<()> {
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html>
    fn cloudformation(&self) -> Form {
        let CertificateValidation { certificate } = self;
        Form::unsupported("CloudFormation waits for the validation when it creates the certificate")
            .output("arn", &**certificate)
    }
}
