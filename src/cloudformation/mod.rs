//! The desired state of a system as a CloudFormation template, for policy checkers and for leaving provisioner.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>
//!
//! A template is for one region. Each resource type provides its [`Form`] in [`Resource::cloudformation`]. References become
//! `Ref`, `Fn::GetAtt` or `Fn::Sub`; a reference that no resource of the template can resolve becomes a parameter; what
//! CloudFormation can't express is listed in the template's metadata.
//!
//! [`Form`]: crate::resources::form::Form
//! [`Resource::cloudformation`]: crate::resources::Resource::cloudformation

mod intrinsic;
mod logical_ids;
mod writer;

pub use crate::resources::form::{Form, Part, Shape, Tagging};

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use self::writer::Writer;
use crate::engine::graph::Graph;
use crate::engine::{StepError, StepId};
use crate::resources::registry::Types;

/// A composed system to export.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The description of the templates: system and suffix.
    pub title: &'a str,
    /// The account that the system was composed for. Templates say `AWS::AccountId` instead.
    pub account: &'a str,
    /// The account's partition. Templates say `AWS::Partition` instead.
    pub partition: &'a str,
    /// The desired steps.
    pub graph: &'a Graph,
    /// The system's outputs; may contain references.
    pub outputs: &'a BTreeMap<String, String>,
    /// The resource types of the steps.
    pub types: &'a Types,
}

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    /// The template that CloudFormation reads.
    pub body: Value,
    /// What CloudFormation can't express.
    pub gaps: Vec<Gap>,
    /// Parameters for what provisioner makes and CloudFormation can't.
    pub required_parameters: Vec<RequiredParameter>,
}

/// The quota of resources in a stack.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const MAX_RESOURCES: usize = 500;

impl Template {
    /// The number of its resources.
    pub fn resources(&self) -> usize {
        self.body["Resources"].as_object().map_or(0, Map::len)
    }
}

/// Something that CloudFormation can't express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The step.
    pub step: StepId,
    /// The step's type.
    pub kind: &'static str,
    /// What is missing, or what to do instead.
    pub what: String,
}

/// A parameter whose value the user of the template has to supply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredParameter {
    /// The parameter's name.
    pub parameter: String,
    /// The step that it belongs to.
    pub step: StepId,
    /// What it is.
    pub what: String,
}

impl Export<'_> {
    /// The regions that the system has steps in.
    pub fn regions(&self) -> BTreeSet<&str> {
        self.graph.in_order().map(|step| step.region.as_str()).collect()
    }

    /// The template of one region.
    ///
    /// # Errors
    /// A step whose type isn't in `types`, or whose spec can't be read.
    pub fn template(&self, region: &str) -> Result<Template, StepError> {
        let mut forms = BTreeMap::new();
        for step in self.graph.in_order().filter(|step| step.region == region) {
            forms.insert(&step.id, (step, self.types.cloudformation(step.kind, &step.spec)?));
        }
        Ok(Writer::new(self, region, &forms).template())
    }
}

#[cfg(test)]
mod tests;
