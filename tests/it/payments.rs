//! The systems in the sandbox process payments: from the edge over queue and function into a real database.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::applied_twice::outputs;
use crate::support::http::{Request, Response};
use crate::support::{Applied, Cli, MariaDb, Sandbox, Shared};
use crate::traffic::{CONFIGURATION, SUFFIX};

/// A number that card networks could have issued; it is in their documentation for tests.
const CARD: &str = "4242424242424242";

/// A whole system in a sandbox, with a database server in the place of each environment's Aurora cluster.
struct System {
    sandbox: Sandbox,
    _cli: Cli,
    live: String,
    pay: String,
    blue: Environment,
    green: Environment,
}

struct Environment {
    name: &'static str,
    /// Its load balancer's name.
    edge: String,
    queue: String,
    database: MariaDb,
    /// Held by those who stop its processor or change its password.
    alone: Mutex<()>,
}

static SYSTEM: Shared<System> = Shared::new();

async fn system() -> Arc<System> {
    SYSTEM.get(System::build).await
}

impl System {
    async fn build() -> Self {
        let Applied { sandbox, cli, run, .. } = Applied::with(SUFFIX, Some(CONFIGURATION)).await;
        let outputs = outputs(&run.stdout);
        let output = |name: &str| outputs.get(name).unwrap_or_else(|| panic!("no output {name}")).clone();
        let environment = async |name: &'static str| {
            let endpoints = ["writer", "reader"].map(|role| output(&format!("{name}_database_{role}_endpoint")));
            let endpoints = endpoints.each_ref().map(String::as_str);
            let database = MariaDb::start(&endpoints).await;
            sandbox.map_hosts(&endpoints, database.port, &database.ca);
            let (edge, queue) = (output(&format!("{name}_alb_dns_name")), output(&format!("{name}_queue_url")));
            let environment = Environment { name, edge, queue, database, alone: Mutex::default() };
            let migrate = output(&format!("{name}_migrate_function"));
            environment.furnish(&aws(&sandbox, &["credentials", &migrate]).await);
            aws(&sandbox, &["invoke", &migrate, r#"{"action": "apply"}"#]).await;
            environment
        };
        let (blue, green) = (environment("blue").await, environment("green").await);
        let (live, pay) = (output("live_name"), output("payment_name"));
        System { sandbox, _cli: cli, live, pay, blue, green }
    }

    async fn send(&self, host: &str, request: &Request) -> Response {
        self.sandbox.send(host, request).await
    }

    async fn aws(&self, arguments: &[&str]) -> Value {
        aws(&self.sandbox, arguments).await
    }
}

impl Environment {
    /// Creates what an Aurora cluster has from the start: the administrator and the database.
    fn furnish(&self, credentials: &Value) {
        let [user, password] = ["username", "password"].map(|name| credentials[name].as_str().unwrap());
        assert!(!password.contains(['\'', '\\']), "this password can't be put into SQL as it is");
        self.database.sql(&format!(
            "CREATE DATABASE payments; CREATE USER {user}@'%' IDENTIFIED BY '{password}'; \
             GRANT ALL ON *.* TO {user}@'%' WITH GRANT OPTION"
        ));
    }

    fn function(&self, name: &str) -> String {
        format!("{name}-{}-{SUFFIX}", self.name)
    }

    /// The payments of an idempotency key: where they were accepted and recorded, and their contents.
    fn payments(&self, key: &str) -> Vec<String> {
        self.database.sql(&format!(
            "SELECT accepted_in, recorded_in, merchant_id, amount_minor, currency, payment_token \
             FROM payments.payments JOIN payments.payment_events USING (payment_id) WHERE idempotency_key = '{key}'"
        ))
    }

    fn conflicts(&self, key: &str) -> usize {
        let sql = format!("SELECT 1 FROM payments.idempotency_conflicts WHERE idempotency_key = '{key}'");
        self.database.sql(&sql).len()
    }
}

/// Calls a function of `support/python/payments.py`.
async fn aws(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    sandbox.python_file("payments.py", arguments).await
}

fn payment(amount: u32) -> Value {
    json!({ "merchantId": "m-1", "amountMinor": amount, "currency": "EUR", "paymentToken": "tok_abcdefgh12345678" })
}

fn post(key: &str, body: impl ToString) -> Request {
    Request::post("/payments", body).header("Idempotency-Key", key)
}

fn recorded(environment: &str, amount: u32) -> [String; 1] {
    [format!("{environment}\t{environment}\tm-1\t{amount}\tEUR\ttok_abcdefgh12345678")]
}

#[tokio::test]
async fn apply_invokes_no_function() {
    let applied = Applied::with(SUFFIX, Some(CONFIGURATION)).await;
    assert_eq!(aws(&applied.sandbox, &["ran"]).await, json!([]));
    let migrated = system().await.aws(&["ran"]).await;
    assert!(migrated.as_array().is_some_and(|groups| groups.len() >= 2), "{migrated}");
}

#[tokio::test]
async fn second_migration_changes_nothing() {
    let system = system().await;
    let migrate = system.blue.function("migrate");
    let again = system.aws(&["invoke", &migrate, r#"{"action": "apply"}"#]).await;
    assert_eq!(again, json!({ "applied": [], "version": 2 }));
    let status = system.aws(&["invoke", &migrate, r#"{"action": "status"}"#]).await;
    assert_eq!(status["pending"], json!([]));
    let tables = system.blue.database.sql("SHOW TABLES IN payments");
    assert_eq!(tables, ["idempotency_conflicts", "payment_events", "payments", "schema_migrations"]);
}

#[tokio::test]
async fn all_names_and_edges_reach_blue_at_full_blue_weight() {
    let system = system().await;
    let blue = &system.blue;
    for (number, host) in [&blue.edge, &system.green.edge, &system.live, &system.pay].into_iter().enumerate() {
        let (key, amount) = (format!("name-key-{number}"), 100 + number as u32);
        let answer = system.send(host, &post(&key, payment(amount))).await;
        assert_eq!((answer.status, answer.header("X-Environment")), (202, Some("blue")), "{host}: {answer:?}");
        let id = answer.json()["paymentId"].as_str().expect("an id").to_owned();
        assert_eq!(answer.header("Location"), Some(&*format!("/payments/{id}")));
        system.aws(&["drained", &blue.queue]).await;
        assert_eq!(blue.payments(&key), recorded("blue", amount), "{host}");
        assert!(system.green.payments(&key).is_empty());
    }
    // Weights are chances: a share of green that is more than nothing would show.
    let nothing = Request::get("/");
    for answer in join_all((0..20).map(|_| system.send(&system.live, &nothing))).await {
        assert_eq!((answer.status, answer.header("X-Environment")), (404, Some("blue")));
    }
}

#[tokio::test]
async fn each_edge_reports_health_of_its_environment() {
    let system = system().await;
    for environment in [&system.blue, &system.green] {
        let answer = system.send(&environment.edge, &Request::get("/health")).await;
        assert_eq!((answer.status, answer.header("X-Environment")), (200, Some(environment.name)), "{answer:?}");
        assert_eq!(answer.json(), json!({ "status": "ok", "environment": environment.name }));

        let plain = system.send(&format!("{}:80", environment.edge), &Request::get("/health?a=b")).await;
        let secure = format!("https://{}/health?a=b", environment.edge);
        assert_eq!((plain.status, plain.header("Location")), (301, Some(&*secure)));
    }
    assert_eq!(system.send(&system.live, &Request::get("/health")).await.status, 200);
}

#[tokio::test]
async fn repeated_and_parallel_requests_make_one_payment() {
    let system = system().await;
    let blue = &system.blue;
    let request = post("repeated-key", payment(1999));
    let mut answers = vec![system.send(&blue.edge, &request).await];
    answers.extend(join_all((0..12).map(|_| system.send(&blue.edge, &request))).await);
    let location = answers[0].header("Location").expect("a location").to_owned();
    for answer in answers {
        assert_eq!((answer.status, answer.header("Location")), (202, Some(&*location)), "{answer:?}");
    }
    system.aws(&["drained", &blue.queue]).await;
    assert_eq!(blue.payments("repeated-key"), recorded("blue", 1999));
    assert_eq!(blue.conflicts("repeated-key"), 0);

    // Long after, when all of it is done.
    assert_eq!(system.send(&system.pay, &request).await.header("Location"), Some(&*location));
    system.aws(&["drained", &blue.queue]).await;
    assert_eq!(blue.payments("repeated-key"), recorded("blue", 1999));
}

#[tokio::test]
async fn conflicting_payments_with_one_key_record_only_one() {
    let system = system().await;
    let blue = &system.blue;
    let amounts = 1..=6;
    let requests: Vec<_> = amounts.clone().map(|amount| post("contested-key", payment(amount))).collect();
    for answer in join_all(requests.iter().map(|request| system.send(&blue.edge, request))).await {
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    system.aws(&["drained", &blue.queue]).await;
    let found = blue.payments("contested-key");
    assert!(amounts.clone().any(|amount| found == recorded("blue", amount)), "{found:?}");
    assert_eq!(blue.conflicts("contested-key"), amounts.count() - 1);
}

#[tokio::test]
async fn duplicate_deliveries_to_green_are_recorded_once() {
    let system = system().await;
    let green = &system.green;
    let _alone = green.alone.lock().await;
    let processor = green.function("payment-processor");
    system.aws(&["pause", &processor]).await;
    let answer = system.send(&format!("{}:8443", green.edge), &post("delivered-key", payment(4200))).await;
    assert_eq!((answer.status, answer.header("X-Environment")), (202, Some("green")), "{answer:?}");
    let message = system.aws(&["take", &green.queue, "delivered-key"]).await.to_string();
    assert!(green.payments("delivered-key").is_empty(), "the processor was stopped");

    // In one batch, and then once more.
    system.aws(&["put_back", &green.queue, &message, "3"]).await;
    system.aws(&["resume", &processor]).await;
    system.aws(&["drained", &green.queue]).await;
    assert_eq!(green.payments("delivered-key"), recorded("green", 4200));
    system.aws(&["put_back", &green.queue, &message, "1"]).await;
    system.aws(&["drained", &green.queue]).await;
    assert_eq!(green.payments("delivered-key"), recorded("green", 4200));
    assert_eq!(green.conflicts("delivered-key"), 0);
}

#[tokio::test]
async fn card_number_is_refused_and_never_logged() {
    let system = system().await;
    let blue = &system.blue;
    let grouped = "4242 4242 4242 4242";
    let with = |name: &str, value: &str| {
        let mut payment = payment(5);
        payment[name] = value.into();
        payment
    };
    let mut numbered = payment(5);
    numbered["metadata"] = json!({ "note": CARD.parse::<u64>().expect("a number") });
    let requests = [
        post("card-key-1", with("reference", CARD)),
        post("card-key-2", with("paymentToken", CARD)),
        post("card-key-3", with("reference", grouped)),
        post("card-key-4", numbered),
        post(CARD, payment(5)),
        post("card-key-6", payment(5)).header("X-Note", grouped),
        Request::post(&format!("/payments?card={CARD}"), payment(5)).header("Idempotency-Key", "card-key-7"),
        Request::get(&format!("/payments/{CARD}")),
        post("card-key-9", format!("{{\"reference\": \"{CARD}\"")),
    ];
    let count = requests.len();
    for request in requests {
        let answer = system.send(&system.pay, &request).await;
        assert_eq!((answer.status, answer.header("X-Environment")), (422, Some("blue")), "{request:?}: {answer:?}");
        assert!(!answer.body.contains("4242"), "{answer:?}");
    }
    system.aws(&["drained", &blue.queue]).await;
    let looked = system.aws(&["traces", CARD, grouped, "card-key-"]).await;
    assert_eq!(looked["found"], json!([]));
    // Where it would have been was looked at.
    assert!(looked["events"].as_u64() > Some(count as u64) && looked["queues"].as_u64() >= Some(4), "{looked}");
    let group = format!("/aws/lambda/{}", blue.function("payment-api"));
    let problems = system.aws(&["logged", &group, "problem"]).await;
    let refused = problems.as_array().unwrap().iter().filter(|kind| kind.to_string().contains("card-number-in-clear"));
    assert_eq!(refused.count(), count, "{problems}");
    assert!(blue.database.sql("SELECT 1 FROM payments.payments WHERE idempotency_key LIKE 'card-key-%'").is_empty());
}

#[tokio::test]
async fn poison_messages_go_to_the_dead_letter_queue() {
    let system = system().await;
    let blue = &system.blue;
    let forged = json!({ "version": 1, "idempotencyKey": "forged-key", "payment": payment(1) }).to_string();
    for poison in ["no payment at all", &forged] {
        system.aws(&["send", &blue.queue, poison]).await;
        let answer = system.send(&blue.edge, &post("among-poison", payment(7))).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        system.aws(&["dead", &blue.queue, poison]).await;
    }
    system.aws(&["drained", &blue.queue]).await;
    assert_eq!(blue.payments("among-poison"), recorded("blue", 7));
    assert!(blue.payments("forged-key").is_empty());
}

#[tokio::test]
async fn processor_continues_after_password_rotation() {
    let system = system().await;
    let green = &system.green;
    let _alone = green.alone.lock().await;
    let test_listener = format!("{}:8443", green.edge);
    let pay = async |key: &str| {
        let answer = system.send(&test_listener, &post(key, payment(3))).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        system.aws(&["drained", &green.queue]).await;
        assert_eq!(green.payments(key), recorded("green", 3));
    };
    // The processor now has connections and the old password.
    pay("before-rotation").await;

    let rotated = system.aws(&["rotate", &format!("database-secret-{}-{SUFFIX}", green.name)]).await;
    let secret = |when: &str, name: &str| rotated[when][name].as_str().expect("a text").to_owned();
    let (user, old, new) = (secret("after", "username"), secret("before", "password"), secret("after", "password"));
    assert_eq!(user, secret("before", "username"));
    assert!(!green.database.lets_in(&user, &old), "the old password still works");
    assert!(green.database.lets_in(&user, &new), "the new password doesn't work");

    // Sessions survive a change of password. Without them the processor has to log in again.
    pay("after-rotation").await;
    for id in green.database.sql(&format!("SELECT id FROM information_schema.processlist WHERE user = '{user}'")) {
        green.database.sql(&format!("KILL {id}"));
    }
    pay("with-the-new-password").await;

    for name in ["api-key-secret", "encryption-key-secret"] {
        let rotated = system.aws(&["rotate", &format!("{name}-{}-{SUFFIX}", green.name)]).await;
        assert_ne!(rotated["before"]["value"], rotated["after"]["value"], "{name}");
    }
    let group = format!("/aws/lambda/{}", green.function("rotate-secret"));
    let steps = system.aws(&["logged", &group, "step"]).await;
    let all = ["createSecret", "setSecret", "testSecret", "finishSecret"].repeat(3);
    assert_eq!(steps, json!(all), "each of the three secrets goes through the four steps");
    let traces = system.aws(&["traces", &old, &new]).await;
    assert_eq!(traces["found"], json!([]), "a password is in a log");
}

#[tokio::test]
async fn green_alarm_moves_all_traffic_to_blue() {
    let Applied { sandbox, run, .. } = Applied::with(SUFFIX, Some(CONFIGURATION)).await;
    let outputs = outputs(&run.stdout);
    let output = |name: &str| outputs[name].clone();
    let (live, green_edge) = (output("live_name"), output("green_alb_dns_name"));
    let serves = async |host: &str| {
        let answer = sandbox.send(host, &Request::get("/")).await;
        answer.header("X-Environment").map(str::to_owned)
    };
    let ear = aws(&sandbox, &["listen", &format!("migration-events-{SUFFIX}")]).await;
    aws(&sandbox, &["shift", &live, "0", "100"]).await;
    assert_eq!(serves(&live).await.as_deref(), Some("green"));

    let alarm = format!("green-unhealthy-{SUFFIX}");
    aws(&sandbox, &["sound", &alarm]).await;
    let seconds = aws(&sandbox, &["returned", &live]).await.as_f64().expect("seconds");
    assert!(seconds < 30.0, "it took {seconds} s");
    let blue = json!({ "blue": 100, "green": 0 });
    let edges = [format!("alb-blue-{SUFFIX}"), format!("alb-green-{SUFFIX}")];
    let listeners: serde_json::Map<_, _> = edges.into_iter().map(|edge| (edge, blue.clone())).collect();
    assert_eq!(aws(&sandbox, &["weights", &live]).await, json!({ "listeners": listeners, "records": blue }));
    for host in [&live, &green_edge] {
        assert_eq!(serves(host).await.as_deref(), Some("blue"), "{host}");
    }
    // Green can still be looked at.
    assert_eq!(serves(&format!("{green_edge}:8443")).await.as_deref(), Some("green"));

    let notification = aws(&sandbox, &["heard", ear.as_str().expect("a queue")]).await;
    assert_eq!(notification["subject"], "Failback to blue: moved to blue");
    let report = &notification["message"];
    assert!(report["reason"].as_str().is_some_and(|reason| reason.contains(&alarm)), "{report}");
    let shares = report["edges"].as_array().expect("the edges");
    assert!(shares.len() == 2 && shares.iter().all(|edge| edge["changed"] == true), "{report}");
    assert_eq!(report["dns"]["changed"], true);
}
