//! The resources of an environment that alarms and the dashboard are about.

/// What is monitored of an environment. Empty fields have no alarms and no charts.
#[derive(Clone, Debug, Default)]
pub struct Monitored {
    /// The full name of the environment's own load balancer, `app/name/id`.
    pub load_balancer: Option<String>,
    /// The load balancer serves this environment only: its failed requests are this environment's.
    pub dedicated_load_balancer: bool,
    /// The target groups that serve the environment by weight: full names of load balancer and target group.
    pub target_groups: Vec<(String, String)>,
    /// Functions that serve customers: labels and names.
    pub functions: Vec<(&'static str, String)>,
    /// Names of other functions. They are on the dashboard only.
    pub other_functions: Vec<String>,
    /// Services behind the environment's own load balancer.
    pub services: Vec<MonitoredService>,
    /// The name of the queue.
    pub queue: Option<String>,
    /// The names of the dead-letter queues.
    pub dead_letter_queues: Vec<String>,
    /// The identifiers of the database instances.
    pub database_instances: Vec<String>,
    /// The identifier and the region of the secondary cluster.
    pub recovery: Option<(String, String)>,
}

/// A service on ECS behind a load balancer.
#[derive(Clone, Debug)]
pub struct MonitoredService {
    /// Its label in alarm names and charts.
    pub label: &'static str,
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the service.
    pub service: String,
    /// The full names of load balancer and target group.
    pub target_group: (String, String),
    /// Customers wait for its responses: high latency triggers the failback.
    pub interactive: bool,
}

impl Monitored {
    /// The target group of an environment: the full names of load balancer and target group.
    pub fn target_group(group: &(String, String)) -> Self {
        Monitored { target_groups: vec![group.clone()], ..Monitored::default() }
    }

    /// Dead-letter queues by their names.
    pub fn dead_letter_queues(names: impl IntoIterator<Item = String>) -> Self {
        Monitored { dead_letter_queues: names.into_iter().collect(), ..Monitored::default() }
    }

    /// All target groups that serve the environment, those of services included.
    pub fn all_target_groups(&self) -> impl Iterator<Item = &(String, String)> {
        self.target_groups.iter().chain(self.services.iter().map(|service| &service.target_group))
    }
}

/// The dimensions of a target group's metrics.
pub(super) fn dimensions((load_balancer, target_group): &(String, String)) -> [(&'static str, &str); 2] {
    [("LoadBalancer", load_balancer), ("TargetGroup", target_group)]
}
