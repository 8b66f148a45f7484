use std::collections::BTreeMap;

use provisioner::modules::Scope;
use provisioner::resources::dynamodb::{Attribute, AttributeType, GlobalIndex, Projection, StreamView, Table};

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
            global_indexes: indexes([("by-shop", "shop", None, Projection::KeysOnly)]),
            stream: None,
            kms_key: Some(one),
            point_in_time_recovery: false,
            time_to_live: Some("expires".to_owned()),
            deletion_protection: false,
        };
        let [day, number] = ["day", "number"].map(Some);
        let holding = |names: &[&str]| Projection::Include(names.iter().map(|name| (*name).to_owned()).collect());
        let with_all = || [("by-day", "day", None, Projection::All), ("by-shop", "shop", day, holding(&["total"]))];
        Samples::of(first)
            .changing(|table| table.stream = Some(StreamView::NewImage))
            .changing(|table| table.stream = Some(StreamView::NewAndOldImages))
            // One comes and one is made again, with another key and another projection.
            .changing(|table| table.global_indexes = indexes(with_all()))
            .changing(|table| table.global_indexes = indexes([("by-shop", "shop", number, holding(&["tax", "total"]))]))
            .changing(|table| table.global_indexes = indexes([("by-shop", "till", number, Projection::All)]))
            .changing(|table| table.global_indexes.clear())
            .changing(|table| table.kms_key = Some(other))
            .changing(|table| table.kms_key = None)
            .changing(|table| table.point_in_time_recovery = true)
            .changing(|table| table.time_to_live = Some("until".to_owned()))
            .changing(|table| table.time_to_live = None)
            .changing(|table| table.deletion_protection = true)
            .changing(|table| table.partition_key = attribute("till", AttributeType::Binary))
            .changing(|table| table.sort_key = Some(attribute("number", AttributeType::Number)))
            .changing(|table| table.sort_key = Some(attribute("day", AttributeType::String)))
            .changing(|table| table.name = scope.name("refunds"))
    }
}

/// Indexes by name, each with the attributes of its key.
fn indexes<const N: usize>(indexes: [(&str, &str, Option<&str>, Projection); N]) -> BTreeMap<String, GlobalIndex> {
    let attribute = |name: &str| {
        let of = match name {
            "number" => AttributeType::Number,
            "till" => AttributeType::Binary,
            _ => AttributeType::String,
        };
        Attribute { name: name.to_owned(), of }
    };
    let index = |(name, partition, sort, projection): (&str, &str, Option<&str>, Projection)| {
        let (partition_key, sort_key) = (attribute(partition), sort.map(attribute));
        (name.to_owned(), GlobalIndex { partition_key, sort_key, projection })
    };
    indexes.map(index).into()
}
