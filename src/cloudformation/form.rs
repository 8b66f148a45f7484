//! A resource in CloudFormation's words.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::engine::Tags;

/// What a resource type says of one of its specs for a template: see [`Resource::cloudformation`](crate::resources::Resource).
///
/// Strings in it may hold references to other steps, as in a spec. Besides, [`Form::this`] stands for the resource itself:
/// `Ref`, or an attribute of it.
#[derive(Clone, Debug)]
pub struct Form {
    /// What it becomes.
    pub shape: Shape,
    /// What its outputs are then: an output's name, and a text that may hold [`Form::this`] and references.
    pub gives: Vec<(&'static str, String)>,
    /// What of it CloudFormation can't express.
    pub gaps: Vec<Cow<'static, str>>,
    /// Deleting it loses what nobody can make again: it outlives its stack.
    pub holds_data: bool,
}

/// What a step becomes in a template.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A resource, and those that belong to it.
    Resources(Vec<Part>),
    /// A property of the resource that another step becomes.
    PropertyOf {
        /// A reference to that step: any of its outputs.
        other: String,
        /// The property's name; one that is a list gets one more entry for each.
        property: &'static str,
        /// Its value.
        value: Value,
    },
    /// CloudFormation has nothing of that kind: what others need of it becomes a parameter.
    Nothing,
}

/// One resource of a template.
#[derive(Clone, Debug)]
pub struct Part {
    /// What its logical id has after the step's: nothing for the first.
    pub name: Cow<'static, str>,
    /// `AWS::SQS::Queue`
    pub kind: &'static str,
    /// Its properties. What is `null` is left out.
    pub properties: Value,
    /// How it is tagged.
    pub tagging: Tagging,
    /// Rules of `cfn-lint` that err about it.
    pub excused: Vec<&'static str>,
}

/// How a CloudFormation type takes tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagging {
    /// By a list of `Key` and `Value` in this property.
    List(&'static str),
    /// By an object in this property.
    Map(&'static str),
    /// Not at all.
    None,
}

impl Form {
    /// A resource of this type with these properties; what is `null` in them is left out. It is tagged by a list in `Tags`
    /// unless [`Form::tagged`] says otherwise.
    pub fn of(kind: &'static str, properties: Value) -> Self {
        let part = Part { name: Cow::default(), kind, properties, tagging: Tagging::List("Tags"), excused: Vec::new() };
        Form::shaped(Shape::Resources(vec![part]))
    }

    /// What CloudFormation takes as a property of another resource.
    pub fn property_of(other: &str, property: &'static str, value: Value) -> Self {
        Form::shaped(Shape::PropertyOf { other: other.to_owned(), property, value })
    }

    /// What CloudFormation has no type for, and why or what people do instead.
    pub fn nothing(why: impl Into<Cow<'static, str>>) -> Self {
        Form::shaped(Shape::Nothing).lacks(why)
    }

    fn shaped(shape: Shape) -> Self {
        Form { shape, gives: Vec::new(), gaps: Vec::new(), holds_data: false }
    }

    /// The text that stands for the resource itself: `Ref`.
    pub fn this() -> String {
        "⟦#⟧".to_owned()
    }

    /// The text that stands for an attribute of the resource itself: `Fn::GetAtt`.
    pub fn attribute(name: &str) -> String {
        format!("⟦#{name}⟧")
    }

    /// [`Form::attribute`] for one that is a list: its entries with `between` between them (`Fn::Join`).
    pub fn joined(name: &str, between: &str) -> String {
        format!("⟦#{name}|{between}⟧")
    }

    /// The text that stands for a pseudo parameter: `AccountId`, `Partition`, `Region`.
    pub fn pseudo(name: &str) -> String {
        format!("⟦#AWS::{name}⟧")
    }

    /// The text that stands for a parameter of the template, named after the step and `name`: what people have to bring.
    /// `what` tells them what that is.
    pub fn parameter(name: &str, what: &str) -> String {
        format!("⟦#{name}?{what}⟧")
    }

    /// One output of the step: [`Form::this`], an [`attribute`](Form::attribute), or any text with them.
    #[must_use]
    pub fn gives(mut self, output: &'static str, text: impl Into<String>) -> Self {
        self.gives.push((output, text.into()));
        self
    }

    /// The resources that it becomes.
    pub(super) fn parts(&self) -> &[Part] {
        if let Shape::Resources(parts) = &self.shape { parts } else { &[] }
    }

    /// How the resource is tagged.
    #[must_use]
    pub fn tagged(mut self, tagging: Tagging) -> Self {
        if let Shape::Resources(parts) = &mut self.shape
            && let Some(part) = parts.last_mut()
        {
            part.tagging = tagging;
        }
        self
    }

    /// A rule of `cfn-lint` errs about the resource: the template says so, for the linter alone.
    /// <https://github.com/aws-cloudformation/cfn-lint#resource-based-metadata>
    #[must_use]
    pub fn excused_from(mut self, rule: &'static str) -> Self {
        if let Shape::Resources(parts) = &mut self.shape
            && let Some(part) = parts.last_mut()
        {
            part.excused.push(rule);
        }
        self
    }

    /// One more resource that belongs to it, untagged. `name` tells it from the first one.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, kind: &'static str, properties: Value) -> Self {
        if let Shape::Resources(parts) = &mut self.shape {
            parts.push(Part { name: name.into(), kind, properties, tagging: Tagging::None, excused: Vec::new() });
        }
        self
    }

    /// Something that CloudFormation can't express.
    #[must_use]
    pub fn lacks(mut self, what: impl Into<Cow<'static, str>>) -> Self {
        self.gaps.push(what.into());
        self
    }
}

impl Tagging {
    /// The property with these tags.
    pub(super) fn property(self, tags: &Tags) -> Option<(&'static str, Value)> {
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
