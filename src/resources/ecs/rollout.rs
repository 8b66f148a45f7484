//! The progress of the deployments of a service.

use std::time::Duration;

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState as State, Service, ServiceField};

use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Clients, Cx, Error, Result};

/// AWS fails a deployment after a number of failed tasks, each of which can take minutes.
const ROLLOUT: Patience = Patience { poll: Duration::from_secs(10), limit: Duration::from_secs(40 * 60) };
/// Targets can be deregistering for up to an hour before their tasks stop.
const DRAIN: Patience = Patience { poll: Duration::from_secs(10), limit: Duration::from_secs(75 * 60) };

const PRIMARY: &str = "PRIMARY";
const DRAINING: &str = "DRAINING";
const INACTIVE: &str = "INACTIVE";
const MISSING: &str = "MISSING";
/// How many events of a service an error contains.
const EVENTS: usize = 5;

/// The service with its tags; `None` if it is deleted: AWS returns it as inactive for a while.
pub(super) async fn described(clients: &Clients, cluster: &str, name: &str) -> Result<Option<Service>> {
    let describe = async {
        let request = clients.ecs.describe_services().cluster(cluster).services(name).include(ServiceField::Tags);
        Ok(request.send().await?)
    };
    let Some(answer) = ignore_not_found(describe.await)? else { return Ok(None) };
    let failure = answer.failures().iter().find(|failure| failure.reason() != Some(MISSING));
    if let Some(failure) = failure {
        let reason = failure.reason().unwrap_or("AWS gives no reason");
        return Err(Error::local(format!("can't read the service {name}: {reason}")));
    }
    Ok(answer.services.unwrap_or_default().into_iter().find(|service| service.status() != Some(INACTIVE)))
}

/// True if the service is being deleted: its tasks are stopping.
pub(super) fn is_deleting(service: &Service) -> bool {
    service.status() == Some(DRAINING)
}

/// The newest deployment.
pub(super) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some(PRIMARY))
}

/// True if the deployment failed.
pub(super) fn has_failed(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&State::Failed)
}

/// The task definition of the last completed deployment. Without tasks no deployment completes: then it is the configured one.
pub(super) fn deployed(service: &Service) -> Option<&str> {
    let is_done = |deployment: &&Deployment| deployment.rollout_state() == Some(&State::Completed);
    match service.desired_count() {
        0 => service.task_definition(),
        _ => service.deployments().iter().find(is_done).and_then(|deployment| deployment.task_definition()),
    }
}

/// The state of the tasks and deployments, for people.
pub(super) fn describe(service: &Service) -> String {
    let mut text = format!("{} of {} tasks run", service.running_count(), service.desired_count());
    match primary(service).and_then(Deployment::rollout_state) {
        Some(State::Failed) => text.push_str("; its last deployment failed"),
        Some(State::InProgress) => text.push_str("; a deployment is in progress"),
        _ => {}
    }
    text
}

/// The desired state of a service.
pub(super) struct Desired<'a> {
    /// The revision's ARN.
    pub(super) task_definition: &'a str,
    /// The deployment that leads to it, if that is known. AWS rolls back by another deployment.
    pub(super) deployment: Option<String>,
}

/// Waits until the desired deployment is complete and all tasks run. Returns at once if no tasks have to run.
pub(super) async fn steady(cx: &Cx, cluster: &str, name: &str, desired: &Desired<'_>) -> Result<()> {
    let look = || async {
        let Some(service) = described(cx, cluster, name).await? else {
            let mut gone = Error::local(format!("the service {name} was deleted"));
            gone.class = Class::NotFound;
            return Err(gone);
        };
        progress(&service, desired)
    };
    let outcome =
        cx.wait_until("the tasks of the service to run and to be healthy (some minutes)", ROLLOUT, look).await;
    match outcome {
        Err(mut error) if error.class == Class::Retryable => {
            if let Ok(Some(service)) = described(cx, cluster, name).await {
                error.message = format!("{}; {}", error.message, reasons(&service));
            }
            Err(error.with_help(HELP))
        }
        outcome => outcome,
    }
}

const HELP: &str = "see its events and the log group of its tasks for the cause. Fix that, then run the same command \
                    again";

fn progress(service: &Service, desired: &Desired<'_>) -> Result<Option<()>> {
    if service.desired_count() == 0 {
        return Ok(Some(()));
    }
    let Some(newest) = primary(service) else { return Ok(None) };
    let is_other = desired.deployment.as_deref().is_some_and(|desired| newest.id() != Some(desired));
    let was_rolled_back = is_other || newest.task_definition() != Some(desired.task_definition);
    if was_rolled_back || has_failed(newest) {
        let name = service.service_name().unwrap_or_default();
        let mut failed = format!("the deployment of the service {name} failed");
        if was_rolled_back {
            failed.push_str(", and AWS rolled back");
        }
        return Err(Error::local(format!("{failed}; {}", reasons(service))).with_help(HELP));
    }
    let all_run = service.running_count() >= service.desired_count();
    Ok((newest.rollout_state() == Some(&State::Completed) && all_run).then_some(()))
}

/// What ECS reports about the service, newest first.
fn reasons(service: &Service) -> String {
    let reason = service.deployments().iter().filter(|deployment| has_failed(deployment));
    let reason = reason.filter_map(|deployment| deployment.rollout_state_reason());
    let events = service.events().iter().take(EVENTS).filter_map(|event| event.message());
    let all: Vec<&str> = reason.chain(events).collect();
    match all.is_empty() {
        true => "ECS gives no reason".to_owned(),
        false => format!("ECS reports: {}", all.join(" / ")),
    }
}

/// Waits until the service and its tasks are deleted.
pub(super) async fn until_deleted(cx: &Cx, cluster: &str, name: &str) -> Result<()> {
    cx.wait_until("the tasks of the service to stop (some minutes)", DRAIN, || async {
        Ok(described(cx, cluster, name).await?.is_none().then_some(()))
    })
    .await
}

/// How long to wait until the tasks of a deleted service with the same name have stopped.
pub(super) const STOPPING: Patience = DRAIN;

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ServiceEvent;

    use super::*;

    fn deployment(id: &str, status: &str, revision: &str, state: State) -> Deployment {
        Deployment::builder().id(id).status(status).task_definition(revision).rollout_state(state).build()
    }

    fn service(desired: i32, running: i32, deployments: Vec<Deployment>) -> Service {
        let event = ServiceEvent::builder().message("it can't be pulled").build();
        let service = Service::builder().service_name("api").events(event).set_deployments(Some(deployments));
        service.task_definition("api:2").desired_count(desired).running_count(running).build()
    }

    fn desired(deployment: Option<&str>) -> Desired<'static> {
        Desired { task_definition: "api:2", deployment: deployment.map(str::to_owned) }
    }

    #[test]
    fn service_is_steady_after_deployment_with_all_tasks() {
        let done = || vec![deployment("b", PRIMARY, "api:2", State::Completed)];
        let in_progress = vec![
            deployment("b", PRIMARY, "api:2", State::InProgress),
            deployment("a", "ACTIVE", "api:1", State::Completed),
        ];
        let is_steady = |service: &Service| progress(service, &desired(Some("b"))).expect("no failure").is_some();
        assert!(is_steady(&service(2, 2, done())));
        assert!(!is_steady(&service(2, 1, done())));
        assert!(!is_steady(&service(2, 2, in_progress)));
        assert!(!is_steady(&service(2, 0, Vec::new())));
        assert!(is_steady(&service(0, 0, Vec::new())));
    }

    #[test]
    fn failed_deployments_report_the_reason() {
        let failed = vec![deployment("b", PRIMARY, "api:2", State::Failed)];
        let back = vec![
            deployment("c", PRIMARY, "api:1", State::InProgress),
            deployment("b", "ACTIVE", "api:2", State::Failed),
        ];
        // A rollback to the same revision in another network.
        let same_revision = vec![deployment("c", PRIMARY, "api:2", State::Completed)];
        for (deployments, rolled_back) in [(failed, false), (back, true), (same_revision, true)] {
            let error = progress(&service(2, 2, deployments), &desired(Some("b"))).expect_err("it failed");
            assert!(error.message.contains("it can't be pulled"), "{error}");
            assert_eq!(error.message.contains("rolled back"), rolled_back, "{error}");
        }
    }

    #[test]
    fn deployed_revision_is_that_of_the_completed_deployment() {
        let in_progress = vec![
            deployment("b", PRIMARY, "api:2", State::InProgress),
            deployment("a", "ACTIVE", "api:1", State::Completed),
        ];
        let never = vec![deployment("b", PRIMARY, "api:2", State::Failed)];
        assert_eq!(deployed(&service(2, 1, in_progress)), Some("api:1"));
        assert_eq!(deployed(&service(2, 0, never.clone())), None);
        assert_eq!(deployed(&service(0, 0, never)), Some("api:2"));
    }
}
