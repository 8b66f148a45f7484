use provisioner::modules::Scope;
use provisioner::resources::dynamodb::{Attribute, AttributeType, Table};

use super::key;
use crate::types::{Sample, Samples};

impl Sample for Table {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (key(scope, "one"), key(scope, "other"));
        let attribute = |name: &str, of| Attribute { name: name.to_owned(), of };
        let first = Table {
            name: scope.name("orders"),
            partition_key: attribute("customer", AttributeType::String),
            sort_key: None,
            kms_key: one,
            point_in_time_recovery: false,
            time_to_live: Some("expires".to_owned()),
            deletion_protection: false,
        };
        Samples::of(first)
            .changing(|table| table.kms_key = other)
            .changing(|table| table.point_in_time_recovery = true)
            .changing(|table| table.time_to_live = Some("until".to_owned()))
            .changing(|table| table.time_to_live = None)
            .changing(|table| table.deletion_protection = true)
            .changing(|table| table.partition_key = attribute("shop", AttributeType::Binary))
            .changing(|table| table.sort_key = Some(attribute("number", AttributeType::Number)))
            .changing(|table| table.sort_key = Some(attribute("day", AttributeType::String)))
            .changing(|table| table.name = scope.name("refunds"))
    }
}
