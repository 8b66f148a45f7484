use provisioner::modules::Scope;
use provisioner::resources::acm::{Certificate, CertificateValidation, ImportedCertificate};

use crate::types::{Sample, Samples};

impl Sample for Certificate {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(Certificate { domain: "orders.example.com".to_owned() })
            .changing(|certificate| certificate.domain = "refunds.example.com".to_owned())
    }
}

impl Sample for CertificateValidation {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["orders", "refunds"].map(|name| {
            let certificate = Certificate { domain: format!("{name}.example.com") };
            scope.add(name, certificate).arn
        });
        Samples::of(CertificateValidation { certificate: one })
            .changing(|validation| validation.certificate = other)
            .staying_with("nothing stands for it in AWS but the certificate itself")
    }
}

impl Sample for ImportedCertificate {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        let domains = ["one.example.com".to_owned(), "two.example.com".to_owned()];
        Samples::of(ImportedCertificate { domains: domains.into(), min_valid_days: 30 })
            .changing(|certificate| certificate.domains = ["one.example.com".to_owned()].into())
            .without_change_of("good_for_days", "it differs only once fewer days are left")
    }
}
