//! Words for actions.

use console::{StyledObject, style};

use crate::engine::Action;
pub use crate::text::{count, duration, step_error};

/// `creating`, `updating` ...
pub fn doing(action: Action) -> &'static str {
    match action {
        Action::Unchanged => "checking",
        Action::Create => "creating",
        Action::Adopt => "adopting",
        Action::Update => "updating",
        Action::Replace => "replacing",
        Action::Delete => "deleting",
        Action::Leave => "keeping",
        Action::Forget => "forgetting",
    }
}

/// `created`, `updated` ...
pub fn done(action: Action) -> &'static str {
    match action {
        Action::Unchanged => "unchanged",
        Action::Create => "created",
        Action::Adopt => "adopted",
        Action::Update => "updated",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Leave => "kept",
        Action::Forget => "forgotten",
    }
}

/// [`done`], coloured by the action.
pub fn coloured(action: Action) -> StyledObject<&'static str> {
    let word = style(done(action)).for_stderr();
    match action {
        Action::Create | Action::Adopt => word.green(),
        Action::Update => word.yellow(),
        Action::Replace => word.magenta(),
        Action::Delete => word.red(),
        Action::Unchanged | Action::Leave | Action::Forget => word.dim(),
    }
}

/// The symbol of an action in a plan: `+`, `~`, `±`, `-`.
pub fn sign(action: Action) -> &'static str {
    match action {
        Action::Unchanged => " ",
        Action::Create => "+",
        Action::Adopt => "=",
        Action::Update => "~",
        Action::Replace => "±",
        Action::Delete => "-",
        Action::Leave | Action::Forget => "·",
    }
}
