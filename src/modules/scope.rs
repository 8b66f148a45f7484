//! Where a module puts its resources: a path, an environment, a region, and the names and tags that follow from them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::engine::ownership::Owner;
use crate::engine::{Step, StepId, Tags, reference};
use crate::resources::Resource;

/// What is known of a deployment before its graph is built.
#[derive(Clone, Debug)]
pub struct Identity {
    /// System and suffix.
    pub owner: Owner,
    /// The AWS account.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The primary region.
    pub region: String,
    /// The tags that the configuration asks for on everything.
    pub tags: Tags,
}

/// The steps of a system while it is being composed.
#[derive(Debug)]
pub struct Stack {
    identity: Identity,
    steps: RefCell<Vec<Step>>,
}

impl Stack {
    /// An empty one.
    pub fn new(identity: Identity) -> Self {
        Stack { identity, steps: RefCell::default() }
    }

    /// The scope of the whole system: environment `shared`, the primary region.
    pub fn root(&self) -> Scope<'_> {
        Scope {
            stack: self,
            path: String::new(),
            environment: None,
            region: self.identity.region.clone(),
            after: BTreeMap::new(),
            shared: false,
        }
    }

    /// The steps, in the order in which they were added.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps.into_inner()
    }
}

/// A place in a system to put resources.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    stack: &'a Stack,
    path: String,
    environment: Option<String>,
    region: String,
    after: BTreeMap<StepId, &'static str>,
    shared: bool,
}

impl Scope<'_> {
    /// A place below this one: steps there are called `…/name/…`.
    pub fn at(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Scope { path, ..self.clone() }
    }

    /// The place of an environment, `blue` or `green`: below this one, and named and tagged after it.
    pub fn environment(&self, environment: &str) -> Self {
        Scope { environment: Some(environment.to_owned()), ..self.at(environment) }
    }

    /// The same place in another region.
    pub fn in_region(&self, region: &str) -> Self {
        Scope { region: region.to_owned(), ..self.clone() }
    }

    /// The same place, for resources that need those behind `output` to stand although they use no value of theirs.
    pub fn after(&self, output: &str, reason: &'static str) -> Self {
        let mut scope = self.clone();
        let needed = reference::find(&serde_json::Value::String(output.to_owned()));
        scope.after.extend(needed.into_iter().map(|reference| (reference.step, reason)));
        scope
    }

    /// The same place, for what AWS has once an account and region: see [`Step::shared`].
    pub fn shared(&self) -> Self {
        Scope { shared: true, ..self.clone() }
    }

    /// Puts a resource here. The outputs are references: they can be put into the specs of others as they are.
    pub fn add<R: Resource>(&self, leaf: &str, spec: R) -> R::Outputs {
        let id = StepId(self.at(leaf).path);
        let identity = &self.stack.identity;
        let mut tags = identity.tags.clone();
        tags.insert("Environment".to_owned(), self.environment_name().to_owned());
        tags.insert("ManagedBy".to_owned(), "provisioner".to_owned());
        tags.insert("Stack".to_owned(), format!("{}-{}", identity.owner.system, identity.owner.suffix));
        tags.insert("Name".to_owned(), self.name(leaf));
        tags.extend(identity.owner.tags(&id, self.shared));
        let outputs = reference::symbolic(&id);
        self.stack.steps.borrow_mut().push(Step {
            id,
            kind: R::TYPE.kind,
            region: self.region.clone(),
            environment: self.environment.clone(),
            spec: serde_json::to_value(&spec).expect("a spec is plain data"),
            tags,
            after: self.after.clone(),
            shared: self.shared,
        });
        outputs
    }

    /// `{resource-type}-{suffix}`, or `{resource-type}-{environment}-{suffix}` inside an environment.
    pub fn name(&self, resource_type: &str) -> String {
        let suffix = self.suffix();
        match &self.environment {
            Some(environment) => format!("{resource_type}-{environment}-{suffix}"),
            None => format!("{resource_type}-{suffix}"),
        }
    }

    /// [`Scope::name`] in at most `limit` characters: what is too long is cut before the suffix and told apart by a hash
    /// of the whole.
    pub fn name_within(&self, resource_type: &str, limit: usize) -> String {
        let name = self.name(resource_type);
        if name.len() <= limit {
            return name;
        }
        let digest = Sha256::digest(&name);
        let end = format!("-{:02x}{:02x}{:02x}-{}", digest[0], digest[1], digest[2], self.suffix());
        let start: String = name.chars().take(limit.saturating_sub(end.len())).collect();
        format!("{}{end}", start.trim_end_matches('-'))
    }

    /// `blue`, `green` or `shared`.
    pub fn environment_name(&self) -> &str {
        self.environment.as_deref().unwrap_or("shared")
    }

    /// The region of what is put here.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The suffix.
    pub fn suffix(&self) -> &str {
        &self.stack.identity.owner.suffix
    }

    /// The AWS account.
    pub fn account(&self) -> &str {
        &self.stack.identity.account
    }

    /// The ARN of something in this account and region: `arn:{partition}:{service}:{region}:{account}:{resource}`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.account())
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        &self.stack.identity.partition
    }
}
