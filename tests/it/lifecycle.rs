//! Commands on an applied `lambda-mysql`, changes of its configuration, two systems in one account. What every system must
//! pass is in [`conformance`](crate::conformance).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::account::Account;
use crate::support::applied_twice::{assert_settled, done, outputs, planned};
use crate::support::{Applied, Cli, Sandbox};
use crate::systems::lambda_mysql::{CHANGED, FIRST, REPLACED, SYSTEM};

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];

/// The steps with this action.
fn steps_with<'a>(planned: &'a BTreeMap<String, (String, String)>, expected: &str) -> BTreeSet<&'a str> {
    planned.iter().filter(|(_, (_, action))| action == expected).map(|(step, _)| step.as_str()).collect()
}

/// The kinds with this action.
fn kinds_with<'a>(planned: &'a BTreeMap<String, (String, String)>, expected: &str) -> BTreeSet<&'a str> {
    planned.values().filter(|(_, action)| action == expected).map(|(kind, _)| kind.as_str()).collect()
}

/// The resources of a suffix: by the tag, or by the name without a tag.
fn of_suffix(account: &Account, suffix: &str) -> Account {
    account.only(|_, _, id, thing| match &thing.tags {
        Some(tags) if tags.contains_key("provisioner:suffix") => tags["provisioner:suffix"] == suffix,
        _ => id.contains(suffix) || thing.name.as_ref().is_some_and(|name| name.contains(suffix)),
    })
}

#[tokio::test]
async fn apply_prints_load_balancers_databases_and_dashboard() {
    let system = SYSTEM.applied().await;
    let outputs = system.outputs();
    let real = system
        .sandbox
        .python(
            "import boto3, json\n\
             real = {}\n\
             for balancer in boto3.client('elbv2').describe_load_balancers()['LoadBalancers']:\n\
             \x20   real[balancer['LoadBalancerName']] = balancer['DNSName']\n\
             for region in ('us-east-1', 'us-east-2'):\n\
             \x20   for cluster in boto3.client('rds', region_name=region).describe_db_clusters()['DBClusters']:\n\
             \x20       real[cluster['DBClusterIdentifier']] = cluster['Endpoint']\n\
             \x20       real[cluster['DBClusterIdentifier'] + ' reader'] = cluster['ReaderEndpoint']\n\
             print(json.dumps(real))",
        )
        .await;
    for environment in ["blue", "green"] {
        for (output, thing) in [
            ("alb_dns_name", format!("alb-{environment}-dev1")),
            ("database_writer_endpoint", format!("aurora-{environment}-dev1")),
            ("database_reader_endpoint", format!("aurora-{environment}-dev1 reader")),
            ("dr_database_endpoint", format!("aurora-recovery-{environment}-dev1")),
            ("dr_database_reader_endpoint", format!("aurora-recovery-{environment}-dev1 reader")),
        ] {
            let name = format!("{environment}_{output}");
            assert_eq!(json!(outputs.get(&name)), real[&thing], "{name}: {outputs:#?}");
        }
    }
    let dashboards = system.account.of("us-east-1", "cloudwatch.dashboard");
    let dashboard = dashboards.keys().next().expect("there is a dashboard");
    let url = &outputs["dashboard_url"];
    assert!(url.starts_with("https://") && url.contains("region=us-east-1"), "{url}");
    assert!(url.ends_with(&format!("#dashboards:name={dashboard}")), "{url}");
}

#[tokio::test]
async fn output_prints_one_value_or_json() {
    let system = SYSTEM.applied().await;
    let applied = system.outputs();
    assert_eq!(outputs(&system.run(&["output"]).await.ok().stdout), applied);
    let all: BTreeMap<String, String> =
        serde_json::from_str(&system.run(&["output", "--json"]).await.ok().stdout).unwrap();
    assert_eq!(all, applied);
    let one = system.run(&["output", "green_alb_dns_name"]).await.ok();
    assert_eq!(one.stdout, format!("{}\n", applied["green_alb_dns_name"]));
    let unknown = system.run(&["output", "red_alb_dns_name"]).await.exits(1);
    unknown.explains("there is no output red_alb_dns_name").explains("green_alb_dns_name");
}

#[tokio::test]
async fn plan_of_a_new_system_changes_nothing() {
    let sandbox = Sandbox::fresh().await;
    let cli = Cli::new(&sandbox);
    let plan = cli.run(&["plan", "--suffix", "dev1", "--json", "--detailed-exitcode"]).await.exits(2);
    let summary = plan.summary();
    assert!(summary.created > 400 && summary.failed == 0, "{summary:?}");
    assert_eq!(done(&summary), [summary.created, 0, 0, 0]);
    assert_eq!(sandbox.changes(), [""; 0]);
    assert!(!cli.state_folder().exists());
    // Without --detailed-exitcode changes are no failure. Plan lists the resources that AWS charges by the hour.
    cli.run(&["plan", "--suffix", "dev1"])
        .await
        .ok()
        .says("to create")
        .says("AWS charges for these resources")
        .says("NAT gateway");
}

#[tokio::test]
async fn graph_is_drawn_in_three_formats() {
    let system = SYSTEM.applied().await;
    let steps = system.steps();

    let dot = system.run(&["graph"]).await.ok().stdout;
    assert!(dot.starts_with("digraph ") && dot.ends_with("}\n"));
    for (from, to) in [
        ("blue/network/vpc", "blue/network/subnet-private-a"),
        ("green/network/vpc", "green/network/subnet-public-c"),
        ("blue/key/key", "blue/database/cluster"),
    ] {
        assert!(dot.contains(&format!("\"{from}\" -> \"{to}\";")), "no edge from {from} to {to}:\n{dot}");
        assert!(!dot.contains(&format!("\"{to}\" -> \"{from}\";")), "an edge from {to} to {from}");
    }
    for step in &steps {
        assert!(dot.contains(&format!("\"{step}\" [label=")), "{step} is not drawn");
    }
    let modules = system.run(&["graph", "--modules"]).await.ok().stdout;
    assert!(modules.contains("\"blue/network\" -> ") && !modules.contains("subnet-private-a"), "{modules}");

    let mermaid = system.run(&["graph", "--format", "mermaid"]).await.ok().stdout;
    assert!(mermaid.starts_with("flowchart "), "{mermaid}");
    assert_eq!(mermaid.matches("[\"").count(), steps.len());
    assert_eq!(mermaid.matches(" --> ").count(), dot.matches(" -> ").count());

    let svg = system.run(&["graph", "--format", "svg"]).await.ok().stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("graph.svg");
    std::fs::write(&file, svg).unwrap();
    let read = format!(
        "import json, xml.etree.ElementTree as tree\n\
         root = tree.parse('{}').getroot()\n\
         titles = [title.text.split(' ')[0] for title in root.iter('{{http://www.w3.org/2000/svg}}title')]\n\
         print(json.dumps([root.tag, sorted(titles)]))",
        file.display(),
    );
    let drawn = system.sandbox.python(&read).await;
    assert_eq!(drawn, json!(["{http://www.w3.org/2000/svg}svg", steps]));
}

#[tokio::test]
async fn init_writes_defaults_and_never_overwrites() {
    let system = SYSTEM.applied().await;
    let cli = Cli::offline();
    let file = cli.folder().join("provisioner.toml");
    cli.run(&["init"]).await.ok().says("provisioner.toml").says("provisioner plan");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.contains("# ") && written.contains("[network]"), "{written}");
    // The written values are the defaults: the system applied without a configuration has nothing to change.
    system.run(&["plan", "--detailed-exitcode", "--config", file.to_str().unwrap()]).await.ok();

    std::fs::write(&file, "region = \"us-west-2\" # mine\n").unwrap();
    cli.run(&["init"]).await.exits(1).explains("provisioner.toml already exists").explains("--force");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "region = \"us-west-2\" # mine\n");
    cli.run(&["init", "--force"]).await.ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written);
    cli.run(&["init", "--system", "lambda-oracle", "--force"]).await.exits(1).explains("lambda-mysql");
}

#[tokio::test]
async fn completions_cover_all_commands() {
    let cli = Cli::offline();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = cli.run(&["completions", shell]).await.ok();
        for command in ["apply", "plan", "destroy", "output", "status", "graph", "init", "sandbox"] {
            assert!(script.stdout.contains(command), "{shell} doesn't know {command}");
        }
        if shell == "bash" {
            std::fs::write(cli.folder().join("script"), &script.stdout).unwrap();
        }
    }
    let asked = "source ./script && COMP_WORDS=(provisioner de) COMP_CWORD=1 && _provisioner provisioner de '' && \
                 echo ${COMPREPLY[@]}";
    let mut bash = tokio::process::Command::new("bash");
    let answer = bash.args(["--norc", "-c", asked]).current_dir(cli.folder()).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout), "destroy\n", "{}", String::from_utf8_lossy(&answer.stderr));
}

#[tokio::test]
async fn two_systems_coexist_and_are_destroyed_cleanly() {
    let Applied { sandbox, cli, .. } = SYSTEM.copy().await;
    let summary = cli.run(&["apply", "--suffix", "dev2", "--json"]).await.ok().summary();
    assert!(summary.failed == 0 && summary.created > 400, "{summary:?}");
    let both = sandbox.account(&REGIONS).await;
    both.assert_no_twins();
    assert!(of_suffix(&both, "dev1").len() > 300);

    cli.run(&["destroy", "--suffix", "dev1"]).await.exits(1).explains("set --yes");
    assert_eq!(sandbox.account(&REGIONS).await, both);
    cli.run(&["destroy", "--suffix", "dev1", "--yes"]).await.ok();
    let one = sandbox.account(&REGIONS).await;
    of_suffix(&one, "dev1").assert_empty();
    of_suffix(&both, "dev2").assert_same(&of_suffix(&one, "dev2"));
    assert_settled(&cli, "dev2").await;

    // With one state left, the suffix may be omitted.
    cli.run(&["destroy", "--yes"]).await.ok();
    sandbox.account(&REGIONS).await.assert_empty();

    sandbox.forget_calls();
    for suffix in ["dev1", "dev2"] {
        cli.run(&["destroy", "--suffix", suffix, "--yes"]).await.ok().says("nothing to destroy");
    }
    assert_eq!(sandbox.changes(), [""; 0]);
}

#[tokio::test]
async fn changed_configuration_is_applied_in_place_if_possible() {
    let Applied { sandbox, cli, .. } = SYSTEM.copy().await;
    let plan = ["plan", "--suffix", "dev1", "--json", "--detailed-exitcode"];
    let apply = ["apply", "--suffix", "dev1", "--json"];
    cli.configure(FIRST);
    cli.run(&apply).await.ok();
    assert_settled(&cli, "dev1").await;

    cli.configure(CHANGED);
    let plan_of_change = cli.run(&plan).await.exits(2);
    let changes = planned(&plan_of_change);
    let environments = |leaves: &[&str]| -> BTreeSet<String> {
        let both = ["blue", "green"].into_iter();
        both.flat_map(|side| leaves.iter().map(move |leaf| format!("{side}/network/{leaf}"))).collect()
    };
    let e_mail = |who: &str| -> BTreeSet<String> {
        let topics = ["topics/alerts", "topics/migration-events", "topics/recovery/alerts-dr"];
        topics.iter().map(|topic| format!("{topic}/email-{who}@example.com")).collect()
    };
    let text = |steps: BTreeSet<&str>| steps.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    assert_eq!(steps_with(&changes, "replace"), BTreeSet::new());
    assert_eq!(text(steps_with(&changes, "create")), e_mail("day"));
    let gone = environments(&["nat-gateway-b", "nat-gateway-c", "elastic-ip-b", "elastic-ip-c"]);
    assert_eq!(text(steps_with(&changes, "delete")), &gone | &e_mail("night"));
    assert_eq!(
        kinds_with(&changes, "update"),
        // Buckets keep access logs as long as log groups do, and a rule of AWS Config checks these.
        BTreeSet::from([
            "cloudwatch.alarm",
            "config.config_rule",
            "ec2.route",
            "logs.log_group",
            "rds.db_cluster",
            "s3.bucket"
        ]),
        "{changes:#?}"
    );
    let updated = |kind: &str| -> BTreeSet<String> {
        let of_kind = changes.iter().filter(|(_, (found, action))| found == kind && action == "update");
        of_kind.map(|(step, _)| step.clone()).collect()
    };
    assert_eq!(updated("ec2.route"), environments(&["route-private-b-internet", "route-private-c-internet"]));
    let clusters = ["blue", "green"]
        .iter()
        .flat_map(|side| [format!("{side}/database/cluster"), format!("{side}/database/recovery/cluster")]);
    assert_eq!(updated("rds.db_cluster"), clusters.collect());
    assert_eq!(updated("cloudwatch.alarm").len(), 2, "{changes:#?}");

    sandbox.forget_calls();
    let summary = cli.run(&apply).await.ok().summary();
    assert_eq!(done(&summary), done(&plan_of_change.summary()));
    assert_eq!((sandbox.count("ec2", "ReplaceRoute"), sandbox.count("ec2", "CreateRoute")), (4, 0));
    assert_eq!((sandbox.count("ec2", "DeleteNatGateway"), sandbox.count("ec2", "ReleaseAddress")), (4, 4));
    let made = sandbox.changes().into_iter().filter(|call| call.contains(":Create")).collect::<Vec<_>>();
    assert_eq!(made, [""; 0], "only subscriptions are created");
    assert_changed(&sandbox).await;
    assert_settled(&cli, "dev1").await;

    cli.configure(REPLACED);
    let plan_of_name = cli.run(&plan).await.exits(2);
    let changes = planned(&plan_of_name);
    assert!(steps_with(&changes, "replace").contains("dns/zone"), "{changes:#?}");
    let replaced = kinds_with(&changes, "replace");
    assert!(replaced.iter().all(|kind| kind.starts_with("route53.")), "{changes:#?}");
    assert!(steps_with(&changes, "create").is_empty() && steps_with(&changes, "delete").is_empty(), "{changes:#?}");
    // Clients use these records.
    sandbox.forget_calls();
    cli.run(&apply)
        .await
        .exits(1)
        .says("--yes-take-traffic-down")
        .explains("serve customer traffic")
        .says("dns/blue/live");
    assert_eq!(sandbox.changes(), [""; 0]);
    cli.run(&[&apply[..], &["--yes-take-traffic-down"]].concat()).await.ok();
    let account = sandbox.account(&REGIONS).await;
    let zones: Vec<_> =
        account.of("global", "route53.hosted_zone").into_values().filter_map(|zone| zone.name).collect();
    assert_eq!(zones, ["cards-dev1.internal."]);
    account.assert_no_twins();
    assert_settled(&cli, "dev1").await;
}

/// The resources match [`CHANGED`].
async fn assert_changed(sandbox: &Sandbox) {
    let account = sandbox.account(&REGIONS).await;
    assert_eq!(account.of("us-east-1", "ec2.nat_gateway").len(), 2);
    assert_eq!(account.of("us-east-1", "ec2.elastic_ip").len(), 2);
    for (region, topics) in [("us-east-1", 2), ("us-east-2", 1)] {
        let subscriptions = account.of(region, "sns.subscription");
        let of = |who: &str| subscriptions.keys().filter(|id| id.ends_with(&format!(" {who}@example.com"))).count();
        assert_eq!([of("operations"), of("day"), of("night")], [topics, topics, 0], "{subscriptions:?}");
    }
    let real = sandbox
        .python(
            "import boto3, json\n\
             routes, scaling, days, depths = set(), [], set(), []\n\
             ec2 = boto3.client('ec2')\n\
             nat = {gateway['NatGatewayId'] for gateway in ec2.describe_nat_gateways(\n\
             \x20   Filter=[{'Name': 'state', 'Values': ['available']}])['NatGateways']}\n\
             targets = {route['NatGatewayId'] for table in ec2.describe_route_tables()['RouteTables']\n\
             \x20   for route in table['Routes'] if 'NatGatewayId' in route}\n\
             for region in ('us-east-1', 'us-east-2'):\n\
             \x20   for cluster in boto3.client('rds', region_name=region).describe_db_clusters()['DBClusters']:\n\
             \x20       limits = cluster['ServerlessV2ScalingConfiguration']\n\
             \x20       scaling.append([limits['MinCapacity'], limits['MaxCapacity']])\n\
             \x20   for page in boto3.client('logs', region_name=region).get_paginator('describe_log_groups').paginate():\n\
             \x20       days |= {group.get('retentionInDays') for group in page['logGroups']}\n\
             for page in boto3.client('cloudwatch').get_paginator('describe_alarms').paginate():\n\
             \x20   depths += [alarm['Threshold'] for alarm in page['MetricAlarms']\n\
             \x20       if alarm.get('MetricName') == 'ApproximateNumberOfMessagesVisible' and alarm['Threshold'] > 1000]\n\
             print(json.dumps({'routes lead to the gateways': targets == nat, 'scaling': scaling, 'days': list(days),\n\
             \x20   'depths': depths}))",
        )
        .await;
    let expected = json!({
        "routes lead to the gateways": true, "scaling": vec![[1.0, 32.0]; 4], "days": [90], "depths": [4000.0, 4000.0],
    });
    assert_eq!(real, expected);
}
