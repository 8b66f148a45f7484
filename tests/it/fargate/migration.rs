//! Data migration: both schemas, and the sync between two real databases.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::STAGING;
use crate::support::applied_twice::outputs;
use crate::support::cli::Run;
use crate::support::{Applied, Cli, Postgres, Sandbox};
use crate::traffic::SUFFIX;

/// How long the sandbox may take for a scheduled call.
const PATIENCE: Duration = Duration::from_secs(60);

/// A system with a database server in the place of each environment's Aurora cluster.
struct System {
    sandbox: Sandbox,
    cli: Cli,
    blue: Postgres,
    green: Postgres,
}

impl System {
    async fn build() -> Self {
        let Applied { sandbox, cli, run, .. } = Applied::with(SUFFIX, Some(STAGING)).await;
        let outputs = outputs(&run.stdout);
        let database = async |environment: &str| {
            let output = |name: &str| outputs[&format!("{environment}_database_{name}")].as_str();
            let hosts = [output("writer_endpoint"), output("reader_endpoint")];
            let database = Postgres::start(&hosts).await;
            sandbox.map_hosts(&hosts, database.port, &database.ca);
            initialize(&database, &sandbox.python_file("payments.py", &["read_secret", output("secret_arn")]).await);
            database
        };
        let (blue, green) = (database("blue").await, database("green").await);
        System { sandbox, cli, blue, green }
    }

    async fn run(&self, arguments: &[&str]) -> Run {
        self.cli.run(&[arguments, &["--suffix", SUFFIX]].concat()).await
    }

    /// The summary of a command with `--json` that has to end with this code.
    async fn summary(&self, arguments: &[&str], code: i32) -> Value {
        let run = self.run(&[arguments, &["--json"]].concat()).await.exits(code);
        run.events().pop().expect("a summary")
    }

    fn in_blue(&self, sql: &str) -> Vec<String> {
        self.blue.sql("payments", sql)
    }

    fn in_green(&self, sql: &str) -> Vec<String> {
        self.green.sql("payments", sql)
    }

    fn pay(&self, reference: &str) {
        self.in_blue(&format!(
            "INSERT INTO payments (merchant_ref, amount, currency, card_token, reference) \
             VALUES ('m-1', 12.34, 'EUR', 'tok_abcdefgh12345678', '{reference}')"
        ));
    }

    /// The number of green's payments with this reference.
    fn copied(&self, reference: &str) -> String {
        self.in_green(&format!("SELECT count(*) FROM payments WHERE reference = '{reference}'")).remove(0)
    }

    /// How often the sync ran.
    async fn runs(&self) -> usize {
        let group = format!("/aws/lambda/data-sync-green-{SUFFIX}");
        let types = self.sandbox.python_file("payments.py", &["logged", &group, "type"]).await;
        types.as_array().expect("a list").iter().filter(|kind| **kind == "platform.start").count()
    }

    /// Advances the clock until the schedule has called the sync.
    async fn await_scheduled_run(&self) {
        let (before, began) = (self.runs().await, Instant::now());
        while self.runs().await == before {
            assert!(began.elapsed() < PATIENCE, "the schedule never calls the sync");
            self.sandbox.advance(60);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Creates what an Aurora cluster has from the start: the administrator, who is no superuser, and the database.
fn initialize(database: &Postgres, credentials: &Value) {
    let [user, password] = ["username", "password"].map(|name| credentials[name].as_str().expect("a text"));
    assert!(!password.contains(['\'', '\\']), "this password can't be put into SQL as it is");
    database.sql("postgres", &format!("CREATE ROLE {user} LOGIN CREATEROLE CREATEDB PASSWORD '{password}'"));
    database.sql("postgres", &format!("GRANT pg_monitor TO {user}"));
    database.sql("postgres", &format!("CREATE DATABASE payments OWNER {user}"));
}

#[tokio::test]
async fn migrate_sync_and_verify_keep_green_equal_to_blue() {
    let system = System::build().await;
    missing_schemas_are_reported(&system).await;
    schemas_are_created_once(&system).await;
    blue_rows_are_copied(&system).await;
    differences_are_listed(&system).await;
    schedule_copies_rows_while_started(&system).await;
}

/// The error is a sentence without a stack trace.
async fn missing_schemas_are_reported(system: &System) {
    let missing = "the database of blue has no tables yet: run `provisioner migrate`";
    system.run(&["sync", "status"]).await.ok().says(missing).says("stopped: `provisioner sync start`");
    let status = system.summary(&["sync", "status"], 0).await;
    assert!(status["missing"].as_str().is_some_and(|said| said.contains(missing)), "{status}");
    assert_eq!((&status["state"], &status["quarantined"]), (&json!("stopped"), &Value::Null), "{status}");
    system.run(&["sync", "run-once"]).await.exits(1).explains(missing);
    // Without rows, nothing is reported as equal.
    system.run(&["sync", "verify"]).await.exits(1).explains("nothing to compare yet").never_says("equal");
    assert!(system.summary(&["sync", "verify"], 1).await["missing"].is_string());
}

async fn schemas_are_created_once(system: &System) {
    let status = system.run(&["migrate", "--status"]).await.ok();
    status.says("blue: version 0; applied: none; pending: 0001").says("green: version 0; applied: none; pending: 0001");
    let one = system.run(&["migrate", "--environment", "green"]).await.ok();
    one.says("green: applied 0001").says("the schema is at version 2").never_says("blue: ");
    let both = system.run(&["migrate"]).await.ok();
    both.says("blue: applied 0001").says("green: nothing to do, the schema is at version 2");

    for status in [&["migrate", "--json"][..], &["migrate", "--status", "--json"]] {
        let mut events = system.run(status).await.ok().events();
        assert_eq!(events.pop().expect("a summary")["failed"], 0);
        for (event, environment) in events.iter().zip(["blue", "green"]) {
            assert_eq!((&event["type"], &event["environment"]), (&json!("migrated"), &json!(environment)), "{event}");
            assert_eq!(event["version"], 2, "{event}");
            let left = event.get("pending").unwrap_or(&event["applied"]);
            assert_eq!(left, &json!([]), "{event}");
        }
        assert_eq!(events.len(), 2);
    }
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE 'payment%' ORDER BY 1";
    assert_eq!(system.in_blue(tables), ["payment_tombstones", "payments"]);
    assert_eq!(system.in_green(tables), ["payments"]);
}

async fn blue_rows_are_copied(system: &System) {
    system.in_blue(
        "INSERT INTO payments (merchant_ref, amount, currency, card_token, reference) \
         SELECT 'm-' || n % 7, n + 0.25, 'EUR', 'tok_abcdefgh12345678', 'order ' || n FROM generate_series(1, 1200) n",
    );
    // Green rejects a payment of zero.
    system.in_blue("UPDATE payments SET amount = 0 WHERE id = 1200");
    system.run(&["sync", "run-once"]).await.ok().says("1199 rows copied, 0 deleted, 1 quarantined");
    let taken = system.in_green("SELECT count(*), sum(amount_minor) FROM payments");
    assert_eq!(taken, [format!("1199\t{}", (1..1200).map(|n| n * 100 + 25).sum::<u64>())]);
    let quarantined = system.in_green("SELECT legacy_id FROM sync_quarantine");
    assert_eq!(quarantined, ["1200"]);
    let status = system.run(&["sync", "status"]).await.ok().says("rows: 1199 copied, 0 deleted").says("left: 0 rows");
    let status = status.says("lag: ").says("quarantined: 1 rows can't be copied").says("last run: done");
    status.never_says("no tables yet");

    system.in_blue("DELETE FROM payments WHERE id IN (1200, 5)");
    let run = system.summary(&["sync", "run-once"], 0).await;
    assert_eq!((&run["copied"], &run["deleted"]), (&json!(0), &json!(1)), "{run}");
    let status = system.summary(&["sync", "status"], 0).await;
    assert_eq!((&status["copiedTotal"], &status["remaining"]), (&json!(1199), &json!(0)), "{status}");
    assert!(status["lagSeconds"].as_f64().is_some_and(|lag| lag < 600.0), "{status}");
}

async fn differences_are_listed(system: &System) {
    system.run(&["sync", "verify"]).await.ok().says("equal: 1198 rows in blue and 1198 in green");
    // Rows that green changes after the copy are its own, as once it has customers.
    system.in_green("UPDATE payments SET status = 'captured', updated_at = now() WHERE legacy_id = 20");
    let equal = system.summary(&["sync", "verify"], 0).await;
    assert_eq!((&equal["rows"], &equal["differing"]), (&json!({"blue": 1198, "green": 1198}), &json!(0)), "{equal}");
    assert_eq!(equal["ownChanges"], json!({"count": 1, "ids": ["20"]}), "{equal}");
    system.run(&["sync", "verify"]).await.ok().says("changed by green after the copy").says("payments 20");

    system.in_green("UPDATE payments SET amount_minor = amount_minor + 1, currency = 'USD' WHERE legacy_id = 17");
    system.in_green("DELETE FROM payments WHERE legacy_id = 18");
    let verify = system.run(&["sync", "verify"]).await.exits(1).says("payment 18: missing in green");
    let verify = verify.says("payment 17: differs in amount_minor, currency").explains("2 of 1198 rows differ");
    verify.never_says("1725").never_says("equal");
    let found = system.summary(&["sync", "verify"], 1).await;
    let differences = json!([
        {"id": "17", "what": "differs", "fields": ["amount_minor", "currency"]},
        {"id": "18", "what": "missing", "fields": []},
    ]);
    assert_eq!((&found["differing"], &found["differences"]), (&json!(2), &differences), "{found}");

    // A row missing in green is copied with its next change in blue.
    system.in_blue("UPDATE payments SET reference = reference WHERE id IN (17, 18)");
    system.run(&["sync", "run-once"]).await.ok();
    system.run(&["sync", "verify"]).await.ok().says("equal: 1198 rows");
}

async fn schedule_copies_rows_while_started(system: &System) {
    system.run(&["sync", "start"]).await.ok().says("replicated every minute");
    system.run(&["sync", "status"]).await.ok().says("started: ");
    system.pay("while it is started");
    let began = Instant::now();
    while system.copied("while it is started") == "0" {
        assert!(began.elapsed() < PATIENCE, "the schedule copies nothing");
        system.await_scheduled_run().await;
    }
    assert_eq!(system.summary(&["sync", "stop"], 0).await["state"], "stopped");
    // A run that was in progress at the stop ends before the payment.
    system.await_scheduled_run().await;
    system.pay("while it is stopped");
    system.await_scheduled_run().await;
    system.await_scheduled_run().await;
    assert_eq!(system.copied("while it is stopped"), "0");
    system.run(&["sync", "status"]).await.ok().says("stopped: ").says("left: 1 rows");
    system.run(&["sync", "run-once"]).await.ok().says("1 rows copied");
}
