use aws_sdk_acm::types::{CertificateDetail, CertificateStatus as Status, ResourceRecord, ValidationMethod};

use super::{describe, find, to_sdk};
use crate::resources::prelude::*;

/// A public certificate for a domain and the names directly below it, requested from AWS and validated by a DNS record. AWS
/// issues it some time after that record is created: see [`super::CertificateValidation`]. AWS renews it automatically while
/// the record exists.
/// <https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// The domain, up to 64 characters. The certificate is valid for `*.domain` too; one record validates both.
    pub domain: String,
}

/// The outputs of a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateOutputs {
    /// Its ARN.
    pub arn: CertificateArn,
    /// The name of the CNAME record that proves control of the domain.
    pub validation_name: String,
    /// The value of that record.
    pub validation_value: String,
}

impl Resource for Certificate {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["domain"],
        create_before_destroy: true,
        ..TypeInfo::new(
            "acm.certificate",
            seconds(10),
            &[
                "acm:ListCertificates",
                "acm:DescribeCertificate",
                "acm:ListTagsForCertificate",
                "acm:RequestCertificate",
                "acm:AddTagsToCertificate",
                "acm:RemoveTagsFromCertificate",
                "acm:DeleteCertificate",
            ],
        )
    };

    type Outputs = CertificateOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&CertificateOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.arn);
        let Some((detail, tags)) = find(cx, known, &self.domain).await? else { return Ok(None) };
        let domain = detail.domain_name().unwrap_or_default();
        // A failed request (for example not validated within 72 hours) can't be repaired: a domain that differs from the spec
        // makes the engine replace it.
        let domain = match detail.status() {
            Some(Status::Issued | Status::PendingValidation) | None => domain.to_owned(),
            Some(status) => format!("{domain} ({status})"),
        };
        let (name, value) = record(&detail).map_or_else(Default::default, |record| (record.name, record.value));
        let outputs = CertificateOutputs {
            arn: detail.certificate_arn().unwrap_or_default().into(),
            validation_name: name,
            validation_value: value,
        };
        let live = detail.status().map(|status| status.as_str().to_owned());
        Ok(Some(Found { live, ..Found::tagged(Certificate { domain }, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<CertificateOutputs> {
        let request = cx.acm.request_certificate().domain_name(&self.domain);
        let request = request.subject_alternative_names(format!("*.{}", self.domain));
        let request = request.validation_method(ValidationMethod::Dns).idempotency_token(&cx.token);
        let answer = request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        let arn = answer.certificate_arn.ok_or(Error::incomplete("acm:RequestCertificate", "CertificateArn"))?;
        let ResourceRecord { name, value, .. } = cx
            .wait_until("AWS to name the record that validates the certificate", Patience::SHORT, || async {
                Ok(describe(cx, &arn).await?.as_ref().and_then(record))
            })
            .await?;
        Ok(CertificateOutputs { arn: arn.into(), validation_name: name, validation_value: value })
    }

    async fn tag(cx: &Cx, outputs: &CertificateOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &CertificateOutputs) -> Result<()> {
        super::delete(cx, &outputs.arn).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html>
    fn cloudformation(&self) -> Form {
        let certificate = properties!(self, Certificate {
            domain => "DomainName",
            "SubjectAlternativeNames": json!([format!("*.{domain}")]),
            "ValidationMethod": "DNS",
        });
        Form::resource("AWS::CertificateManager::Certificate", certificate).output("arn", Form::reference()).gap(
            "the validation record: name the hosted zone in DomainValidationOptions, then CloudFormation creates the record \
             automatically",
        )
    }
}

/// The validation record: the same for a domain and its wildcard.
fn record(detail: &CertificateDetail) -> Option<ResourceRecord> {
    detail.domain_validation_options().iter().find_map(|option| option.resource_record.clone())
}
