//! A custom system in a repository of its own: `examples/custom_system.rs`, copied away and built against the crate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ssm::types::ParameterType;
use provisioner::aws::cx::Shared;
use provisioner::aws::{Cx, Result};
use provisioner::cloudformation::{Export, Form};
use provisioner::engine::EngineContext;
use provisioner::engine::events::Silent;
use provisioner::engine::graph::Graph;
use provisioner::engine::ownership::Owner;
use provisioner::engine::{Action, Provider, Selection, Tags};
use provisioner::modules::{Identity, Stack};
use provisioner::resources::{Changes, Found, Resource, TypeInfo};
use provisioner::state::{State, Store};
use provisioner::systems::{ComposeInput, Composition, CustomSystem, Systems};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use toml::{Table, Value as Toml};

use crate::support::cli::Run;
use crate::support::lint::assert_lints;
use crate::support::{Cli, Sandbox};

/// A crate of somebody's, outside of ours, with the example as its only file.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn with_the_example() -> Self {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::Builder::new().prefix("ticket-shop-").tempdir().expect("a folder");
        let src = folder.path().join("src");
        std::fs::create_dir(&src).expect("a folder");
        let copy = |from: &str, to: PathBuf| std::fs::copy(ours.join(from), to).expect("it is copied");
        copy("examples/custom_system.rs", src.join("main.rs"));
        copy("examples/custom_system.toml", src.join("custom_system.toml"));
        copy("Cargo.lock", folder.path().join("Cargo.lock"));
        let manifest = std::fs::read_to_string(ours.join("Cargo.toml")).expect("our manifest");
        let manifest = manifest_of_its_own(&manifest.parse().expect("a manifest"), ours);
        std::fs::write(folder.path().join("Cargo.toml"), manifest.to_string()).expect("it is written");
        Repository { folder }
    }

    /// Builds its binary.
    async fn build(&self) -> PathBuf {
        let debug = Path::new(env!("CARGO_BIN_EXE_provisioner")).parent().expect("a folder");
        let target = debug.parent().expect("a folder");
        let mut cargo = tokio::process::Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--offline", "--quiet", "--target-dir"]).arg(target).current_dir(self.folder.path());
        // Cargo sets these for tests. A dependency whose build reads one is built again, and so is all that depends on it.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "OUT_DIR"].iter().any(|prefix| name.starts_with(prefix))
            {
                cargo.env_remove(&*name);
            }
        }
        let built = cargo.output().await.expect("cargo runs");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        debug.join("ticket-shop")
    }
}

/// The manifest of such a crate. It has the same profile, and all of our dependencies beside our crate: so cargo takes what
/// was built for these tests.
fn manifest_of_its_own(ours: &Table, path: &Path) -> Table {
    let table = |name: &str| ours[name].as_table().expect("a section").clone();
    let mut dependencies = table("dependencies");
    dependencies.extend(table("dev-dependencies"));
    dependencies.insert(
        "provisioner".to_owned(),
        Toml::Table([("path".to_owned(), path.display().to_string().into())].into_iter().collect()),
    );
    let package = [("name", "ticket-shop"), ("version", "0.1.0"), ("edition", "2024")];
    let package = package.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
    let sections = [("package", package), ("dependencies", dependencies), ("profile", table("profile"))];
    let mut manifest: Table =
        sections.into_iter().map(|(name, section)| (name.to_owned(), Toml::Table(section))).collect();
    // Whatever folder it lies in: it is no member of anything.
    manifest.insert("workspace".to_owned(), Toml::Table(Table::new()));
    manifest
}

/// Starts a web server that answers every request; returns its port.
async fn shop() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
                if stream.read(&mut asked).await.is_ok() {
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    port
}

/// Puts a target behind both groups, as the shop's own deployment would.
async fn serve(sandbox: &Sandbox, port: u16) {
    let code = format!(
        "import boto3
elb = boto3.client('elbv2')
for group in elb.describe_target_groups()['TargetGroups']:
    elb.register_targets(TargetGroupArn=group['TargetGroupArn'], Targets=[{{'Id': '127.0.0.1', 'Port': {port}}}])
    elb.get_waiter('target_in_service').wait(TargetGroupArn=group['TargetGroupArn'], WaiterConfig={{'Delay': 1}})"
    );
    sandbox.python(&code).await;
}

/// The weights of the listener, blue's and green's.
async fn weights(sandbox: &Sandbox) -> Value {
    let code = "import boto3, json
elb = boto3.client('elbv2')
(balancer,) = elb.describe_load_balancers()['LoadBalancers']
(listener,) = elb.describe_listeners(LoadBalancerArn=balancer['LoadBalancerArn'])['Listeners']
groups = listener['DefaultActions'][0]['ForwardConfig']['TargetGroups']
names = {g['TargetGroupArn']: g['TargetGroupName'] for g in elb.describe_target_groups()['TargetGroups']}
print(json.dumps({names[g['TargetGroupArn']].split('-')[1]: g['Weight'] for g in groups}))";
    sandbox.python(code).await
}

fn steps(run: &Run) -> [u64; 4] {
    let summary = run.summary();
    [summary.created, summary.updated + summary.replaced + summary.deleted, summary.unchanged, summary.failed]
}

#[tokio::test]
async fn external_system_is_applied_shifted_and_destroyed() {
    let repository = Repository::with_the_example();
    let (sandbox, binary) = tokio::join!(Sandbox::fresh(), repository.build());
    assert_names_the_line(&binary).await;
    let cli = Cli::new(&sandbox).of(binary);
    let empty = sandbox.account(&["us-east-1"]).await;
    let apply = async || cli.run(&["apply", "--suffix", "dev1", "--json"]).await.ok();

    cli.run(&["init"]).await.ok();
    let written = std::fs::read_to_string(cli.folder().join("provisioner.toml")).expect("a configuration");
    assert_eq!(written, include_str!("../../examples/custom_system.toml"));
    let made = apply().await;
    let [created, 0, 0, 0] = steps(&made) else { panic!("{}", made.stdout) };
    assert!((50..=60).contains(&created), "{created}");
    for _ in 0..2 {
        assert_eq!(steps(&apply().await), [0, 0, created, 0]);
    }

    serve(&sandbox, shop().await).await;
    cli.run(&["shift", "--green", "30", "--hold", "1s", "--least-requests", "0", "--json"]).await.ok();
    assert_eq!(weights(&sandbox).await, json!({"blue": 70, "green": 30}));
    assert_eq!(steps(&apply().await), [0, 0, created, 0]);
    assert_eq!(weights(&sandbox).await, json!({"blue": 70, "green": 30}));
    cli.run(&["failback"]).await.ok();
    assert_eq!(weights(&sandbox).await, json!({"blue": 100, "green": 0}));
    cli.run(&["history", "--verify"]).await.ok();

    let template = cli.folder().join("template.json");
    cli.run(&["export", "--format", "cloudformation", "--out", "template.json"]).await.ok();
    assert_lints(&[template], &[]).await;

    cli.run(&["destroy", "--suffix", "dev1", "--yes", "--json"]).await.ok();
    empty.assert_same(&sandbox.account(&["us-east-1"]).await);
}

/// A custom resource type, whose client it creates itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Motto {
    name: String,
    text: String,
}

#[derive(Serialize, Deserialize)]
struct MottoOutputs {
    name: String,
}

impl Motto {
    async fn put(&self, cx: &Cx) -> Result<MottoOutputs> {
        let put = aws_sdk_ssm::Client::new(&cx.sdk).put_parameter().name(&self.name).value(&self.text);
        put.r#type(ParameterType::String).overwrite(true).send().await?;
        Ok(MottoOutputs { name: self.name.clone() })
    }
}

impl Resource for Motto {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "shop.motto",
            Duration::from_secs(1),
            &["ssm:PutParameter", "ssm:GetParameters", "ssm:DeleteParameter"],
        )
    };
    type Outputs = MottoOutputs;

    async fn observe(&self, cx: &Cx, _: Option<&MottoOutputs>) -> Result<Option<Found<Self>>> {
        let found = aws_sdk_ssm::Client::new(&cx.sdk).get_parameters().names(&self.name).send().await?;
        let text = found.parameters().first().and_then(|found| found.value()).map(str::to_owned);
        let found = |text| Found::child(Motto { text, ..self.clone() }, MottoOutputs { name: self.name.clone() });
        Ok(text.map(found))
    }

    async fn create(&self, cx: &Cx) -> Result<MottoOutputs> {
        self.put(cx).await
    }

    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<MottoOutputs> {
        self.put(cx).await
    }

    async fn delete(cx: &Cx, outputs: &MottoOutputs) -> Result<()> {
        aws_sdk_ssm::Client::new(&cx.sdk).delete_parameter().name(&outputs.name).send().await?;
        Ok(())
    }

    fn cloudformation(&self) -> Form {
        let Motto { name, text } = self;
        Form::resource("AWS::SSM::Parameter", json!({"Name": name, "Type": "String", "Value": text}))
    }
}

#[tokio::test]
async fn custom_type_is_created_updated_exported_and_deleted() {
    let sandbox = Sandbox::fresh().await;
    let owner = Owner { system: "shop".to_owned(), suffix: "dev1".to_owned() };
    let shared = Arc::new(Shared {
        cloud: Arc::new(sandbox.cloud().await),
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        owner: owner.clone(),
        observer: Arc::new(Silent),
    });
    let own = CustomSystem::new("shop", "region = \"us-east-1\"\n[settings]\n", |_: &ComposeInput<'_, Table>| {
        Composition::default()
    });
    let systems = Systems::from(own.with_type::<Motto>());
    let graph = |texts: &[&str]| {
        let (account, partition) = (shared.account.clone(), shared.partition.clone());
        let region = "us-east-1".to_owned();
        let identity = Identity { owner: owner.clone(), account, partition, region, tags: Tags::new() };
        let stack = Stack::new(identity);
        for text in texts {
            stack.root().add("motto", Motto { name: "motto".to_owned(), text: (*text).to_owned() });
        }
        Graph::new(stack.into_steps()).expect("a graph")
    };
    let folder = tempfile::tempdir().expect("a folder");
    let apply = async |graph: &Graph| {
        let registry = systems.types().bind(&shared);
        let fresh = || State::new("shop", "dev1", &shared.account, "us-east-1");
        let session = Store::folder(folder.path()).open("dev1", "test", fresh).await.expect("a session");
        let (_stop, stop) = watch::channel(false);
        let selection = Selection::default();
        let (owner, observer) = (&owner, &Silent);
        let world =
            EngineContext { owner, graph, provider: &registry, observer, stop, adopt_by_name: false, selection };
        let report = world.execute(world.plan(&session.state()).await, &session).await;
        session.finish().await.expect("it is written");
        assert!(report.failed.is_empty(), "{report:?}");
        report.done.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(apply(&graph(&["less"])).await, [Action::Create]);
    assert_eq!(apply(&graph(&["more"])).await, [Action::Update]);
    assert_eq!(apply(&graph(&["more"])).await, [Action::Unchanged]);
    let (outputs, types) = (BTreeMap::new(), systems.types());
    let (title, account, partition) = ("shop", "123456789012", "aws");
    let export = Export { title, account, partition, graph: &graph(&["more"]), outputs: &outputs, types };
    let template = export.template("us-east-1").expect("a template").body;
    assert_eq!(template["Resources"]["Motto"]["Properties"]["Value"], "more");
    assert_eq!(apply(&graph(&[])).await, [Action::Delete]);
    assert!(systems.types().actions()["shop.motto"].contains(&"ssm:PutParameter"));
    assert!(Systems::shipped().types().bind(&shared).operations("shop.motto").is_err());
}

/// An error in the system's own section is reported with its line.
async fn assert_names_the_line(binary: &Path) {
    let cli = Cli::offline().of(binary.to_owned());
    let configuration = include_str!("../../examples/custom_system.toml");
    for (right, wrong, message) in [
        ("retention_days", "retention_hours", "unknown field `retention_hours`"),
        ("/16", "/28", "settings.cidr: must be a network address"),
    ] {
        let line = 1 + configuration.lines().position(|line| line.contains(right)).expect("a line");
        cli.configure(&configuration.replace(right, wrong));
        let run = cli.run(&["plan", "--suffix", "dev1"]).await.exits(1);
        run.explains(message).explains("provisioner.toml").explains(&line.to_string());
    }
    let (common, _) = configuration.split_once("[settings]").expect("its own section");
    cli.configure(common);
    cli.run(&["plan", "--suffix", "dev1"]).await.exits(1).explains("settings: missing field `cidr`");
}
