//! Where a module adds its resources: a path, an environment, a region, and the names and tags that follow from them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::engine::ownership::Owner;
use crate::engine::{Step, StepId, Tags, reference};
use crate::resources::Resource;
use crate::resources::ids::PolicyArn;

/// How long logs are kept unless a system sets it, in days.
const LOG_RETENTION_DAYS: i32 = 365;

/// The identity of a deployment.
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
    /// The tags that the configuration sets on every resource.
    pub tags: Tags,
}

/// Collects the steps of a system while it is composed.
#[derive(Debug)]
pub struct Stack {
    identity: Identity,
    steps: RefCell<Vec<Step>>,
}

impl Stack {
    /// An empty stack.
    pub fn new(identity: Identity) -> Self {
        Stack { identity, steps: RefCell::default() }
    }

    /// The scope of the whole system: no environment, the primary region.
    pub fn root(&self) -> Scope<'_> {
        Scope {
            stack: self,
            path: String::new(),
            environment: None,
            region: self.identity.region.clone(),
            log_retention_days: LOG_RETENTION_DAYS,
            tags: Tags::new(),
            after: BTreeMap::new(),
            shared: false,
        }
    }

    /// The steps, in the order in which they were added.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps.into_inner()
    }
}

/// A place in a system where resources are added.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    stack: &'a Stack,
    path: String,
    environment: Option<String>,
    region: String,
    log_retention_days: i32,
    tags: Tags,
    after: BTreeMap<StepId, &'static str>,
    shared: bool,
}

impl Scope<'_> {
    /// The scope below this one: the ids of its steps are `…/name/…`.
    pub fn at(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
        Scope { path, ..self.clone() }
    }

    /// The scope of an environment, for example `blue`, `green` or `production`: below this one. Its name is part of the
    /// resources' names and tags. `apply` and `destroy` don't take an environment away while it serves customers.
    pub fn environment(&self, environment: &str) -> Self {
        Scope { environment: Some(environment.to_owned()), ..self.at(environment) }
    }

    /// The same scope in another region.
    pub fn in_region(&self, region: &str) -> Self {
        Scope { region: region.to_owned(), ..self.clone() }
    }

    /// The same scope; log groups in it keep events for so many days.
    pub fn with_log_retention(&self, days: i32) -> Self {
        Scope { log_retention_days: days, ..self.clone() }
    }

    /// The same scope; its resources get one more tag. It overrides a tag of the configuration, but none of the tags by which
    /// provisioner finds its resources.
    pub fn with_tag(&self, key: &str, value: &str) -> Self {
        let mut scope = self.clone();
        scope.tags.insert(key.to_owned(), value.to_owned());
        scope
    }

    /// The same scope; the tag `Name` of its resources, which the AWS console shows, is `name`.
    pub fn with_name_tag(&self, name: &str) -> Self {
        self.with_tag("Name", name)
    }

    /// The same scope; its resources are created after the resource that `output` comes from, although they use no value of it.
    pub fn after(&self, output: &str, reason: &'static str) -> Self {
        let mut scope = self.clone();
        let needed = reference::find(&serde_json::Value::String(output.to_owned()));
        scope.after.extend(needed.into_iter().map(|reference| (reference.step, reason)));
        scope
    }

    /// The same scope, for resources that AWS allows once per account and region: see [`Step::shared`].
    pub fn shared(&self) -> Self {
        Scope { shared: true, ..self.clone() }
    }

    /// Adds a resource. Its outputs are references: put them into the specs of other resources as they are.
    pub fn add<R: Resource>(&self, leaf: &str, spec: R) -> R::Outputs {
        let id = StepId(self.at(leaf).path);
        let outputs = reference::symbolic(&id);
        self.stack.steps.borrow_mut().push(Step {
            kind: R::TYPE.kind,
            region: self.region.clone(),
            environment: self.environment.clone(),
            spec: serde_json::to_value(&spec).expect("a spec is plain data"),
            tags: self.tags(&id, leaf),
            after: self.after.clone(),
            shared: self.shared,
            id,
        });
        outputs
    }

    fn tags(&self, id: &StepId, leaf: &str) -> Tags {
        let Identity { owner, tags, .. } = &self.stack.identity;
        let mut tags = tags.clone();
        tags.insert("Name".to_owned(), self.name(leaf));
        tags.extend(self.tags.clone());
        tags.insert("Environment".to_owned(), self.environment_name().to_owned());
        tags.insert("ManagedBy".to_owned(), "provisioner".to_owned());
        tags.insert("Stack".to_owned(), format!("{}-{}", owner.system, owner.suffix));
        tags.extend(owner.tags(id, self.shared));
        tags
    }

    /// `{resource-type}-{suffix}`, or `{resource-type}-{environment}-{suffix}` inside an environment.
    ///
    /// Names need the suffix, as batched reads select by it: load balancers, target groups and log groups by a name that
    /// contains it, roles by a name that ends in `-{suffix}`.
    pub fn name(&self, resource_type: &str) -> String {
        let suffix = self.suffix();
        match &self.environment {
            Some(environment) => format!("{resource_type}-{environment}-{suffix}"),
            None => format!("{resource_type}-{suffix}"),
        }
    }

    /// [`Scope::name`] in at most `limit` characters. A longer name is cut before the suffix, and a hash of the whole name makes
    /// it unique.
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

    /// The environment's name, `shared` outside of environments.
    pub fn environment_name(&self) -> &str {
        self.environment.as_deref().unwrap_or("shared")
    }

    /// The region of the resources.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// How long logs are kept, in days.
    pub fn log_retention_days(&self) -> i32 {
        self.log_retention_days
    }

    /// The suffix.
    pub fn suffix(&self) -> &str {
        &self.stack.identity.owner.suffix
    }

    /// The AWS account.
    pub fn account(&self) -> &str {
        &self.stack.identity.account
    }

    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        &self.stack.identity.partition
    }

    /// The ARN of a resource of this account: `arn:{partition}:{service}:{region}:{account}:{resource}`. ARNs of global services
    /// (`iam`, `sts`, `cloudfront` ...) have no region, those of `s3` and `route53` no account either.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let (region, account) = match service {
            "s3" | "route53" => ("", ""),
            "cloudfront" | "globalaccelerator" | "iam" | "organizations" | "shield" | "sts" => ("", self.account()),
            _ => (self.region(), self.account()),
        };
        format!("arn:{}:{service}:{region}:{account}:{resource}", self.partition())
    }

    /// The ARN of an IAM policy that AWS manages, for example `service-role/AWSLambdaBasicExecutionRole`.
    pub fn managed_policy(&self, name: &str) -> PolicyArn {
        format!("arn:{}:iam::aws:policy/{name}", self.partition()).into()
    }
}

#[cfg(test)]
mod tests {
    use crate::modules::key::tests::stack;
    use crate::resources::ec2::Vpc;

    #[test]
    fn arns_of_global_services_have_no_region() {
        let stack = stack();
        let scope = stack.root();
        assert_eq!(scope.arn("sqs", "jobs"), "arn:aws:sqs:us-east-1:123456789012:jobs");
        assert_eq!(scope.arn("iam", "role/a"), "arn:aws:iam::123456789012:role/a");
        assert_eq!(scope.arn("s3", "bucket"), "arn:aws:s3:::bucket");
        assert_eq!(scope.arn("route53", "hostedzone/Z1"), "arn:aws:route53:::hostedzone/Z1");
        assert_eq!(*scope.managed_policy("ReadOnlyAccess"), *"arn:aws:iam::aws:policy/ReadOnlyAccess");
    }

    #[test]
    fn own_tags_override_names_but_not_ownership() {
        let stack = stack();
        let scope = stack.root().environment("production").with_name_tag("main").with_tag("Team", "shop");
        let scope = scope.with_tag("Stack", "other").with_tag("provisioner:suffix", "other");
        scope.add("vpc", Vpc { cidr: "10.0.0.0/16".parse().unwrap(), dns_support: true, dns_hostnames: true });
        let tags = &stack.into_steps()[0].tags;
        assert_eq!((tags["Name"].as_str(), tags["Team"].as_str()), ("main", "shop"));
        assert_eq!((tags["Stack"].as_str(), tags["Environment"].as_str()), ("lambda-mysql-dev1", "production"));
        assert_eq!(tags["provisioner:suffix"], "dev1");
    }
}
