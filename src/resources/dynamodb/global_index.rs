use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    self, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexDescription, GlobalSecondaryIndexUpdate, IndexStatus, KeyType, ProjectionType,
    TableDescription,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attribute::{Attribute, Key, shown};
use crate::resources::tags::Built;

/// A second key by which a table's items can be asked for, on its own partitions.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalIndex {
    /// What items are spread by. An item without it isn't in the index.
    pub partition_key: Attribute,
    /// What items of one partition are sorted by.
    pub sort_key: Option<Attribute>,
    /// What of an item it holds.
    pub projection: Projection,
}

/// What of an item an index holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// The keys of the table and of the index.
    KeysOnly,
    /// The keys, and these.
    Include(BTreeSet<String>),
    /// All.
    All,
}

impl GlobalIndex {
    pub(super) fn key(&self) -> Key<'_> {
        Key { partition: &self.partition_key, sort: self.sort_key.as_ref() }
    }

    /// For a table that is made with it. On-demand tables state no throughput.
    pub(super) fn to_sdk(&self, name: &str) -> GlobalSecondaryIndex {
        let index = GlobalSecondaryIndex::builder().index_name(name).set_key_schema(Some(self.key().schema()));
        index.projection(self.projection.to_sdk()).build().built()
    }

    /// For a table that stands.
    pub(super) fn creation(&self, name: &str) -> GlobalSecondaryIndexUpdate {
        let create = CreateGlobalSecondaryIndexAction::builder().index_name(name);
        let create = create.set_key_schema(Some(self.key().schema())).projection(self.projection.to_sdk());
        GlobalSecondaryIndexUpdate::builder().create(create.build().built()).build()
    }

    pub(super) fn in_template(&self, name: &str) -> Value {
        let (kind, attributes) = self.projection.parts();
        json!({
            "IndexName": name,
            "KeySchema": self.key().schema_in_template(),
            "Projection": {"ProjectionType": kind.as_str(), "NonKeyAttributes": attributes},
        })
    }
}

impl Projection {
    fn parts(&self) -> (ProjectionType, Option<&BTreeSet<String>>) {
        match self {
            Projection::KeysOnly => (ProjectionType::KeysOnly, None),
            Projection::Include(attributes) => (ProjectionType::Include, Some(attributes)),
            Projection::All => (ProjectionType::All, None),
        }
    }

    fn to_sdk(&self) -> types::Projection {
        let (kind, attributes) = self.parts();
        let attributes = attributes.map(|attributes| attributes.iter().cloned().collect());
        types::Projection::builder().projection_type(kind).set_non_key_attributes(attributes).build()
    }

    fn from_sdk(projection: &types::Projection) -> Option<Self> {
        match projection.projection_type()? {
            ProjectionType::KeysOnly => Some(Projection::KeysOnly),
            ProjectionType::Include => {
                Some(Projection::Include(projection.non_key_attributes().iter().cloned().collect()))
            }
            ProjectionType::All => Some(Projection::All),
            _ => None,
        }
    }
}

/// The indexes that the table has, those that are being filled among them.
pub(super) fn standing(table: &TableDescription) -> BTreeMap<String, GlobalIndex> {
    let index = |index: &GlobalSecondaryIndexDescription| {
        let key = |kind: KeyType| shown(table, index.key_schema(), &kind);
        let standing = GlobalIndex {
            partition_key: key(KeyType::Hash)?,
            sort_key: key(KeyType::Range),
            projection: Projection::from_sdk(index.projection()?)?,
        };
        Some((index.index_name()?.to_owned(), standing))
    };
    let indexes = table.global_secondary_indexes().iter();
    indexes.filter(|index| index.index_status() != Some(&IndexStatus::Deleting)).filter_map(index).collect()
}

/// An index that is being filled or is on its way out: AWS begins nothing else about indexes until that is done.
pub(super) fn in_progress(table: &TableDescription) -> Option<&str> {
    let is_settled = |index: &&GlobalSecondaryIndexDescription| index.index_status() == Some(&IndexStatus::Active);
    table.global_secondary_indexes().iter().find(|index| !is_settled(index)).and_then(|index| index.index_name())
}

pub(super) fn deletion(name: &str) -> GlobalSecondaryIndexUpdate {
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(name);
    GlobalSecondaryIndexUpdate::builder().delete(delete.build().built()).build()
}

/// One step from the indexes that stand to those that are wanted: AWS takes one a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Move<'a> {
    Delete(&'a str),
    Create(&'a str, &'a GlobalIndex),
}

/// All steps, in their order. New ones come before old ones go, so that who asks can change over; one that changes goes
/// before it comes again, for AWS changes none.
pub(super) fn moves<'a>(
    standing: &'a BTreeMap<String, GlobalIndex>,
    wanted: &'a BTreeMap<String, GlobalIndex>,
) -> Vec<Move<'a>> {
    let new = wanted.iter().filter(|(name, _)| !standing.contains_key(*name));
    let old = standing.keys().filter(|name| !wanted.contains_key(*name));
    let other = wanted.iter().filter(|(name, index)| standing.get(*name).is_some_and(|standing| standing != *index));
    let create = |(name, index): (&'a String, &'a GlobalIndex)| Move::Create(name, index);
    let mut moves: Vec<_> = new.map(create).chain(old.map(|name| Move::Delete(name))).collect();
    moves.extend(other.flat_map(|(name, index)| [Move::Delete(name), Move::Create(name, index)]));
    moves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::dynamodb::AttributeType;

    fn index(projection: Projection) -> GlobalIndex {
        let partition_key = Attribute { name: "shop".to_owned(), of: AttributeType::String };
        GlobalIndex { partition_key, sort_key: None, projection }
    }

    #[test]
    fn new_indexes_come_before_old_ones_go_and_one_that_changes_goes_first() {
        let named = |names: &[(&str, Projection)]| -> BTreeMap<_, _> {
            names.iter().map(|(name, projection)| ((*name).to_owned(), index(projection.clone()))).collect()
        };
        let standing = named(&[("gone", Projection::All), ("other", Projection::All), ("same", Projection::All)]);
        let wanted = named(&[("new", Projection::All), ("other", Projection::KeysOnly), ("same", Projection::All)]);
        let expected = [
            Move::Create("new", &wanted["new"]),
            Move::Delete("gone"),
            Move::Delete("other"),
            Move::Create("other", &wanted["other"]),
        ];
        assert_eq!(moves(&standing, &wanted), expected);
        assert_eq!(moves(&wanted, &wanted), []);
    }
}
