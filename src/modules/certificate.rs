//! The certificate of HTTPS listeners.

use std::collections::BTreeSet;

use super::Scope;
use crate::resources::acm::{Certificate, CertificateValidation, ImportedCertificate};
use crate::resources::ids::{CertificateArn, HostedZoneId};
use crate::resources::route53::{Record, Routing, Target};

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateSource<'a> {
    /// It stands, in the region of the load balancers.
    Given {
        /// Its ARN.
        arn: &'a str,
    },
    /// It is requested for the domain and `*.domain`, and validated by a record in the zone. The domain's registrar must
    /// name the zone's name servers, else AWS never issues it.
    Requested {
        /// The domain.
        domain: &'a str,
        /// The zone of the domain or of one above it.
        hosted_zone: &'a HostedZoneId,
    },
    /// There is no domain: it is self-signed, and clients can't tell whom they talk to. Plan and status must say so.
    SelfSigned {
        /// The names that it is for.
        domains: BTreeSet<String>,
    },
}

/// A certificate that works as soon as its ARN is known.
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
                    weight: None,
                },
            );
            let scope = scope.after(&record.name, "AWS issues the certificate once it has seen the record");
            scope.add("issued", CertificateValidation { certificate: requested.arn }).arn
        }
        CertificateSource::SelfSigned { domains } => {
            scope.add("self-signed", ImportedCertificate { domains, min_valid_days: 30 }).arn
        }
    }
}
