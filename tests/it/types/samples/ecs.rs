use std::collections::BTreeMap;

use provisioner::modules::Scope;
use provisioner::resources::ecs::{
    Cluster, Container, ContainerHealthCheck, ContainerInsights, LogStream, Service, ServiceTargetGroup, TaskCount,
    TaskDefinition,
};
use provisioner::resources::elb::{Action, Listener};
use provisioner::resources::ids::{ListenerArn, LoadBalancerArn, TargetGroupArn, TaskDefinitionArn};

use super::elb::{balancer_of, target_group};
use super::{role, security_group, subnet, vpc};
use crate::types::{Sample, Samples};

const TASKS: &str = "ecs-tasks.amazonaws.com";
const IMAGE: &str = "public.ecr.aws/docker/library/nginx:1.29";

impl Sample for Cluster {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(cluster(scope, "orders"))
            .changing(|cluster| cluster.container_insights = ContainerInsights::Enabled)
            .changing(|cluster| cluster.container_insights = ContainerInsights::Enhanced)
            .changing(|cluster| cluster.name = scope.name("refunds"))
    }
}

fn cluster(scope: &Scope<'_>, name: &str) -> Cluster {
    Cluster { name: scope.name(name), container_insights: ContainerInsights::Disabled }
}

impl Sample for TaskDefinition {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = definition(scope, "orders");
        let (other, task_role) = (role(scope, "other", TASKS), role(scope, "task", TASKS));
        let other_task_role = role(scope, "other-task", TASKS);
        let volume = |definition: &mut TaskDefinition| _ = definition.volumes.insert("cache".to_owned());
        let sidecar = Container { name: "proxy".to_owned(), essential: false, ports: [].into(), ..container() };
        let samples = Samples::of(first)
            .changing(|definition| definition.cpu_units = 1024)
            .changing(|definition| definition.memory_mib = 4096)
            .changing(|definition| definition.architecture = "X86_64".to_owned())
            .changing(|definition| definition.storage_gib = 30)
            .changing(|definition| definition.execution_role = other)
            .changing(|definition| definition.task_role = Some(task_role))
            .changing(|definition| definition.task_role = Some(other_task_role))
            .changing(volume)
            .changing(|definition| definition.containers.push(sidecar.clone()))
            .changing(|definition| definition.containers.push(Container { essential: true, ..sidecar.clone() }))
            .changing(|definition| definition.family = scope.name("refunds"));
        let changes = changed_containers().into_iter();
        changes.fold(samples, |samples, change| samples.changing(|definition| change(&mut definition.containers[0])))
    }
}

type Change = fn(&mut Container);

fn changed_containers() -> Vec<Change> {
    fn check(container: &mut Container) -> &mut ContainerHealthCheck {
        container.health_check.as_mut().expect("it has one")
    }
    fn log(container: &mut Container) -> &mut LogStream {
        container.log.as_mut().expect("it logs")
    }
    vec![
        |container| container.name = "api".to_owned(),
        |container| container.image = format!("{IMAGE}-alpine"),
        |container| container.command = vec!["serve".to_owned(), "--quietly".to_owned()],
        |container| container.ports = [8080, 9090].into(),
        |container| container.environment = values([("LEVEL", "debug"), ("MODE", "test")]),
        |container| container.environment = BTreeMap::new(),
        |container| container.secrets = values([("PASSWORD", "arn:aws:ssm:us-east-1:123456789012:parameter/other")]),
        |container| container.user = Some("1000:1000".to_owned()),
        |container| container.read_only_root = false,
        |container| container.init_process = false,
        |container| container.dropped_capabilities = ["NET_RAW", "CHOWN"].map(str::to_owned).into(),
        |container| container.mounts = values([("/var/tmp", "scratch")]),
        |container| log(container).group = "/shop/refunds".to_owned(),
        |container| log(container).region = "us-west-2".to_owned(),
        |container| log(container).prefix = "refunds".to_owned(),
        |container| container.log = None,
        |container| check(container).command = vec!["CMD".to_owned(), "/health".to_owned()],
        |container| check(container).interval_seconds = 60,
        |container| check(container).timeout_seconds = 10,
        |container| check(container).retries = 5,
        |container| check(container).start_period_seconds = 60,
        |container| container.health_check = None,
        |container| container.stop_timeout_seconds = Some(60),
        |container| container.stop_timeout_seconds = None,
    ]
}

fn definition(scope: &Scope<'_>, name: &str) -> TaskDefinition {
    TaskDefinition {
        family: scope.name(name),
        cpu_units: 512,
        memory_mib: 2048,
        architecture: "ARM64".to_owned(),
        storage_gib: 20,
        execution_role: role(scope, &format!("start-{name}"), TASKS),
        task_role: None,
        volumes: ["scratch".to_owned()].into(),
        containers: vec![container()],
    }
}

fn container() -> Container {
    let password = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders-AbCdEf:password::";
    Container {
        name: "app".to_owned(),
        image: IMAGE.to_owned(),
        essential: true,
        command: Vec::new(),
        ports: [8080].into(),
        environment: values([("LEVEL", "info")]),
        secrets: values([("PASSWORD", password)]),
        user: None,
        read_only_root: true,
        init_process: true,
        dropped_capabilities: ["ALL".to_owned()].into(),
        mounts: values([("/tmp", "scratch")]),
        log: Some(LogStream {
            group: "/shop/orders".to_owned(),
            region: "us-east-1".to_owned(),
            prefix: "orders".to_owned(),
        }),
        health_check: Some(ContainerHealthCheck {
            command: vec!["CMD-SHELL".to_owned(), "curl -f http://localhost:8080/health".to_owned()],
            interval_seconds: 30,
            timeout_seconds: 5,
            retries: 3,
            start_period_seconds: 10,
        }),
        stop_timeout_seconds: Some(30),
    }
}

fn values<const N: usize>(values: [(&str, &str); N]) -> BTreeMap<String, String> {
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

impl Sample for Service {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let network = vpc(scope, 1);
        let balancer = balancer_of(scope, "orders", &network, 1);
        let subnets = balancer.subnets.clone();
        let load_balancer = scope.add("load-balancer", balancer).arn;
        let [one, other] = ["one", "other"].map(|name| target_group(scope, name, &network));
        let forwards = [(80, &one), (81, &other)].map(|(port, to)| forwarding(scope, &load_balancer, port, to));
        // A target group takes tasks once something forwards to it.
        let [first, second] = &forwards;
        let ready = scope.after(first, "tasks register in it").after(second, "tasks register in it");
        let [orders, refunds] = ["orders", "refunds"]
            .map(|name| ready.add(&format!("cluster-{name}"), cluster(scope, &format!("of-{name}"))).name);
        let behind =
            ServiceTargetGroup { target_group: one, container: "app".to_owned(), port: 8080, grace_seconds: 60 };
        let at = |change: &dyn Fn(&mut ServiceTargetGroup)| {
            let mut behind = behind.clone();
            change(&mut behind);
            Some(behind)
        };
        let first = Service {
            name: scope.name("api"),
            cluster: orders,
            task_definition: two_containers(scope, "one"),
            tasks: TaskCount { min: 1, max: 3 },
            subnets,
            security_groups: [security_group(scope, &network, "tasks")].into(),
            public_ip: false,
            target_group: Some(behind.clone()),
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            rollback: true,
            execute_command: false,
        };
        let (c, group) = (subnet(scope, &network, 1, 'c'), security_group(scope, &network, "other-tasks"));
        let other_definition = two_containers(scope, "other");
        Samples::of(first)
            .changing(|service| service.task_definition = other_definition)
            .changing(|service| service.subnets = [c].into())
            .changing(|service| service.security_groups = [group].into())
            .changing(|service| service.public_ip = true)
            .changing(|service| service.target_group = at(&|behind| behind.target_group = other.clone()))
            .changing(|service| service.target_group = at(&|behind| behind.container = "side".to_owned()))
            .changing(|service| service.target_group = at(&|behind| behind.port = 9090))
            .changing(|service| service.target_group = at(&|behind| behind.grace_seconds = 0))
            .changing(|service| service.target_group = None)
            .changing(|service| service.minimum_healthy_percent = 50)
            .changing(|service| service.maximum_percent = 150)
            .changing(|service| service.rollback = false)
            .changing(|service| service.execute_command = true)
            .changing(|service| service.tasks = TaskCount { min: 2, max: 4 })
            .changing(|service| service.tasks = TaskCount { min: 0, max: 0 })
            .changing(|service| service.cluster = refunds)
            .changing(|service| service.name = scope.name("other-api"))
    }
}

/// Two containers that listen on the same ports, so that each field of the target group changes alone.
fn two_containers(scope: &Scope<'_>, name: &str) -> TaskDefinitionArn {
    let app = Container { ports: [8080, 9090].into(), ..container() };
    let side = Container { name: "side".to_owned(), essential: false, ..app.clone() };
    let definition = TaskDefinition { containers: vec![app, side], ..definition(scope, name) };
    scope.add(&format!("task-definition-{name}"), definition).arn
}

fn forwarding(scope: &Scope<'_>, balancer: &LoadBalancerArn, port: u16, to: &TargetGroupArn) -> ListenerArn {
    let action = Action::Forward { target_group: to.clone() };
    let listener = Listener { load_balancer: balancer.clone(), port, tls: None, action };
    scope.add(&format!("listener-{port}"), listener).arn
}

/// A service that runs nothing, in the network `number`; what Application Auto Scaling calls it.
pub(super) fn scalable(scope: &Scope<'_>, name: &str, number: u8) -> String {
    let network = vpc(scope, number);
    let cluster = scope.add(&format!("cluster-{name}"), cluster(scope, name)).name;
    let definition = definition(scope, name);
    let service = Service {
        name: scope.name(name),
        cluster: cluster.clone(),
        task_definition: scope.add(&format!("task-definition-{name}"), definition).arn,
        tasks: TaskCount { min: 0, max: 0 },
        subnets: [subnet(scope, &network, number, 'a')].into(),
        security_groups: [security_group(scope, &network, name)].into(),
        public_ip: false,
        target_group: None,
        minimum_healthy_percent: 100,
        maximum_percent: 200,
        rollback: true,
        execute_command: false,
    };
    format!("service/{cluster}/{}", scope.add(&format!("service-{name}"), service).name)
}
