//! Services on Fargate whose tasks don't start, and the revisions of their task definitions.

use std::sync::Arc;

use provisioner::aws::cx::Shared;
use provisioner::aws::{Cloud, Cx};
use provisioner::engine::EngineContext;
use provisioner::engine::events::Silent;
use provisioner::engine::execute::Report;
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::Owner;
use provisioner::engine::{Action, Plan, Selection, Tags};
use provisioner::modules::{Identity, Stack};
use provisioner::resources::Resource;
use provisioner::resources::application_autoscaling::{Dimension, ScalableTarget};
use provisioner::resources::document::Document;
use provisioner::resources::ec2::{SecurityGroup, Subnet, Vpc};
use provisioner::resources::ecr::Repository;
use provisioner::resources::ecs::{Cluster, Container, ContainerInsights, Service, TaskCount, TaskDefinition};
use provisioner::resources::iam::Role;
use provisioner::resources::kms::Key;
use provisioner::resources::registry::Types;
use provisioner::state::{State, Store};
use serde_json::json;
use tokio::sync::watch;

use crate::support::Sandbox;

const REGION: &str = "us-east-1";
const ACCOUNT: &str = "123456789012";
const SUFFIX: &str = "dev1";

/// A service that runs an image of its own repository.
struct Shop {
    cloud: Cloud,
    identity: Identity,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn open(sandbox: &Sandbox) -> Self {
        let identity = Identity {
            owner: Owner { system: "shop".to_owned(), suffix: SUFFIX.to_owned() },
            account: ACCOUNT.to_owned(),
            partition: "aws".to_owned(),
            region: REGION.to_owned(),
            tags: Tags::default(),
        };
        Shop { cloud: sandbox.cloud().await, identity, folder: tempfile::tempdir().expect("a folder") }
    }

    fn graph(&self, version: &str) -> Graph {
        let stack = Stack::new(self.identity.clone());
        let scope = stack.root();
        let anybody = || Document::new(json!({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}));
        let key = Key { description: "images".to_owned(), policy: anybody(), rotation: true, multi_region: false };
        let repository = Repository {
            name: scope.name("api"),
            kms_key: Some(scope.add("key", key).arn),
            immutable_tags: true,
            scan_on_push: true,
            keep_untagged: None,
            policy: Document::default(),
        };
        let role = Role {
            name: scope.name("start"),
            description: "starts tasks".to_owned(),
            trust: anybody(),
            inline_policies: [].into(),
            managed_policies: [].into(),
            max_session_seconds: 3600,
        };
        let container = Container {
            name: "api".to_owned(),
            image: format!("{}:{version}", scope.add("repository", repository).uri),
            essential: true,
            command: Vec::new(),
            ports: [8080].into(),
            environment: [].into(),
            secrets: [].into(),
            user: None,
            read_only_root: true,
            init_process: true,
            dropped_capabilities: ["ALL".to_owned()].into(),
            mounts: [].into(),
            log: None,
            health_check: None,
            stop_timeout_seconds: None,
        };
        let definition = TaskDefinition {
            family: scope.name("api"),
            cpu_units: 256,
            memory_mib: 512,
            architecture: "ARM64".to_owned(),
            storage_gib: 20,
            execution_role: scope.add("role", role).arn,
            task_role: None,
            volumes: [].into(),
            containers: vec![container],
        };
        let network = "10.0.0.0/16".parse().expect("a network");
        let vpc_id = scope.add("vpc", Vpc { cidr: network, dns_support: true, dns_hostnames: true }).vpc_id;
        let subnet = Subnet {
            vpc_id: vpc_id.clone(),
            cidr: "10.0.0.0/24".parse().expect("a network"),
            availability_zone: format!("{REGION}a"),
            map_public_ip: false,
        };
        let group = SecurityGroup::new(scope.name("tasks"), "tasks", &vpc_id);
        let cluster = Cluster { name: scope.name("blue"), container_insights: ContainerInsights::Disabled };
        let service = Service {
            name: scope.name("api"),
            cluster: scope.add("cluster", cluster).name,
            task_definition: scope.add("definition", definition).arn,
            tasks: TaskCount { min: 2, max: 4 },
            subnets: [scope.add("subnet", subnet).subnet_id].into(),
            security_groups: [scope.add("group", group).security_group_id].into(),
            public_ip: false,
            target_group: None,
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            rollback: true,
            execute_command: false,
        };
        scope.add("service", service);
        Graph::new(stack.into_steps()).expect("a graph")
    }

    async fn apply(&self, version: &str) -> Report {
        self.run(&self.graph(version), true).await.1
    }

    async fn plan(&self, version: &str) -> Plan {
        self.run(&self.graph(version), false).await.0
    }

    async fn run(&self, graph: &Graph, apply: bool) -> (Plan, Report) {
        let registry = Types::shipped().bind(&self.shared());
        let fresh = || State::new("shop", SUFFIX, ACCOUNT, REGION);
        let session = Store::folder(self.folder.path()).open(SUFFIX, "test", fresh).await.expect("a session");
        let (_stop, stop) = watch::channel(false);
        let world = EngineContext {
            owner: &self.identity.owner,
            graph,
            provider: &registry,
            observer: &Silent,
            stop,
            adopt_by_name: false,
            selection: Selection::default(),
        };
        let plan = world.plan(&session.state()).await;
        let report = if apply { world.execute(plan.clone(), &session).await } else { Report::default() };
        session.finish().await.expect("the state is written");
        (plan, report)
    }

    /// With nothing read yet.
    fn shared(&self) -> Arc<Shared> {
        Arc::new(Shared {
            cloud: Arc::new(self.cloud.uncached()),
            account: ACCOUNT.to_owned(),
            partition: "aws".to_owned(),
            owner: self.identity.owner.clone(),
            observer: Arc::new(Silent),
        })
    }

    /// Pushes an image.
    async fn push(&self, version: &str) {
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        let manifest = json!({"schemaVersion": 2, "mediaType": kind, "config": {"digest": version}, "layers": []});
        let ecr = &self.cloud.region(REGION).ecr;
        let push = ecr.put_image().repository_name("api-dev1").image_tag(version).image_manifest(manifest.to_string());
        push.send().await.expect("it is pushed");
    }

    /// The revisions that something could run.
    async fn revisions(&self) -> Vec<String> {
        let all = self.cloud.region(REGION).ecs.list_task_definitions().send().await.expect("a list");
        let number = |arn: &String| arn.rsplit(':').next().unwrap_or_default().to_owned();
        all.task_definition_arns().iter().map(number).collect()
    }
}

/// The error of the only failed step.
fn failure(report: &Report) -> String {
    let [(step, error)] = report.failed.as_slice() else { panic!("{:?}", report.failed) };
    assert_eq!(step.to_string(), "service");
    error.message.clone()
}

#[tokio::test]
async fn failing_service_reports_events_and_recovers_when_fixed() {
    let sandbox = Sandbox::fresh().await;
    let shop = Shop::open(&sandbox).await;
    let said = failure(&shop.apply("1").await);
    assert!(said.contains("CannotPullContainerError"), "{said}");
    // Nothing that a plan could do is left but to deploy it again.
    let plan = shop.plan("1").await;
    let left: Vec<_> = plan.steps.iter().filter(|planned| planned.action != Action::Unchanged).collect();
    let [service] = left.as_slice() else { panic!("{left:?}") };
    assert_eq!(service.changes[0].path, "task_definition");
    shop.push("1").await;
    let report = shop.apply("1").await;
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert!(shop.plan("1").await.steps.iter().all(|planned| planned.action == Action::Unchanged));
}

#[tokio::test]
async fn old_revision_is_deleted_only_after_the_rollout() {
    let sandbox = Sandbox::fresh().await;
    let shop = Shop::open(&sandbox).await;
    shop.apply("1").await;
    for version in ["1", "2", "4"] {
        shop.push(version).await;
    }
    assert!(shop.apply("1").await.failed.is_empty());
    assert!(shop.apply("2").await.failed.is_empty());
    assert_eq!(shop.revisions().await, ["2"]);
    // There is no image 3: the service keeps running 2.
    let said = failure(&shop.apply("3").await);
    assert!(said.contains("and AWS rolled back"), "{said}");
    assert_eq!(shop.revisions().await, ["2", "3"]);
    shop.push("3").await;
    assert!(shop.apply("3").await.failed.is_empty());
    assert_eq!(shop.revisions().await, ["3"]);
}

#[tokio::test]
async fn failed_release_can_be_followed_or_reverted() {
    let sandbox = Sandbox::fresh().await;
    let shop = Shop::open(&sandbox).await;
    shop.apply("1").await;
    for version in ["1", "3"] {
        shop.push(version).await;
    }
    assert!(shop.apply("1").await.failed.is_empty());
    failure(&shop.apply("2").await);
    let next = shop.apply("3").await;
    assert!(next.failed.is_empty(), "{:?}", next.failed);
    assert_eq!(shop.revisions().await, ["3"]);
    failure(&shop.apply("4").await);
    failure(&shop.apply("5").await);
    let back = shop.apply("3").await;
    assert!(back.failed.is_empty(), "{:?}", back.failed);
    assert_eq!(shop.revisions().await, ["6"]);
    assert!(shop.plan("3").await.steps.iter().all(|planned| planned.action == Action::Unchanged));
}

#[tokio::test]
async fn unrecorded_revision_is_found_by_family_and_tags() {
    let sandbox = Sandbox::fresh().await;
    let mut shop = Shop::open(&sandbox).await;
    shop.apply("1").await;
    shop.push("1").await;
    shop.apply("1").await;
    shop.folder = tempfile::tempdir().expect("a folder");
    let plan = shop.plan("1").await;
    let makes: Vec<_> = plan.steps.iter().filter(|planned| planned.action == Action::Create).collect();
    assert!(makes.is_empty(), "{makes:?}");
    assert!(shop.apply("1").await.failed.is_empty());
    assert_eq!(shop.revisions().await, ["1"]);
}

#[tokio::test]
async fn destroy_removes_scaled_readers_but_not_foreign_ones() {
    let sandbox = Sandbox::fresh().await;
    let shop = Shop::open(&sandbox).await;
    let clients = shop.cloud.region(REGION);
    let cluster = clients.rds.create_db_cluster().db_cluster_identifier("blue").engine("aurora-mysql");
    let cluster = cluster.master_username("owner").master_user_password("0123456789").storage_encrypted(true);
    cluster.send().await.expect("a cluster");
    for name in ["blue-1", "application-autoscaling-1"] {
        let instance = clients.rds.create_db_instance().db_instance_identifier(name).engine("aurora-mysql");
        let instance = instance.db_instance_class("db.r6g.large").db_cluster_identifier("blue");
        instance.send().await.expect("an instance");
    }
    let shared = shop.shared();
    let cx = Cx::new(shared, REGION, "target".into(), Tags::default(), String::new());
    let resource = "cluster:blue".to_owned();
    let target = ScalableTarget {
        resource,
        dimension: Dimension::AuroraReaders,
        min_capacity: 1,
        max_capacity: 3,
        suspended: false,
    };
    let outputs = target.create(&cx).await.expect("a target");
    ScalableTarget::delete(&cx, &outputs).await.expect("it goes");
    let left = clients.rds.describe_db_instances().send().await.expect("a list");
    let left: Vec<_> = left.db_instances().iter().filter_map(|one| one.db_instance_identifier()).collect();
    assert_eq!(left, ["blue-1"]);
    assert!(target.observe(&cx.uncached(), None).await.expect("a look").is_none());
}
