//! The ownership tags: every resource carries them from its creation on.

use super::step::{Step, StepId, Tags};

/// The key of the tag that names the system.
pub const SYSTEM: &str = "provisioner:system";
/// The key of the tag that names the suffix.
pub const SUFFIX: &str = "provisioner:suffix";
/// The key of the tag that names the step.
pub const STEP: &str = "provisioner:step";
/// The prefix of use marks: the tags by which deployments mark that they use a shared resource.
const USED_BY: &str = "provisioner:used-by:";
/// The system and suffix that shared resources are tagged with.
const SHARED: &str = "shared";

/// True for the key of an ownership tag.
pub fn is_ours(key: &str) -> bool {
    [SYSTEM, SUFFIX, STEP].contains(&key) || key.starts_with(USED_BY)
}

/// What the state knows about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Nothing.
    Unknown,
    /// A run recorded the intent to create it, then died; nothing existed at that time. Its type is tagged by a separate call
    /// (a bucket), so the resource may have no tags yet.
    Intended,
    /// The state records it: a single damaged tag doesn't disown it. A resource with none of our tags is unmanaged.
    Recorded,
}

/// How AWS shows whose a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It has tags: they name its owner.
    Tagged(Tags),
    /// It has no tags and is part of another resource (a route of a route table): it has the owner of that resource.
    Child,
    /// It has no tags and isn't part of another resource (a dashboard, a record in an existing zone): only the state records
    /// its owner. One that the state doesn't record is never adopted.
    NameOnly,
}

impl Ownership {
    /// The tags of a resource that has tags.
    pub fn tags(&self) -> Option<&Tags> {
        match self {
            Ownership::Tagged(tags) => Some(tags),
            Ownership::Child | Ownership::NameOnly => None,
        }
    }
}

/// The identity of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The system, for example `lambda-mysql`.
    pub system: String,
    /// The suffix, for example `dev1`.
    pub suffix: String,
}

impl Owner {
    /// The ownership tags of a step.
    pub fn tags(&self, step: &StepId, shared: bool) -> Tags {
        let (system, suffix) = if shared { (SHARED, SHARED) } else { (self.system.as_str(), self.suffix.as_str()) };
        let mut tags = Tags::from([
            (SYSTEM.to_owned(), system.to_owned()),
            (SUFFIX.to_owned(), suffix.to_owned()),
            (STEP.to_owned(), step.to_string()),
        ]);
        if shared {
            tags.insert(self.use_mark(), "1".to_owned());
        }
        tags
    }

    /// The key of the use mark: the tag by which this deployment marks that it uses a shared resource.
    pub fn use_mark(&self) -> String {
        format!("{USED_BY}{}.{}", self.system, self.suffix)
    }

    /// True if a resource with these tags is the step's, given what the state knows about it.
    pub fn owns(&self, step: &Step, provenance: Provenance, tags: &Tags) -> bool {
        let ours = self.tags(&step.id, step.shared);
        let matches = |key: &str| tags.get(key).is_some() && tags.get(key) == ours.get(key);
        let (system, suffix, this) = (matches(SYSTEM), matches(SUFFIX), matches(STEP));
        let is_marked = system && suffix && (this || step.shared);
        is_marked
            || match provenance {
                Provenance::Unknown => false,
                // A resource that somebody else has tagged isn't the intended one. AWS's own tags don't count.
                Provenance::Intended => tags.keys().all(|key| key.starts_with("aws:")),
                Provenance::Recorded => system || suffix || this,
            }
    }

    /// True if the tags name this deployment, at whichever step.
    pub fn is_deployment(&self, tags: &Tags) -> bool {
        tags.get(SYSTEM) == Some(&self.system) && tags.get(SUFFIX) == Some(&self.suffix)
    }

    /// True if other deployments use a shared resource with these tags.
    pub fn has_other_users(&self, tags: &Tags) -> bool {
        let mine = self.use_mark();
        tags.keys().any(|key| key.starts_with(USED_BY) && *key != mine)
    }
}
