use aws_sdk_dynamodb::types::{AttributeDefinition, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription};

use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// A key attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name, up to 255 bytes.
    pub name: String,
    /// Its type.
    pub of: AttributeType,
}

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// Text.
    String,
    /// A number.
    Number,
    /// Bytes.
    Binary,
}

impl Attribute {
    /// A text attribute.
    pub fn string(name: impl Into<String>) -> Self {
        Attribute { name: name.into(), of: AttributeType::String }
    }

    /// A number attribute.
    pub fn number(name: impl Into<String>) -> Self {
        Attribute { name: name.into(), of: AttributeType::Number }
    }

    /// Its entry in `AttributeDefinitions`.
    pub(super) fn definition(&self) -> AttributeDefinition {
        AttributeDefinition::builder().attribute_name(&self.name).attribute_type(self.of.to_sdk()).build().built()
    }

    pub(super) fn cloudformation_definition(&self) -> Value {
        json!({"AttributeName": self.name, "AttributeType": self.of.to_sdk().as_str()})
    }
}

impl AttributeType {
    fn to_sdk(self) -> ScalarAttributeType {
        match self {
            AttributeType::String => ScalarAttributeType::S,
            AttributeType::Number => ScalarAttributeType::N,
            AttributeType::Binary => ScalarAttributeType::B,
        }
    }

    fn from_sdk(kind: &ScalarAttributeType) -> Option<Self> {
        match kind {
            ScalarAttributeType::S => Some(AttributeType::String),
            ScalarAttributeType::N => Some(AttributeType::Number),
            ScalarAttributeType::B => Some(AttributeType::Binary),
            _ => None,
        }
    }
}

/// The key of a table or an index.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub partition: &'a Attribute,
    pub sort: Option<&'a Attribute>,
}

impl<'a> Key<'a> {
    pub(super) fn attributes(self) -> impl Iterator<Item = &'a Attribute> {
        [Some(self.partition), self.sort].into_iter().flatten()
    }

    pub(super) fn schema(self) -> Vec<KeySchemaElement> {
        let element = |(attribute, kind): (&Attribute, KeyType)| {
            KeySchemaElement::builder().attribute_name(&attribute.name).key_type(kind).build().built()
        };
        self.attributes().zip([KeyType::Hash, KeyType::Range]).map(element).collect()
    }

    pub(super) fn cloudformation_schema(self) -> Value {
        let element = |(attribute, kind): (&Attribute, &str)| json!({"AttributeName": attribute.name, "KeyType": kind});
        self.attributes().zip(["HASH", "RANGE"]).map(element).collect()
    }
}

/// The attribute of this type in an actual key.
pub(super) fn key_attribute(
    table: &TableDescription,
    schema: &[KeySchemaElement],
    kind: &KeyType,
) -> Option<Attribute> {
    let name = schema.iter().find(|element| element.key_type() == kind)?.attribute_name();
    let defined = table.attribute_definitions().iter().find(|attribute| attribute.attribute_name() == name)?;
    Some(Attribute { name: name.to_owned(), of: AttributeType::from_sdk(defined.attribute_type())? })
}
