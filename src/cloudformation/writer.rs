//! Writes the template of one region from the forms of its steps.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::has_path_connecting;
use petgraph::graphmap::DiGraphMap;
use serde_json::{Map, Value, json};

use super::intrinsic::{self, Environment, Piece};
use super::logical_ids::LogicalIds;
use super::{Export, Gap, RequiredParameter, Template};
use crate::engine::reference::{self, Reference};
use crate::engine::{Step, StepId, Tags, ownership};
use crate::resources::form::{Form, Part, Shape};

pub(super) struct Writer<'a> {
    export: &'a Export<'a>,
    region: &'a str,
    forms: &'a BTreeMap<&'a StepId, (&'a Step, Form)>,
    logical_ids: RefCell<LogicalIds>,
    /// The logical ids of each step's resources. Every step has a first one, also if it becomes no resource.
    ids: BTreeMap<&'a StepId, Vec<String>>,
    /// The references that no resource of this template resolves.
    parameters: RefCell<BTreeMap<Reference, Parameter>>,
    gaps: RefCell<Vec<Gap>>,
    required_parameters: RefCell<Vec<RequiredParameter>>,
    /// The steps whose resources the value that was written last refers to.
    mentioned: RefCell<BTreeSet<StepId>>,
}

/// A template parameter; `description` is what the form of its step says of it.
struct Parameter {
    name: String,
    description: Option<String>,
}

/// Edges from a logical id to those that it refers to.
type Dependencies<'s> = DiGraphMap<&'s str, ()>;

impl<'a> Writer<'a> {
    pub(super) fn new(
        export: &'a Export<'a>,
        region: &'a str,
        forms: &'a BTreeMap<&'a StepId, (&'a Step, Form)>,
    ) -> Self {
        let mut logical_ids = LogicalIds::default();
        let mut ids: BTreeMap<_, _> = forms.keys().map(|step| (*step, vec![logical_ids.allocate(&step.0)])).collect();
        for (step, (_, form)) in forms {
            let parts = form.parts().iter().skip(1);
            let more: Vec<_> = parts.map(|part| logical_ids.allocate(&format!("{step}-{}", part.name))).collect();
            ids.entry(step).or_default().extend(more);
        }
        let gaps = forms.values().flat_map(|(step, form)| form.gaps.iter().map(|what| gap(step, what)));
        Writer {
            export,
            region,
            forms,
            ids,
            logical_ids: logical_ids.into(),
            parameters: RefCell::default(),
            gaps: RefCell::new(gaps.collect()),
            required_parameters: RefCell::default(),
            mentioned: RefCell::default(),
        }
    }

    pub(super) fn template(&self) -> Template {
        let mut resources = Map::new();
        let mut dependencies = DiGraphMap::new();
        for (step, form) in self.forms.values() {
            for (id, part) in self.ids[&step.id].iter().zip(form.parts()) {
                resources.insert(id.clone(), self.resource(step, form, part));
                self.take_mentioned(id, &mut dependencies);
            }
        }
        for (step, form) in self.forms.values() {
            if let Shape::PropertyOf { other, property, value } = &form.shape {
                self.set_property(&mut resources, &mut dependencies, step, other, property, value);
            }
        }
        self.add_depends_on(&mut resources, &mut dependencies);
        let outputs = self.outputs();
        let parameters = self.parameters();
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
        // CloudFormation refuses empty sections.
        let sections = body.as_object_mut().expect("a template is an object");
        sections.retain(|_, section| !section.as_object().is_some_and(Map::is_empty));
        Template { body, gaps, required_parameters: self.required_parameters.take() }
    }

    fn resource(&self, step: &Step, form: &Form, part: &Part) -> Value {
        let mut properties = self.value(&step.id, &part.properties);
        if let (Some((name, tags)), Some(properties)) =
            (part.tagging.property(&exported_tags(&step.tags)), properties.as_object_mut())
        {
            properties.insert(name.to_owned(), tags);
        }
        let mut resource = json!({"Type": part.kind, "Properties": properties});
        if !part.ignored_lints.is_empty() {
            resource["Metadata"] = json!({"cfn-lint": {"config": {"ignore_checks": part.ignored_lints}}});
        }
        if part.name.is_empty() && form.stateful {
            resource["DeletionPolicy"] = "Retain".into();
            resource["UpdateReplacePolicy"] = "Retain".into();
        }
        resource
    }

    /// The logical ids of a step's resources in this template, the main one first.
    fn resources_of(&self, step: &StepId) -> &[String] {
        match self.forms.get(step) {
            Some((step, form)) if !form.parts().is_empty() => &self.ids[&step.id],
            _ => &[],
        }
    }

    fn set_property<'s>(
        &'s self,
        resources: &mut Map<String, Value>,
        dependencies: &mut Dependencies<'s>,
        step: &Step,
        other: &str,
        property: &str,
        value: &Value,
    ) {
        let other = reference::find(&Value::from(other)).into_iter().next();
        let Some(owner) = other.and_then(|other| self.resources_of(&other.step).first()) else {
            let what = format!("it is the property {property} of a resource that isn't in this template");
            return self.gaps.borrow_mut().push(gap(step, &what));
        };
        let value = self.value(&step.id, value);
        self.take_mentioned(owner, dependencies);
        let target = &mut resources[owner]["Properties"][property];
        match (target.as_array_mut(), value) {
            (Some(list), Value::Array(more)) => list.extend(more),
            (_, value) => *target = value,
        }
    }

    /// Records that this resource depends on the steps that the value which was written last refers to.
    fn take_mentioned<'s>(&'s self, id: &'s str, dependencies: &mut Dependencies<'s>) {
        for step in self.mentioned.take() {
            dependencies.add_edge(id, &self.ids[&step][0], ());
        }
    }

    /// Adds `DependsOn` for dependencies that the written references don't imply: steps that come after another without a
    /// reference, outputs that are copied from an input, resources that belong to another one. A dependency that would close
    /// a cycle is left out: it is between two steps that are one resource in CloudFormation.
    fn add_depends_on<'s>(&'s self, resources: &mut Map<String, Value>, dependencies: &mut Dependencies<'s>) {
        for (step, form) in self.forms.values() {
            for (id, part) in self.ids[&step.id].iter().zip(form.parts()) {
                let referenced = reference::find(&part.properties).into_iter().map(|reference| reference.step);
                let needed: BTreeSet<StepId> = referenced.chain(step.after.keys().cloned()).collect();
                let mut depends_on = BTreeSet::new();
                for other in needed.iter().flat_map(|step| self.resources_of(step)) {
                    let is_implied = dependencies.contains_edge(id, other);
                    if !is_implied && !has_path_connecting(&*dependencies, other, id, None) {
                        dependencies.add_edge(id, other, ());
                        depends_on.insert(other);
                    }
                }
                if !depends_on.is_empty() {
                    resources[id]["DependsOn"] = json!(depends_on);
                }
            }
        }
    }

    /// True if everything that the text refers to is in this region.
    fn is_in_region(&self, text: &str) -> bool {
        reference::find(&Value::from(text)).iter().all(|reference| self.forms.contains_key(&reference.step))
    }

    /// A reference to the main resource of a step: its `Ref` or an attribute.
    fn resource_reference(&self, step: &StepId, attribute: &str) -> Piece {
        let id = &self.ids[step][0];
        self.mentioned.borrow_mut().insert(step.clone());
        let (attribute, separator) =
            attribute.split_once('|').map_or((attribute, None), |(name, separator)| (name, Some(separator)));
        Piece::Reference {
            id: id.clone(),
            attribute: attribute.to_owned(),
            list_separator: separator.map(str::to_owned),
        }
    }

    /// A value of the form of `step`, with intrinsic functions instead of references.
    fn value(&self, step: &StepId, value: &Value) -> Value {
        match value {
            Value::String(text) => self.text(step, text),
            Value::Array(items) => items.iter().map(|item| self.value(step, item)).collect(),
            Value::Object(fields) => {
                let fields = fields.iter().filter(|(_, field)| !field.is_null());
                fields.map(|(key, field)| (key.clone(), self.value(step, field))).collect()
            }
            other => other.clone(),
        }
    }

    fn text(&self, step: &StepId, text: &str) -> Value {
        let mut pieces = Vec::new();
        self.collect_pieces(step, text, &mut pieces);
        intrinsic::value(&pieces)
    }

    /// Splits a text of the form of `this`, and follows each reference to a resource or parameter of the template.
    fn collect_pieces(&self, this: &StepId, text: &str, pieces: &mut Vec<Piece>) {
        reference::split(text, |piece| match piece {
            reference::Piece::Text(text) => pieces.extend(self.environment().pieces(text)),
            reference::Piece::Token(Reference { step, field }) if step.0.is_empty() => {
                pieces.push(match field.split_once('?') {
                    Some((name, description)) => {
                        self.parameter(Reference { step: this.clone(), field: name.to_owned() }, Some(description))
                    }
                    None if field.starts_with("AWS::") => Piece::reference(field),
                    None => self.resource_reference(this, &field),
                });
            }
            reference::Piece::Token(reference) => match self.output(&reference) {
                Some(text) => self.collect_pieces(&reference.step, text, pieces),
                None => pieces.push(self.parameter(reference, None)),
            },
        });
    }

    fn environment(&self) -> Environment<'_> {
        Environment { account: self.export.account, partition: self.export.partition, region: self.region }
    }

    fn parameter(&self, reference: Reference, description: Option<&str>) -> Piece {
        let mut parameters = self.parameters.borrow_mut();
        let parameter = parameters.entry(reference).or_insert_with_key(|Reference { step, field }| {
            let name = self.logical_ids.borrow_mut().allocate(&format!("{step}-{field}"));
            if let Some((step, _)) = self.forms.get(step) {
                let what = description.map_or_else(|| format!("its {field}"), str::to_owned);
                let required = RequiredParameter { parameter: name.clone(), step: step.id.clone(), what };
                self.required_parameters.borrow_mut().push(required);
            } else if let Some(step) = self.export.graph.get(step)
                && self.referenced_by(|region| region == step.region).iter().any(|of| self.forms.contains_key(&of.step))
            {
                // An output of another region's stack is no gap, unless the two stacks need each other.
                let region = &step.region;
                let what = format!(
                    "the stack in {region} has its {field} (parameter {name}) and needs outputs of this stack: create one \
                     of the two without the resources that need the other first"
                );
                self.gaps.borrow_mut().push(gap(step, &what));
            }
            Parameter { name, description: description.map(str::to_owned) }
        });
        Piece::reference(parameter.name.clone())
    }

    /// The system's outputs, and the outputs that the templates of other regions have as parameters, under the same names.
    fn outputs(&self) -> Map<String, Value> {
        let mut logical_ids = LogicalIds::default();
        let own = self.export.outputs.iter().map(|(name, text)| (name.clone(), text.clone()));
        let elsewhere = self.referenced_by(|region| region != self.region);
        let exported = elsewhere.into_iter().filter(|of| self.output(of).is_some());
        let exported = exported.map(|of| (format!("{}-{}", of.step, of.field), reference::token(&of.step, &of.field)));
        let no_step = StepId::from("");
        let here = own.chain(exported).filter(|(_, text)| self.is_in_region(text));
        here.map(|(name, text)| (logical_ids.allocate(&name), json!({"Value": self.text(&no_step, &text)}))).collect()
    }

    /// The references in the steps of these regions.
    fn referenced_by(&self, is_region: impl Fn(&str) -> bool) -> BTreeSet<Reference> {
        let steps = self.export.graph.in_order().filter(|step| is_region(&step.region));
        steps.flat_map(|step| reference::find(&step.spec)).collect()
    }

    /// The text of a step's output in this template.
    fn output(&self, of: &Reference) -> Option<&String> {
        let (_, form) = self.forms.get(&of.step)?;
        form.outputs.iter().find(|(output, _)| *output == of.field).map(|(_, text)| text)
    }

    fn parameters(&self) -> Map<String, Value> {
        let write = |(Reference { step, field }, parameter): (&Reference, &Parameter)| {
            let region = self.export.graph.get(step).map_or("?", |step| step.region.as_str());
            let description = match &parameter.description {
                Some(description) => format!("{step}: {description}"),
                None => format!("The {field} of {step} in {region}"),
            };
            (parameter.name.clone(), json!({"Type": "String", "Description": description}))
        };
        self.parameters.borrow().iter().map(write).collect()
    }
}

fn gap(step: &Step, what: &str) -> Gap {
    Gap { step: step.id.clone(), kind: step.kind, what: what.to_owned() }
}

/// The tags without provisioner's ownership tags. The suffix stays: roles and Config rules select resources by it.
fn exported_tags(tags: &Tags) -> Tags {
    tags.iter()
        .filter(|(key, _)| *key == ownership::SUFFIX || !(ownership::is_ours(key) || *key == "ManagedBy"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
