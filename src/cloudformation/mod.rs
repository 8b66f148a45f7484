//! The desired state of a system as a CloudFormation template: for the policy tools that people have, and so that nobody is
//! locked in.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>
//!
//! A template is for one region. Each type says in its own file what it becomes: [`Resource::cloudformation`]. References
//! become `Ref`, `Fn::GetAtt` or `Fn::Sub`; what no resource of the template can give becomes a parameter; what CloudFormation
//! can't express stands in the template's metadata.
//!
//! [`Resource::cloudformation`]: crate::resources::Resource::cloudformation

mod form;
mod intrinsic;
mod names;

pub use form::{Form, Part, Shape, Tagging};

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::has_path_connecting;
use petgraph::graphmap::DiGraphMap;
use serde_json::{Map, Value, json};

use self::intrinsic::{Piece, Place};
use self::names::Names;
use crate::engine::graph::Graph;
use crate::engine::reference::{self, Reference};
use crate::engine::{Step, StepError, StepId, Tags, ownership};
use crate::resources::registry::Types;

/// What is exported.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// System and suffix, for people.
    pub title: &'a str,
    /// The account that it was composed for: in the template that is the one that reads it.
    pub account: &'a str,
    /// The account's partition.
    pub partition: &'a str,
    /// The steps that are wanted.
    pub graph: &'a Graph,
    /// What the system tells once it stands; may hold references.
    pub outputs: &'a BTreeMap<String, String>,
    /// The types that its steps are of.
    pub types: &'a Types,
}

/// A template.
#[derive(Clone, Debug)]
pub struct Template {
    /// The template: what CloudFormation reads.
    pub body: Value,
    /// What of it CloudFormation can't express.
    pub gaps: Vec<Gap>,
    /// What people have to bring: parameters for what provisioner makes and CloudFormation can't.
    pub to_give: Vec<ToGive>,
}

/// How many resources CloudFormation takes in a stack.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
pub const MOST_RESOURCES: usize = 500;

impl Template {
    /// How many resources it has.
    pub fn resources(&self) -> usize {
        self.body["Resources"].as_object().map_or(0, Map::len)
    }
}

/// Something that CloudFormation can't express.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The step that it is of.
    pub step: StepId,
    /// The step's type.
    pub kind: &'static str,
    /// What is missing, or what people do instead.
    pub what: String,
}

/// A parameter that people have to bring a value for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToGive {
    /// The parameter's name.
    pub parameter: String,
    /// The step that it is of.
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
    /// A step of a type that this build doesn't know, or whose spec can't be read.
    pub fn template(&self, region: &str) -> Result<Template, StepError> {
        let mut forms = BTreeMap::new();
        for step in self.graph.in_order().filter(|step| step.region == region) {
            forms.insert(&step.id, (step, self.types.cloudformation(step.kind, &step.spec)?));
        }
        Ok(Writer::new(self, region, &forms).template())
    }
}

struct Writer<'a> {
    export: &'a Export<'a>,
    region: &'a str,
    forms: &'a BTreeMap<&'a StepId, (&'a Step, Form)>,
    names: RefCell<Names>,
    /// The logical ids of the steps' resources: first a step's own, also if it becomes none, then those that belong to it.
    ids: BTreeMap<&'a StepId, Vec<String>>,
    /// What no resource of this template gives.
    parameters: RefCell<BTreeMap<Reference, Parameter>>,
    gaps: RefCell<Vec<Gap>>,
    to_give: RefCell<Vec<ToGive>>,
    /// The steps whose own resources what was written last refers to.
    mentioned: RefCell<BTreeSet<StepId>>,
}

struct Parameter {
    name: String,
    /// What [`Form::parameter`] says of it, if it comes from there.
    what: Option<String>,
}

impl<'a> Writer<'a> {
    fn new(export: &'a Export<'a>, region: &'a str, forms: &'a BTreeMap<&'a StepId, (&'a Step, Form)>) -> Self {
        let mut names = Names::default();
        let mut ids: BTreeMap<_, _> = forms.keys().map(|step| (*step, vec![names.give(&step.0)])).collect();
        for (step, (_, form)) in forms {
            let parts = form.parts().iter().skip(1);
            let more: Vec<_> = parts.map(|part| names.give(&format!("{step}-{}", part.name))).collect();
            ids.entry(step).or_default().extend(more);
        }
        let gaps = forms.values().flat_map(|(step, form)| form.gaps.iter().map(|what| gap(step, what)));
        Writer {
            export,
            region,
            forms,
            ids,
            names: names.into(),
            parameters: RefCell::default(),
            gaps: RefCell::new(gaps.collect()),
            to_give: RefCell::default(),
            mentioned: RefCell::default(),
        }
    }

    fn template(&self) -> Template {
        let mut resources = Map::new();
        let mut needs = DiGraphMap::new();
        for (step, form) in self.forms.values() {
            for (id, part) in self.ids[&step.id].iter().zip(form.parts()) {
                resources.insert(id.clone(), self.resource(step, form, part));
                self.take_needs(id, &mut needs);
            }
        }
        for (step, form) in self.forms.values() {
            if let Shape::PropertyOf { other, property, value } = &form.shape {
                self.set_property(&mut resources, &mut needs, step, other, property, value);
            }
        }
        self.set_order(&mut resources, &mut needs);
        let outputs = self.written_outputs();
        let parameters = self.written_parameters();
        let gaps = self.gaps.take();
        let listed = gaps.iter().map(|gap| json!({"Step": gap.step, "Type": gap.kind, "What": gap.what}));
        let mut body = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": self.export.title,
            "Metadata": {"NotExpressed": listed.collect::<Value>()},
            "Parameters": parameters,
            "Resources": resources,
            "Outputs": outputs,
        });
        // CloudFormation takes no empty section.
        let sections = body.as_object_mut().expect("a template is an object");
        sections.retain(|_, section| !section.as_object().is_some_and(Map::is_empty));
        Template { body, gaps, to_give: self.to_give.take() }
    }

    fn resource(&self, step: &Step, form: &Form, part: &Part) -> Value {
        let mut properties = self.value(&step.id, &part.properties);
        if let (Some((name, tags)), Some(properties)) =
            (part.tagging.property(&told(&step.tags)), properties.as_object_mut())
        {
            properties.insert(name.to_owned(), tags);
        }
        let mut resource = json!({"Type": part.kind, "Properties": properties});
        if !part.excused.is_empty() {
            resource["Metadata"] = json!({"cfn-lint": {"config": {"ignore_checks": part.excused}}});
        }
        if part.name.is_empty() && form.holds_data {
            // What nobody can make again isn't deleted by the way here either.
            resource["DeletionPolicy"] = "Retain".into();
            resource["UpdateReplacePolicy"] = "Retain".into();
        }
        resource
    }

    /// The logical ids of the resources of this template that a step has become, its own first.
    fn resources_of(&self, step: &StepId) -> &[String] {
        match self.forms.get(step) {
            Some((step, form)) if !form.parts().is_empty() => &self.ids[&step.id],
            _ => &[],
        }
    }

    fn set_property<'s>(
        &'s self,
        resources: &mut Map<String, Value>,
        needs: &mut DiGraphMap<&'s str, ()>,
        step: &Step,
        other: &str,
        property: &str,
        value: &Value,
    ) {
        let other = reference::find(&Value::from(other)).into_iter().next();
        let Some(of) = other.and_then(|other| self.resources_of(&other.step).first()) else {
            let what = format!("it is the property {property} of what isn't in this template");
            return self.gaps.borrow_mut().push(gap(step, &what));
        };
        let value = self.value(&step.id, value);
        self.take_needs(of, needs);
        let at = &mut resources[of]["Properties"][property];
        match (at.as_array_mut(), value) {
            (Some(list), Value::Array(more)) => list.extend(more),
            (_, value) => *at = value,
        }
    }

    /// What was written last is of this resource: it needs what that refers to.
    fn take_needs<'s>(&'s self, id: &'s str, needs: &mut DiGraphMap<&'s str, ()>) {
        for step in self.mentioned.take() {
            needs.add_edge(id, &self.ids[&step][0], ());
        }
    }

    /// What a step needs comes before it, also where what its references have become doesn't say so: what was told to stand
    /// first, what only gives on what it was given, what belongs to another resource. It can't where CloudFormation makes two
    /// steps one resource, and that would need itself then.
    fn set_order<'s>(&'s self, resources: &mut Map<String, Value>, needs: &mut DiGraphMap<&'s str, ()>) {
        for (step, form) in self.forms.values() {
            for (id, part) in self.ids[&step.id].iter().zip(form.parts()) {
                let used = reference::find(&part.properties).into_iter().map(|used| used.step);
                let first: BTreeSet<StepId> = used.chain(step.after.keys().cloned()).collect();
                let mut after = BTreeSet::new();
                for other in first.iter().flat_map(|step| self.resources_of(step)) {
                    let is_needed = needs.contains_edge(id, other);
                    if !is_needed && !has_path_connecting(&*needs, other, id, None) {
                        needs.add_edge(id, other, ());
                        after.insert(other);
                    }
                }
                if !after.is_empty() {
                    resources[id]["DependsOn"] = json!(after);
                }
            }
        }
    }

    /// True if everything that the text refers to is in this region.
    fn is_here(&self, text: &str) -> bool {
        reference::find(&Value::from(text)).iter().all(|reference| self.forms.contains_key(&reference.step))
    }

    /// The resource of a step, or an attribute of it.
    fn own(&self, step: &StepId, attribute: &str) -> Piece {
        let id = &self.ids[step][0];
        self.mentioned.borrow_mut().insert(step.clone());
        let (attribute, between) =
            attribute.split_once('|').map_or((attribute, None), |(name, between)| (name, Some(between)));
        Piece::Logical { id: id.clone(), attribute: attribute.to_owned(), between: between.map(str::to_owned) }
    }

    /// A value with intrinsic functions in the place of references. `this` is the step that it is of.
    fn value(&self, this: &StepId, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(this, text),
            Value::Array(items) => items.iter().map(|item| self.value(this, item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(_, field)| !field.is_null());
                fields.map(|(key, field)| (key.clone(), self.value(this, field))).collect()
            }
            other => other.clone(),
        }
    }

    fn text(&self, this: &StepId, text: &str) -> Value {
        let mut pieces = Vec::new();
        self.pieces(this, text, &mut pieces);
        intrinsic::of(&pieces)
    }

    /// What a text is made of once each reference is followed to the resource or parameter that gives it.
    fn pieces(&self, this: &StepId, text: &str, pieces: &mut Vec<Piece>) {
        reference::split(text, |piece| match piece {
            reference::Piece::Text(text) => pieces.extend(self.place().pieces(text)),
            reference::Piece::Token(Reference { step, field }) if step.0.is_empty() => {
                pieces.push(match field.split_once('?') {
                    Some((name, what)) => {
                        self.parameter(Reference { step: this.clone(), field: name.to_owned() }, Some(what))
                    }
                    None if field.starts_with("AWS::") => Piece::reference(field),
                    None => self.own(this, &field),
                });
            }
            reference::Piece::Token(reference) => match self.gives(&reference) {
                Some(text) => self.pieces(&reference.step, text, pieces),
                None => pieces.push(self.parameter(reference, None)),
            },
        });
    }

    fn place(&self) -> Place<'_> {
        Place { account: self.export.account, partition: self.export.partition, region: self.region }
    }

    fn parameter(&self, reference: Reference, what: Option<&str>) -> Piece {
        let mut parameters = self.parameters.borrow_mut();
        let parameter = parameters.entry(reference).or_insert_with_key(|Reference { step, field }| {
            let name = self.names.borrow_mut().give(&format!("{step}-{field}"));
            if let Some((step, _)) = self.forms.get(step) {
                let what = what.map_or_else(|| format!("its {field}"), str::to_owned);
                self.to_give.borrow_mut().push(ToGive { parameter: name.clone(), step: step.id.clone(), what });
            } else if let Some(step) = self.export.graph.get(step)
                && self.asked_from(|region| region == step.region).iter().any(|of| self.forms.contains_key(&of.step))
            {
                // What another region's template gives is no gap, but for this.
                let region = &step.region;
                let what = format!(
                    "its {field} is an output of the stack in {region} (parameter {name}), which needs outputs of this \
                     one: make one of the two without what needs the other first"
                );
                self.gaps.borrow_mut().push(gap(step, &what));
            }
            Parameter { name, what: what.map(str::to_owned) }
        });
        Piece::reference(parameter.name.clone())
    }

    /// What the system tells people, and what the templates of other regions ask for: as it is called there.
    fn written_outputs(&self) -> Map<String, Value> {
        let mut names = Names::default();
        let own = self.export.outputs.iter().map(|(name, text)| (name.clone(), text.clone()));
        let asked = self.asked_from(|region| region != self.region).into_iter().filter(|of| self.gives(of).is_some());
        let asked = asked.map(|of| (format!("{}-{}", of.step, of.field), reference::token(&of.step, &of.field)));
        let nobody = StepId::from("");
        let here = own.chain(asked).filter(|(_, text)| self.is_here(text));
        here.map(|(name, text)| (names.give(&name), json!({"Value": self.text(&nobody, &text)}))).collect()
    }

    /// What the steps of these regions refer to.
    fn asked_from(&self, region: impl Fn(&str) -> bool) -> BTreeSet<Reference> {
        let steps = self.export.graph.in_order().filter(|step| region(&step.region));
        steps.flat_map(|step| reference::find(&step.spec)).collect()
    }

    /// What an output of a step is in this template.
    fn gives(&self, of: &Reference) -> Option<&String> {
        let (_, form) = self.forms.get(&of.step)?;
        form.gives.iter().find(|(output, _)| *output == of.field).map(|(_, text)| text)
    }

    fn written_parameters(&self) -> Map<String, Value> {
        let write = |(Reference { step, field }, Parameter { name, what }): (&Reference, &Parameter)| {
            let region = self.export.graph.get(step).map_or("?", |step| step.region.as_str());
            let description = match what {
                Some(what) => format!("{step}: {what}"),
                None => format!("The {field} of {step} in {region}"),
            };
            (name.clone(), json!({"Type": "String", "Description": description}))
        };
        self.parameters.borrow().iter().map(write).collect()
    }
}

fn gap(step: &Step, what: &str) -> Gap {
    Gap { step: step.id.clone(), kind: step.kind, what: what.to_owned() }
}

/// The tags without those by which provisioner knows what is its own. The suffix stays: roles and rules look for it.
fn told(tags: &Tags) -> Tags {
    tags.iter()
        .filter(|(key, _)| *key == ownership::SUFFIX || !(ownership::is_ours(key) || *key == "ManagedBy"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
