//! The certificate of HTTPS listeners.

use std::collections::BTreeSet;

use super::Scope;
use crate::resources::acm::{Certificate, CertificateValidation, ImportedCertificate};
use crate::resources::ids::{CertificateArn, HostedZoneId};
use crate::resources::route53::{Record, Routing, Target};

/// The source of the certificate.
#[derive(Clone, Debug)]
pub enum CertificateSource<'a> {
    /// An existing one, in the region of the load balancers.
    Given {
        /// Its ARN.
        arn: &'a str,
    },
    /// Requested from ACM for the domain and `*.domain`, validated by a record in the zone. The domain must be delegated to the
    /// zone's name servers, or AWS never issues it.
    Requested {
        /// The domain.
        domain: &'a str,
        /// The zone of the domain or of a parent domain.
        hosted_zone: &'a HostedZoneId,
    },
    /// Self-signed: clients can't verify it. The system's notes must say so.
    SelfSigned {
        /// The names in the certificate.
        domains: BTreeSet<String>,
    },
}

/// Adds a certificate. It is usable as soon as its ARN is known.
pub fn certificate(scope: &Scope<'_>, source: CertificateSource<'_>) -> CertificateArn {
    let scope = scope.at("certificate");
    match source {
        CertificateSource::Given { arn } => arn.into(),
        CertificateSource::Requested { domain, hosted_zone } => {
            let requested = scope.add("request", Certificate { domain: domain.to_owned() });
            let record = scope.add(
                "record",
                Record {
                    hosted_zone: hosted_zone.clone(),
                    name: requested.validation_name,
                    record_type: "CNAME".to_owned(),
                    target: Target::Values { values: BTreeSet::from([requested.validation_value]), ttl_seconds: 300 },
                    routing: Routing::Simple,
                    health_check: None,
                },
            );
            let scope = scope.after(&record.name, "AWS issues the certificate after it has found the record");
            scope.add("issued", CertificateValidation { certificate: requested.arn }).arn
        }
        CertificateSource::SelfSigned { domains } => {
            scope.add("self-signed", ImportedCertificate { domains, good_for_days: 30 }).arn
        }
    }
}
