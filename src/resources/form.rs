//! The CloudFormation form of a resource: what a type contributes to an exported template.
//!
//! Types build it here; `crate::cloudformation` puts the forms of all steps together.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::engine::Tags;

/// The CloudFormation form of one spec: see [`Resource::cloudformation`](crate::resources::Resource::cloudformation).
///
/// Strings in it may contain references to other steps, as in a spec. [`Form::reference`] and [`Form::attribute`] refer to
/// the resource itself.
#[derive(Clone, Debug)]
pub struct Form {
    /// The step in a template.
    pub shape: Shape,
    /// The step's outputs: an output's name, and a text that may contain [`Form::reference`] and references to other steps.
    pub outputs: Vec<(&'static str, String)>,
    /// What CloudFormation can't express.
    pub gaps: Vec<Cow<'static, str>>,
    /// Deleting it loses data: it is retained when its stack is deleted.
    pub stateful: bool,
}

/// A step in a template.
#[derive(Clone, Debug)]
pub enum Shape {
    /// One resource or several.
    Resources(Vec<Part>),
    /// A property of the resource of another step.
    PropertyOf {
        /// A reference to that step: any of its outputs.
        other: String,
        /// The property's name. A list gets one more entry for each step.
        property: &'static str,
        /// Its value.
        value: Value,
    },
    /// Nothing: CloudFormation has no such type. Outputs that others use become parameters.
    Unsupported,
}

/// One resource of a template.
#[derive(Clone, Debug)]
pub struct Part {
    /// The suffix of its logical id after the step's; empty for the first resource of a step.
    pub name: Cow<'static, str>,
    /// `AWS::SQS::Queue`
    pub kind: &'static str,
    /// Its properties. A property that is `null` is left out.
    pub properties: Value,
    /// How it takes tags.
    pub tagging: Tagging,
    /// Rules of `cfn-lint` that the template turns off for it.
    pub ignored_lints: Vec<&'static str>,
}

/// How a CloudFormation type takes tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagging {
    /// As a list of `Key` and `Value` in this property.
    List(&'static str),
    /// As an object in this property.
    Map(&'static str),
    /// It takes no tags.
    None,
}

impl Form {
    /// A resource of this CloudFormation type. A property that is `null` is left out. Its tags are a list in `Tags`, unless
    /// [`Form::tagged`] says otherwise.
    pub fn resource(kind: &'static str, properties: Value) -> Self {
        let part =
            Part { name: Cow::default(), kind, properties, tagging: Tagging::List("Tags"), ignored_lints: Vec::new() };
        Form::new(Shape::Resources(vec![part]))
    }

    /// A property of the resource of another step.
    pub fn property_of(other: &str, property: &'static str, value: Value) -> Self {
        Form::new(Shape::PropertyOf { other: other.to_owned(), property, value })
    }

    /// A type that CloudFormation doesn't have: `why`, or what to do instead.
    pub fn unsupported(why: impl Into<Cow<'static, str>>) -> Self {
        Form::new(Shape::Unsupported).gap(why)
    }

    fn new(shape: Shape) -> Self {
        Form { shape, outputs: Vec::new(), gaps: Vec::new(), stateful: false }
    }

    /// `Ref` of the resource itself.
    pub fn reference() -> String {
        "⟦#⟧".to_owned()
    }

    /// `Fn::GetAtt` of the resource itself.
    pub fn attribute(name: &str) -> String {
        format!("⟦#{name}⟧")
    }

    /// `Fn::GetAtt` of an attribute that is a list, as one text (`Fn::Join`).
    pub fn joined_attribute(name: &str, separator: &str) -> String {
        format!("⟦#{name}|{separator}⟧")
    }

    /// A pseudo parameter: `AccountId`, `Partition`, `Region`.
    pub fn pseudo_parameter(name: &str) -> String {
        format!("⟦#AWS::{name}⟧")
    }

    /// The ARN of a regional resource, for types without an attribute for it.
    pub fn regional_arn(service: &str, resource: &str) -> String {
        let [partition, region, account] = ["Partition", "Region", "AccountId"].map(Form::pseudo_parameter);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The ARN of a resource without a region, for types without an attribute for it.
    pub fn global_arn(service: &str, resource: &str) -> String {
        let [partition, account] = ["Partition", "AccountId"].map(Form::pseudo_parameter);
        format!("arn:{partition}:{service}::{account}:{resource}")
    }

    /// A template parameter, named after the step and `name`: a value that the user of the template has to supply.
    /// `description` says what it is.
    pub fn parameter(name: &str, description: &str) -> String {
        format!("⟦#{name}?{description}⟧")
    }

    /// Sets an output of the step: [`Form::reference`], an [`attribute`](Form::attribute), or a text with them.
    #[must_use]
    pub fn output(mut self, name: &'static str, text: impl Into<String>) -> Self {
        self.outputs.push((name, text.into()));
        self
    }

    /// Its resources.
    pub(crate) fn parts(&self) -> &[Part] {
        if let Shape::Resources(parts) = &self.shape { parts } else { &[] }
    }

    /// Sets how the last resource takes tags.
    #[must_use]
    pub fn tagged(mut self, tagging: Tagging) -> Self {
        if let Shape::Resources(parts) = &mut self.shape
            && let Some(part) = parts.last_mut()
        {
            part.tagging = tagging;
        }
        self
    }

    /// Turns off a rule of `cfn-lint` that is wrong about the last resource.
    /// <https://github.com/aws-cloudformation/cfn-lint#resource-based-metadata>
    #[must_use]
    pub fn ignore_lint(mut self, rule: &'static str) -> Self {
        if let Shape::Resources(parts) = &mut self.shape
            && let Some(part) = parts.last_mut()
        {
            part.ignored_lints.push(rule);
        }
        self
    }

    /// Adds another resource of the step, without tags. `name` is the suffix of its logical id.
    #[must_use]
    pub fn with_resource(mut self, name: impl Into<Cow<'static, str>>, kind: &'static str, properties: Value) -> Self {
        if let Shape::Resources(parts) = &mut self.shape {
            parts.push(Part { name: name.into(), kind, properties, tagging: Tagging::None, ignored_lints: Vec::new() });
        }
        self
    }

    /// Adds something that CloudFormation can't express.
    #[must_use]
    pub fn gap(mut self, what: impl Into<Cow<'static, str>>) -> Self {
        self.gaps.push(what.into());
        self
    }
}

impl Tagging {
    /// The property that contains these tags.
    pub(crate) fn property(self, tags: &Tags) -> Option<(&'static str, Value)> {
        match self {
            Tagging::List(name) => {
                let list = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
                Some((name, list.collect()))
            }
            Tagging::Map(name) => Some((name, json!(tags))),
            Tagging::None => None,
        }
    }
}

/// Converts a struct to CloudFormation properties, field by field, in the order that is written.
///
/// Every field of the struct is named once: a field that is missing is a compile error.
///
/// ```
/// # use provisioner::properties;
/// # use serde_json::json;
/// struct Queue { name: String, delay: u32, encrypted: bool, note: &'static str }
///
/// let queue = Queue { name: "orders".to_owned(), delay: 30, encrypted: true, note: "for people" };
/// let properties = properties!(queue, Queue {
///     name => "QueueName",                                 // the field as it is
///     "FifoQueue": false,                                  // a property without a field
///     delay => "DelaySeconds": delay * 2,                  // a property that is computed; all fields can be used
///     encrypted => "KmsMasterKeyId": encrypted.then_some("alias/aws/sqs"),
///     note => _,                                           // no property of its own
/// });
/// let expected = json!({"QueueName": "orders", "FifoQueue": false, "DelaySeconds": 60, "KmsMasterKeyId": "alias/aws/sqs"});
/// assert_eq!(properties, expected);
/// ```
#[macro_export]
macro_rules! properties {
    (@set $properties:ident, [$($field:ident)?] [] []) => {};
    (@set $properties:ident, [$field:ident] [$property:literal] []) => { $properties.set($property, $field) };
    (@set $properties:ident, [$($field:ident)?] [$property:literal] [$value:expr]) => {
        $properties.set($property, &$value)
    };
    ($spec:expr, $type:ident {
        $($($field:ident =>)? $($property:literal)? $(_)? $(: $value:expr)?),*
    }) => {{
        #[allow(unused_variables, reason = "fields without a property")]
        let $type { $($($field,)?)* } = &$spec;
        #[allow(unused_mut, reason = "a struct without properties")]
        let mut properties = $crate::resources::form::Properties::default();
        $($crate::properties!(@set properties, [$($field)?] [$($property)?] [$($value)?]);)*
        properties.into_value()
    }};
}
pub use properties;

/// The properties that [`properties!`](crate::properties) collects.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Properties(Map<String, Value>);

impl Properties {
    pub fn set(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.insert(name.to_owned(), json!(value));
    }

    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}
