use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    self, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex,
    GlobalSecondaryIndexDescription, GlobalSecondaryIndexUpdate, IndexStatus, KeyType, ProjectionType,
    TableDescription,
};

use super::attribute::{Attribute, Key, key_attribute};
use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// A global secondary index: another key by which the items of a table can be queried.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalIndex {
    /// The partition key. An item without this attribute isn't in the index.
    pub partition_key: Attribute,
    /// The sort key.
    pub sort_key: Option<Attribute>,
    /// The attributes of an item that the index contains.
    pub projection: Projection,
}

/// The attributes of an item that an index contains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// The keys of the table and of the index.
    KeysOnly,
    /// The keys and these attributes.
    Include(BTreeSet<String>),
    /// All attributes.
    All,
}

impl GlobalIndex {
    pub(super) fn key(&self) -> Key<'_> {
        Key { partition: &self.partition_key, sort: self.sort_key.as_ref() }
    }

    /// The index in the create call of a table. On-demand tables have no throughput.
    pub(super) fn to_sdk(&self, name: &str) -> GlobalSecondaryIndex {
        let index = GlobalSecondaryIndex::builder().index_name(name).set_key_schema(Some(self.key().schema()));
        index.projection(self.projection.to_sdk()).build().built()
    }

    /// The update that adds the index to an existing table.
    pub(super) fn creation(&self, name: &str) -> GlobalSecondaryIndexUpdate {
        let create = CreateGlobalSecondaryIndexAction::builder().index_name(name);
        let create = create.set_key_schema(Some(self.key().schema())).projection(self.projection.to_sdk());
        GlobalSecondaryIndexUpdate::builder().create(create.build().built()).build()
    }

    pub(super) fn cloudformation(&self, name: &str) -> Value {
        let (kind, attributes) = self.projection.parts();
        json!({
            "IndexName": name,
            "KeySchema": self.key().cloudformation_schema(),
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

/// The actual indexes of a table, including those that are still being backfilled.
pub(super) fn actual_indexes(table: &TableDescription) -> BTreeMap<String, GlobalIndex> {
    let index = |index: &GlobalSecondaryIndexDescription| {
        let key = |kind: KeyType| key_attribute(table, index.key_schema(), &kind);
        let actual = GlobalIndex {
            partition_key: key(KeyType::Hash)?,
            sort_key: key(KeyType::Range),
            projection: Projection::from_sdk(index.projection()?)?,
        };
        Some((index.index_name()?.to_owned(), actual))
    };
    let indexes = table.global_secondary_indexes().iter();
    indexes.filter(|index| index.index_status() != Some(&IndexStatus::Deleting)).filter_map(index).collect()
}

/// The name of an index that is being created or deleted. Until that is done, AWS refuses other changes of indexes.
pub(super) fn in_progress(table: &TableDescription) -> Option<&str> {
    let is_active = |index: &&GlobalSecondaryIndexDescription| index.index_status() == Some(&IndexStatus::Active);
    table.global_secondary_indexes().iter().find(|index| !is_active(index)).and_then(|index| index.index_name())
}

pub(super) fn deletion(name: &str) -> GlobalSecondaryIndexUpdate {
    let delete = DeleteGlobalSecondaryIndexAction::builder().index_name(name);
    GlobalSecondaryIndexUpdate::builder().delete(delete.build().built()).build()
}

/// One change of the indexes of a table: AWS accepts one a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IndexChange<'a> {
    Delete(&'a str),
    Create(&'a str, &'a GlobalIndex),
}

/// The changes from the actual indexes to the desired ones, in order. New indexes are created before old ones are deleted, so
/// that clients can switch. AWS can't change an index: a changed one is deleted and created.
pub(super) fn index_changes<'a>(
    actual: &'a BTreeMap<String, GlobalIndex>,
    desired: &'a BTreeMap<String, GlobalIndex>,
) -> Vec<IndexChange<'a>> {
    let new = desired.iter().filter(|(name, _)| !actual.contains_key(*name));
    let old = actual.keys().filter(|name| !desired.contains_key(*name));
    let changed = desired.iter().filter(|(name, index)| actual.get(*name).is_some_and(|actual| actual != *index));
    let create = |(name, index): (&'a String, &'a GlobalIndex)| IndexChange::Create(name, index);
    let mut changes: Vec<_> = new.map(create).chain(old.map(|name| IndexChange::Delete(name))).collect();
    changes.extend(changed.flat_map(|(name, index)| [IndexChange::Delete(name), IndexChange::Create(name, index)]));
    changes
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
    fn new_indexes_are_created_before_old_ones_are_deleted() {
        let named = |names: &[(&str, Projection)]| -> BTreeMap<_, _> {
            names.iter().map(|(name, projection)| ((*name).to_owned(), index(projection.clone()))).collect()
        };
        let actual = named(&[("gone", Projection::All), ("other", Projection::All), ("same", Projection::All)]);
        let desired = named(&[("new", Projection::All), ("other", Projection::KeysOnly), ("same", Projection::All)]);
        let expected = [
            IndexChange::Create("new", &desired["new"]),
            IndexChange::Delete("gone"),
            IndexChange::Delete("other"),
            IndexChange::Create("other", &desired["other"]),
        ];
        assert_eq!(index_changes(&actual, &desired), expected);
        assert_eq!(index_changes(&desired, &desired), []);
    }
}
