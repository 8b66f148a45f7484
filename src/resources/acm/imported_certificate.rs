use std::collections::BTreeSet;

use aws_sdk_acm::primitives::Blob;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, date_time_ymd,
};

use super::{find, to_sdk, without_retries};
use crate::resources::prelude::*;

/// The validity of a certificate.
const VALID_DAYS: i64 = 365;

/// A self-signed certificate, for systems without a domain: traffic is encrypted, but clients can't verify the server. Its
/// private key is generated in memory, sent to AWS, and not stored anywhere else.
/// <https://docs.aws.amazon.com/acm/latest/userguide/import-certificate.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportedCertificate {
    /// The domain names.
    pub domains: BTreeSet<String>,
    /// The minimum of remaining valid days, well below 365. Once fewer remain, `plan` shows that number as a change, and `apply`
    /// imports a new certificate under the same ARN.
    #[serde(rename = "good_for_days")]
    pub min_valid_days: i64,
}

/// The outputs of an imported certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportedCertificateOutputs {
    /// Its ARN.
    pub arn: CertificateArn,
}

impl Resource for ImportedCertificate {
    const TYPE: TypeInfo = TypeInfo::new(
        "acm.imported_certificate",
        seconds(3),
        &[
            "acm:ListCertificates",
            "acm:DescribeCertificate",
            "acm:ListTagsForCertificate",
            "acm:ImportCertificate",
            "acm:AddTagsToCertificate",
            "acm:RemoveTagsFromCertificate",
            "acm:DeleteCertificate",
        ],
    );

    type Outputs = ImportedCertificateOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ImportedCertificateOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.arn);
        let first = self.domains.first().map(String::as_str).unwrap_or_default();
        let Some((detail, tags)) = find(cx, known, first).await? else { return Ok(None) };
        let left = detail.not_after().map_or(0, |end| end.secs() - Timestamp::now().as_second()) / 86_400;
        let spec = ImportedCertificate {
            domains: detail.subject_alternative_names().iter().cloned().collect(),
            min_valid_days: left.min(self.min_valid_days),
        };
        let outputs = ImportedCertificateOutputs { arn: detail.certificate_arn().unwrap_or_default().into() };
        let live = Some(format!("self-signed, valid for {left} days"));
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<ImportedCertificateOutputs> {
        self.import(cx, None).await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<ImportedCertificateOutputs> {
        self.import(cx, Some(&found.outputs.arn)).await
    }

    async fn tag(cx: &Cx, outputs: &ImportedCertificateOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ImportedCertificateOutputs) -> Result<()> {
        super::delete(cx, &outputs.arn).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-certificatemanager-certificate.html>
    fn cloudformation(&self) -> Form {
        let ImportedCertificate { domains, min_valid_days: _ } = self;
        let domains: Vec<_> = domains.iter().map(String::as_str).collect();
        Form::unsupported(format!(
            "CloudFormation can't import certificates: import one for {} with acm:ImportCertificate and use its ARN",
            domains.join(", ")
        ))
    }
}

impl ImportedCertificate {
    /// Generates a certificate and imports it: as a new one, or under this ARN.
    async fn import(&self, cx: &Cx, arn: Option<&CertificateArn>) -> Result<ImportedCertificateOutputs> {
        let failed = |e: rcgen::Error| Error::local(format!("can't generate the self-signed certificate: {e}"));
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = self.params().map_err(failed)?.self_signed(&key).map_err(failed)?;
        let import = || async {
            let request = cx.acm.import_certificate().set_certificate_arn(arn.map(ToString::to_string));
            let request = request.certificate(Blob::new(certificate.pem())).private_key(Blob::new(key.serialize_pem()));
            // AWS takes tags only with a new ARN.
            let request = request.set_tags(arn.is_none().then(|| to_sdk(&cx.tags))).customize();
            // Without an ARN each call creates a certificate, and the API takes no token.
            let request = if arn.is_none() { request.config_override(without_retries()) } else { request };
            Ok(request.send().await?)
        };
        let throttled = |error: &Error| error.class == Class::Throttled;
        let answer = cx.retry_while("ACM to accept more calls", Patience::SHORT, throttled, import).await?;
        let arn = answer.certificate_arn.ok_or(Error::incomplete("acm:ImportCertificate", "CertificateArn"))?;
        Ok(ImportedCertificateOutputs { arn: arn.into() })
    }

    fn params(&self) -> std::result::Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(self.domains.iter().cloned().collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        if let Some(first) = self.domains.first() {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        let day = |days: i64| {
            let time = Timestamp::now() + SignedDuration::from_hours(24 * days);
            let date = time.to_zoned(TimeZone::UTC).date();
            date_time_ymd(date.year().into(), date.month().cast_unsigned(), date.day().cast_unsigned())
        };
        // From yesterday, for clients with slow clocks.
        (params.not_before, params.not_after) = (day(-1), day(VALID_DAYS));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(params)
    }
}
