//! How far a service's deployment is.

use std::time::Duration;

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState as State, Service, ServiceField};

use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Clients, Cx, Error, Result};

/// AWS gives up a deployment after some failed tasks, each of which may take minutes to fail.
const ROLLOUT: Patience = Patience { poll: Duration::from_secs(10), limit: Duration::from_secs(40 * 60) };
/// Targets leave a target group for up to an hour before their tasks stop.
const DRAIN: Patience = Patience { poll: Duration::from_secs(10), limit: Duration::from_secs(75 * 60) };

const PRIMARY: &str = "PRIMARY";
const DRAINING: &str = "DRAINING";
const INACTIVE: &str = "INACTIVE";
const MISSING: &str = "MISSING";
/// How many of a service's events people are told.
const EVENTS: usize = 5;

/// The service with its tags; `None` for one that is gone: AWS still shows it as inactive for a while.
pub(super) async fn described(clients: &Clients, cluster: &str, name: &str) -> Result<Option<Service>> {
    let describe = async {
        let request = clients.ecs.describe_services().cluster(cluster).services(name).include(ServiceField::Tags);
        Ok(request.send().await?)
    };
    let Some(answer) = ignore_not_found(describe.await)? else { return Ok(None) };
    let failure = answer.failures().iter().find(|failure| failure.reason() != Some(MISSING));
    if let Some(failure) = failure {
        let reason = failure.reason().unwrap_or("AWS says no reason");
        return Err(Error::local(format!("the service {name} can't be read: {reason}")));
    }
    Ok(answer.services.unwrap_or_default().into_iter().find(|service| service.status() != Some(INACTIVE)))
}

/// Its tasks are being stopped: it will be gone.
pub(super) fn is_leaving(service: &Service) -> bool {
    service.status() == Some(DRAINING)
}

/// The newest deployment.
pub(super) fn primary(service: &Service) -> Option<&Deployment> {
    service.deployments().iter().find(|deployment| deployment.status() == Some(PRIMARY))
}

/// True if AWS has given up the deployment.
pub(super) fn has_failed(deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&State::Failed)
}

/// The task definition that runs: that of the newest deployment that came to its end. What is still being deployed, or
/// never ran, isn't it. With no task to run nothing has to come to an end.
pub(super) fn deployed(service: &Service) -> Option<&str> {
    let is_done = |deployment: &&Deployment| deployment.rollout_state() == Some(&State::Completed);
    match service.desired_count() {
        0 => service.task_definition(),
        _ => service.deployments().iter().find(is_done).and_then(|deployment| deployment.task_definition()),
    }
}

/// What people should know of it.
pub(super) fn note(service: &Service) -> String {
    let mut note = format!("{} of {} tasks run", service.running_count(), service.desired_count());
    match primary(service).and_then(Deployment::rollout_state) {
        Some(State::Failed) => note.push_str("; its last deployment failed"),
        Some(State::InProgress) => note.push_str("; a deployment is under way"),
        _ => {}
    }
    note
}

/// What a service is to run in the end.
pub(super) struct Wanted<'a> {
    /// The revision's ARN.
    pub(super) task_definition: &'a str,
    /// The deployment that brings it, if that is known. AWS goes back to what ran before by another one.
    pub(super) deployment: Option<String>,
}

/// Waits until the service runs what is wanted with as many tasks as it has to; for none at all, not a moment.
pub(super) async fn steady(cx: &Cx, cluster: &str, name: &str, wanted: &Wanted<'_>) -> Result<()> {
    let look = || async {
        let Some(service) = described(cx, cluster, name).await? else {
            let mut gone = Error::local(format!("the service {name} isn't there any more"));
            gone.class = Class::NotFound;
            return Err(gone);
        };
        progress(&service, wanted)
    };
    let outcome = cx.wait_until("the service's tasks to run and to be healthy (some minutes)", ROLLOUT, look).await;
    match outcome {
        Err(mut error) if error.class == Class::Retryable => {
            if let Ok(Some(service)) = described(cx, cluster, name).await {
                error.message = format!("{}; {}", error.message, told(&service));
            }
            Err(error.with_help(HELP))
        }
        outcome => outcome,
    }
}

const HELP: &str = "its events say why; what the tasks themselves say is in their log group. Once that is mended, run the \
                    same command again";

fn progress(service: &Service, wanted: &Wanted<'_>) -> Result<Option<()>> {
    if service.desired_count() == 0 {
        return Ok(Some(()));
    }
    let Some(newest) = primary(service) else { return Ok(None) };
    let is_another = wanted.deployment.as_deref().is_some_and(|wanted| newest.id() != Some(wanted));
    let was_rolled_back = is_another || newest.task_definition() != Some(wanted.task_definition);
    if was_rolled_back || has_failed(newest) {
        let name = service.service_name().unwrap_or_default();
        let mut failed = format!("the deployment of the service {name} failed");
        if was_rolled_back {
            failed.push_str(", and AWS went back to what ran before");
        }
        return Err(Error::local(format!("{failed}; {}", told(service))).with_help(HELP));
    }
    let runs = service.running_count() >= service.desired_count();
    Ok((newest.rollout_state() == Some(&State::Completed) && runs).then_some(()))
}

/// What ECS says of the service, the newest first.
fn told(service: &Service) -> String {
    let reason = service.deployments().iter().filter(|deployment| has_failed(deployment));
    let reason = reason.filter_map(|deployment| deployment.rollout_state_reason());
    let events = service.events().iter().take(EVENTS).filter_map(|event| event.message());
    let all: Vec<&str> = reason.chain(events).collect();
    match all.is_empty() {
        true => "ECS says nothing of why".to_owned(),
        false => format!("ECS says: {}", all.join(" / ")),
    }
}

/// Waits until the service and its tasks are gone.
pub(super) async fn gone(cx: &Cx, cluster: &str, name: &str) -> Result<()> {
    cx.wait_until("the service's tasks to stop (some minutes)", DRAIN, || async {
        Ok(described(cx, cluster, name).await?.is_none().then_some(()))
    })
    .await
}

/// Calls until no service of that name is being stopped any more.
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

    fn wanted(deployment: Option<&str>) -> Wanted<'static> {
        Wanted { task_definition: "api:2", deployment: deployment.map(str::to_owned) }
    }

    #[test]
    fn a_service_is_steady_once_its_newest_deployment_is_done_and_all_tasks_run() {
        let done = || vec![deployment("b", PRIMARY, "api:2", State::Completed)];
        let in_progress = vec![
            deployment("b", PRIMARY, "api:2", State::InProgress),
            deployment("a", "ACTIVE", "api:1", State::Completed),
        ];
        let is_steady = |service: &Service| progress(service, &wanted(Some("b"))).expect("no failure").is_some();
        assert!(is_steady(&service(2, 2, done())));
        assert!(!is_steady(&service(2, 1, done())));
        assert!(!is_steady(&service(2, 2, in_progress)));
        assert!(!is_steady(&service(2, 0, Vec::new())));
        assert!(is_steady(&service(0, 0, Vec::new())));
    }

    #[test]
    fn a_deployment_that_aws_gives_up_is_an_error_that_says_what_ecs_says() {
        let failed = vec![deployment("b", PRIMARY, "api:2", State::Failed)];
        let back = vec![
            deployment("c", PRIMARY, "api:1", State::InProgress),
            deployment("b", "ACTIVE", "api:2", State::Failed),
        ];
        // The same revision in another network.
        let same_revision = vec![deployment("c", PRIMARY, "api:2", State::Completed)];
        for (deployments, went_back) in [(failed, false), (back, true), (same_revision, true)] {
            let error = progress(&service(2, 2, deployments), &wanted(Some("b"))).expect_err("it failed");
            assert!(error.message.contains("it can't be pulled"), "{error}");
            assert_eq!(error.message.contains("went back"), went_back, "{error}");
        }
    }

    #[test]
    fn what_runs_is_what_was_deployed_to_the_end() {
        let going = vec![
            deployment("b", PRIMARY, "api:2", State::InProgress),
            deployment("a", "ACTIVE", "api:1", State::Completed),
        ];
        let never = vec![deployment("b", PRIMARY, "api:2", State::Failed)];
        assert_eq!(deployed(&service(2, 1, going)), Some("api:1"));
        assert_eq!(deployed(&service(2, 0, never.clone())), None);
        assert_eq!(deployed(&service(0, 0, never)), Some("api:2"));
    }
}
