//! Advice in words: what to do about an error, with the commands that do it.

use crate::engine::selection::BadSelection;
use crate::engine::{Advice, StepError, StepId};
use crate::state::{EditError, RemoteCause, StateError};

/// Completes a command for people: `plan` becomes `provisioner plan --suffix dev1`.
pub type CommandLine<'a> = &'a dyn Fn(&str) -> String;

/// The command without the flags of the run.
pub fn bare(command: &str) -> String {
    format!("provisioner {command}")
}

/// What to do about the error of a step.
pub fn of(error: &StepError, command: CommandLine<'_>) -> Option<String> {
    error.advice.as_ref().map(|advice| text(advice, command))
}

/// The words of an advice.
pub fn text(advice: &Advice, command: CommandLine<'_>) -> String {
    let run = |line: &str| format!("`{}`", command(line));
    match advice {
        Advice::Text(text) => text.clone(),
        Advice::State(error) => state(error, command),
        Advice::Edit(error) => edit(error, command),
        Advice::Selection(error) => selection(error, command),
        Advice::OmitReplace => format!(
            "nothing was changed: omit --replace; {} shows what differs, and {} repairs it",
            run("plan"),
            run("apply")
        ),
        Advice::RemoveBlocker { blocker } => format!(
            "undo that change, or omit --replace; or, if {blocker} may be unavailable for a while, run {} first, then {}",
            run(&format!("destroy --target {blocker}")),
            run("apply")
        ),
        Advice::CompleteReplacement => format!(
            "{} deletes the deposed object and leaves this one unchanged; run it again until nothing is left to do",
            run("apply")
        ),
        Advice::RenameStep => "give one of the two another name; nothing of it was changed".to_owned(),
        Advice::RecordRename { former, step } => format!(
            "if the step was renamed, run {}, then {}; if the state was lost, {} rebuilds it",
            run(&format!("state mv {former} {step}")),
            run("apply"),
            run("recover")
        ),
        Advice::ResolveUnmanaged { step, resource } => format!(
            "it was left unchanged: use another --suffix; or delete it, if it isn't needed; or run {} to manage it with this \
             deployment; if the state was lost, {} rebuilds it",
            run(&format!("import {step} {resource}")),
            run("recover")
        ),
        Advice::SplitChange { dependents } => split_change(dependents, command),
        Advice::DeleteThenApply => format!(
            "it was left unchanged: delete it with its dependents ({}), then run {}",
            run("destroy --target STEP"),
            run("apply")
        ),
        Advice::ListSteps { similar } => {
            let similar = similar.as_ref().map(|step| format!("did you mean {step}? "));
            format!("{}{} shows all steps", similar.unwrap_or_default(), run("graph"))
        }
        Advice::RemoveFromState(step) => {
            format!("{} removes that one from the state and leaves the resource to you", run(&format!("state rm {step}")))
        }
        Advice::ResolveIntent(step) => {
            format!("{} finds out whether it exists, and continues", run(&format!("apply --target {step}")))
        }
        Advice::RecoverTagged => {
            format!("{} records that one; or delete it yourself, if it is the wrong one", run("recover"))
        }
        Advice::CheckIdentifier => {
            "give the id, ARN, URL or name that AWS shows; a resource that is found by its name alone must have the name that \
             the configuration gives the step"
                .to_owned()
        }
        Advice::ReleaseFromOther => format!(
            "remove it from the state there ({}), and remove its tags provisioner:system, provisioner:suffix and \
             provisioner:step",
            run("state rm STEP")
        ),
        Advice::MatchConfiguration => {
            "set the configuration to the values of the resource; or, if its data isn't needed, add --allow-replacement"
                .to_owned()
        }
        Advice::MatchImmutable => "nothing was changed: set the configuration to the values of the resource".to_owned(),
        Advice::FindMissing => format!("it was deleted outside of provisioner: {} shows what is missing", run("plan")),
        Advice::FreeName => {
            "another resource has this name: use another --suffix, or delete that resource if it isn't needed".to_owned()
        }
        Advice::WaitAndRetry => {
            "AWS is still busy with a resource that this depends on: run the same command again in some minutes".to_owned()
        }
        Advice::RetryThrottled => "AWS throttles this account: run the same command again to continue".to_owned(),
        Advice::CheckCredentials => {
            "check the credentials (`aws sts get-caller-identity`) and that they allow this operation".to_owned()
        }
        Advice::RaiseQuota => {
            "raise this quota in the Service Quotas console, or delete unused resources; then run the same command again"
                .to_owned()
        }
        Advice::CorrectConfiguration => {
            "AWS rejects the request: if the value is from provisioner.toml, correct it and run the same command again"
                .to_owned()
        }
        Advice::ResolveOutcome => {
            "run the same command again: it finds out whether the call took effect".to_owned()
        }
    }
}

fn split_change(dependents: &[StepId], command: CommandLine<'_>) -> String {
    let split = "nothing was started: make the change in two parts";
    if dependents.is_empty() {
        return split.to_owned();
    }
    let targets: String = dependents.iter().map(|step| format!(" --target {step}")).collect();
    let (destroy, apply) = (command(&format!("destroy{targets}")), command("apply"));
    format!("{split}; or, if these steps may be unavailable for a while, run `{destroy}` first, then `{apply}`")
}

fn selection(error: &BadSelection, command: CommandLine<'_>) -> String {
    let hint = match error {
        BadSelection::UnknownStep { similar, .. } => similar.as_ref().map(|step| format!("did you mean {step}?\n")),
        BadSelection::UnknownModule { similar, .. } => {
            similar.as_ref().map(|module| format!("did you mean {module}?\n"))
        }
        BadSelection::IsModule(module) => Some(format!("to select all its steps: --module {module}\n")),
        BadSelection::IsStep(step) => Some(format!("to select this step: --target {step}\n")),
        BadSelection::ReplacedNotSelected(step) => Some(format!("select it too: --target {step}\n")),
    };
    format!(
        "{}nothing was changed: `{}` shows the desired steps, `{}` the existing ones",
        hint.unwrap_or_default(),
        command("graph"),
        command("state list")
    )
}

fn state(error: &StateError, command: CommandLine<'_>) -> String {
    let run = |line: &str| format!("`{}`", command(line));
    let again = "run the same command again to continue";
    match error {
        StateError::Damaged { .. } => format!(
            "nothing was changed; {} lists the generations before it, and {} restores one",
            run("state history"),
            run("state restore")
        ),
        StateError::Newer { .. } => "use a newer provisioner".to_owned(),
        StateError::OtherSystem { .. } => {
            "use another --suffix, or the configuration that this state was written with".to_owned()
        }
        StateError::OtherAccount { .. } => "check AWS_PROFILE, or use another --suffix".to_owned(),
        StateError::Journal { .. } => format!(
            "nothing was changed; {} moves it aside and continues with a generation from {}; then {} finds the resources that \
             only the journal recorded",
            run("state restore"),
            run("state history"),
            run("recover")
        ),
        StateError::Locked { .. } => "wait for it to end; the lock of a dead process is released".to_owned(),
        StateError::Conflict { .. } => format!("this run didn't overwrite it; {again}"),
        StateError::LockLost { .. } => format!("this run has stopped, to not collide with another one; {again}"),
        StateError::Incomplete { .. } => again.to_owned(),
        StateError::Remote { cause, .. } => remote(*cause).to_owned(),
        StateError::LockedByProcess { .. } => "that process is alive: end it to release the lock".to_owned(),
        StateError::Io { .. } => "check that the folder exists, is writable and has free space".to_owned(),
    }
}

fn remote(cause: RemoteCause) -> &'static str {
    match cause {
        RemoteCause::NoBucket => "create it first, with versioning and encryption; or check --state",
        RemoteCause::Denied => {
            "check AWS_PROFILE, and that it allows s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket there, and the use \
             of the bucket's KMS key"
        }
        RemoteCause::DeleteDenied => {
            "check that AWS_PROFILE allows s3:DeleteObject there, then run the same command again to continue"
        }
        RemoteCause::Rejected => "run the same command again to continue",
        RemoteCause::NoAnswer => {
            "S3 can't be reached or gave no complete answer: check the network, then run the same command again to continue"
        }
    }
}

fn edit(error: &EditError, command: CommandLine<'_>) -> String {
    match error {
        EditError::Unknown(_) => format!("nothing was changed; `{}` shows all steps", command("state list")),
        EditError::Taken(step) => {
            format!("nothing was changed; `{}` removes that one from the state", command(&format!("state rm {step}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn command(command: &str) -> String {
        format!("provisioner {command} --suffix dev1")
    }

    #[test]
    fn suggested_commands_carry_the_flags_of_the_run() {
        let advice = Advice::SplitChange { dependents: vec!["a".into(), "b".into()] };
        assert!(text(&advice, &command).contains("`provisioner destroy --target a --target b --suffix dev1`"));
        let advice = Advice::ResolveUnmanaged { step: "blue/vpc".into(), resource: "vpc-1".to_owned() };
        assert!(text(&advice, &command).contains("`provisioner import blue/vpc vpc-1 --suffix dev1`"));
    }

    #[test]
    fn damaged_state_and_journal_can_be_restored() {
        let (path, what) = ("state/dev1.json".to_owned(), "not JSON".to_owned());
        for error in
            [StateError::Damaged { path: path.clone(), what: what.clone() }, StateError::Journal { path, what }]
        {
            assert!(text(&Advice::State(error), &command).contains("`provisioner state restore --suffix dev1`"));
        }
    }

    #[test]
    fn full_disk_advice_names_free_space() {
        let source = Arc::new(std::io::Error::from(std::io::ErrorKind::StorageFull));
        let error = StateError::Io { what: "can't write", path: "state/dev1.json".to_owned(), source };
        assert!(text(&Advice::State(error), &command).contains("free space"));
    }

    #[test]
    fn selection_advice_suggests_the_right_flag() {
        let advice = |error| text(&Advice::Selection(error), &command);
        assert!(advice(BadSelection::IsModule("blue".into())).starts_with("to select all its steps: --module blue\n"));
        assert!(advice(BadSelection::IsStep("blue/vpc".to_owned())).contains("--target blue/vpc"));
    }
}
