//! The constant facts of a resource type, as data.

use std::time::Duration;

/// The facts of a resource type that don't depend on one resource. Start from [`TypeInfo::new`] and set what differs:
///
/// ```
/// use std::time::Duration;
/// use provisioner::engine::TypeInfo;
///
/// const TYPE: TypeInfo = TypeInfo {
///     force_new: &["cidr"],
///     ..TypeInfo::new("ec2.vpc", Duration::from_secs(10), &["ec2:CreateVpc", "ec2:DescribeVpcs", "ec2:DeleteVpc"])
/// };
/// assert!(TYPE.forces_replacement("cidr"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TypeInfo {
    /// The name of the type: service and type, `ec2.nat_gateway`. State files contain it.
    pub kind: &'static str,
    /// How long a creation usually takes on AWS.
    pub typical_create_time: Duration,
    /// The IAM actions that provisioner itself needs for this type.
    pub actions: &'static [&'static str],
    /// Fields that AWS can't change in place: a change replaces the resource.
    pub force_new: &'static [&'static str],
    /// Fields that can't change while the resource exists, and whose change doesn't replace it either: the plan refuses it. A
    /// replacement for another reason may change them.
    pub immutable: &'static [Immutable],
    /// Fields that AWS never returns: `observe` copies them from the spec. A change shows against the state file.
    pub write_only: &'static [&'static str],
    /// A replacement creates the new resource before it deletes the old one. Only for types whose names can't collide.
    pub create_before_destroy: bool,
    /// Its users keep working after it is deleted. If a replacement is itself replaced before it completes, the unused
    /// intermediate is deleted first; dependents keep using the old revision.
    pub usable_after_delete: bool,
    /// The resource can be read from every region: a step that moves to another region keeps it.
    pub global: bool,
    /// Deleting it loses data that can't be recreated: the user has to allow that.
    pub stateful: bool,
    /// The create call takes no tags: a resource that was just created may have none yet.
    pub no_tag_on_create: bool,
    /// The types that AWS refuses to delete while a resource of this type uses them.
    pub blocks_deletion_of: &'static [&'static str],
    /// Why a forced replacement of this type is refused; `None` if it is allowed.
    pub no_forced_replace: Option<&'static str>,
    /// Customer requests pass through it: the user has to allow its removal from an environment that serves traffic.
    pub serves_traffic: bool,
}

/// A field that can't change while the resource exists.
#[derive(Clone, Copy, Debug)]
pub struct Immutable {
    /// The field of the spec.
    pub field: &'static str,
    /// What to do instead, for people.
    pub advice: &'static str,
}

/// Why a resource can't change from its actual spec to the desired one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The field of the spec.
    pub field: String,
    /// What to do instead, for people.
    pub advice: String,
}

impl Refusal {
    /// The refusal of a change of `field`.
    pub fn new(field: impl Into<String>, advice: impl Into<String>) -> Self {
        Refusal { field: field.into(), advice: advice.into() }
    }
}

impl TypeInfo {
    /// The facts of most types: every field can change in place, tags go into the create call.
    pub const fn new(kind: &'static str, typical_create_time: Duration, actions: &'static [&'static str]) -> Self {
        TypeInfo {
            kind,
            typical_create_time,
            actions,
            force_new: &[],
            immutable: &[],
            write_only: &[],
            create_before_destroy: false,
            usable_after_delete: false,
            global: false,
            stateful: false,
            no_tag_on_create: false,
            blocks_deletion_of: &[],
            no_forced_replace: None,
            serves_traffic: false,
        }
    }

    /// True if a change of this field replaces the resource.
    pub fn forces_replacement(&self, field: &str) -> bool {
        self.force_new.contains(&field)
    }

    /// True if AWS never returns this field.
    pub fn is_write_only(&self, field: &str) -> bool {
        self.write_only.contains(&field)
    }

    /// The rule for this field if it can't change while the resource exists.
    pub fn immutable(&self, field: &str) -> Option<&'static Immutable> {
        self.immutable.iter().find(|immutable| immutable.field == field)
    }
}
