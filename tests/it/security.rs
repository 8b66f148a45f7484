//! The requirement's security section, one test per sentence, on the steps of `lambda-mysql`; then the checks of auditing
//! tools. Requirements of every system are tested on every system.

mod constraints;
mod deployment;
mod encryption;
mod identity;
mod network;
mod services;

use crate::support::composition::Composition;
use crate::support::compositions::lambda_mysql;

/// `lambda-mysql` with the defaults.
async fn system() -> &'static Composition {
    &lambda_mysql().await.default
}

/// The differences between the systems' requirements.
struct Differences {
    /// The buckets that have no key of the system, and why.
    sse_s3_buckets: &'static [(&'static str, &'static str)],
    /// How long logs are kept.
    log_retention_days: i32,
    /// The engine of its databases.
    engine: &'static str,
    /// The logs that its databases give.
    database_logs: &'static [&'static str],
    /// How its databases refuse plain text and old TLS.
    database_tls: &'static [(&'static str, &'static str)],
    /// How its databases write down who connects and who changes structures and rights.
    database_audit: &'static [(&'static str, &'static [&'static str])],
    /// The default administrators of its engine, which everybody guesses.
    default_administrators: &'static [&'static str],
    /// The subnets of its databases.
    database_subnets: &'static str,
    /// The tags of every step.
    tags: &'static [(&'static str, &'static str)],
    /// The types with deletion protection, if it is configured.
    protected: &'static [&'static str],
    /// The rules that let something out by addresses, and why.
    egress_by_address: &'static [(&'static str, &'static str)],
}

const LAMBDA_MYSQL: Differences = Differences {
    sse_s3_buckets: &[LOAD_BALANCERS_LOGS[0], LOAD_BALANCERS_LOGS[1], ACCESS_LOGS, RECORDED],
    log_retention_days: 365,
    engine: "aurora-mysql",
    database_logs: &["audit", "error", "general", "slowquery"],
    database_tls: &[("require_secure_transport", "ON"), ("tls_version", "TLSv1.2,TLSv1.3")],
    database_audit: &[
        ("server_audit_logging", &["1"]),
        ("server_audit_events", &["CONNECT", "QUERY_DCL", "QUERY_DDL"]),
    ],
    default_administrators: &["admin", "root", "administrator", "mysql", "rdsadmin"],
    database_subnets: "subnet-private",
    tags: &[
        ("Project", "payment-migration"),
        ("Service", "payment-processing"),
        ("CostCenter", "payments"),
        ("Compliance", "PCI-DSS"),
        ("ManagedBy", "provisioner"),
        ("Stack", "lambda-mysql-dev1"),
    ],
    protected: &["elb.load_balancer", "rds.db_cluster", "rds.global_cluster"],
    egress_by_address: &[],
};

const FARGATE_POSTGRES: Differences = Differences {
    sse_s3_buckets: &[
        LOAD_BALANCERS_LOGS[0],
        LOAD_BALANCERS_LOGS[1],
        ACCESS_LOGS,
        RECORDED,
        ("buckets/transaction-logs/bucket", "the requirement asks for SSE-S3"),
        ("buckets/compliance-documents/bucket", "the requirement asks for SSE-S3"),
    ],
    log_retention_days: 90,
    engine: "aurora-postgresql",
    database_logs: &["postgresql"],
    database_tls: &[("rds.force_ssl", "1"), ("ssl_min_protocol_version", "TLSv1.2")],
    database_audit: &[
        ("shared_preload_libraries", &["pgaudit"]),
        ("pgaudit.log", &["ddl", "role"]),
        ("log_connections", &["1"]),
        ("log_disconnections", &["1"]),
    ],
    default_administrators: &["admin", "root", "administrator", "postgres", "rdsadmin"],
    database_subnets: "subnet-data",
    tags: &[
        ("Service", "payment-processing"),
        ("CostCenter", "fintech-migration"),
        ("Compliance", "PCI-DSS"),
        ("ManagedBy", "provisioner"),
        ("Stack", "fargate-postgres-dev1"),
    ],
    protected: &["dynamodb.table", "elb.load_balancer", "rds.db_cluster"],
    egress_by_address: &[("green/sync/", "blue's database is in another network, whose groups can't be named")],
};

const LOAD_BALANCERS_LOGS: [(&str, &str); 2] = [
    ("blue/edge/alb-logs/bucket", "Elastic Load Balancing can't write to a bucket with a KMS key"),
    ("green/edge/alb-logs/bucket", "Elastic Load Balancing can't write to a bucket with a KMS key"),
];
const ACCESS_LOGS: (&str, &str) = ("s3-access-logs/bucket", "S3 can't deliver access logs to a bucket with a KMS key");
const RECORDED: (&str, &str) =
    ("compliance/bucket", "every system of the account and region delivers to it: no system's key may outlive it");

impl Composition {
    /// The differences of this system.
    fn differs(&self) -> &'static Differences {
        match self.system {
            "lambda-mysql" => &LAMBDA_MYSQL,
            "fargate-postgres" => &FARGATE_POSTGRES,
            other => panic!("add the differences of {other}"),
        }
    }
}
