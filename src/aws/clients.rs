//! Access to AWS: credentials, endpoint, one client for each service and region.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::tls;

use super::calls::Calls;
use super::inventory::Inventory;

/// Which AWS to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The AWS of the SDK's default chain: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL` ...
    Environment,
    /// The sandbox on a port of this machine. The environment is ignored.
    Sandbox {
        /// The port.
        port: u16,
    },
}

impl Endpoint {
    /// True for the sandbox: polls may be frequent.
    pub fn is_sandbox(&self) -> bool {
        matches!(self, Endpoint::Sandbox { .. })
    }
}

/// The timeouts and retries of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// For resources: one minute per attempt, six attempts, slower if the service throttles.
    #[default]
    Patient,
    /// For live traffic: a few seconds per attempt, three attempts. Callers retry where it matters, after reading again.
    Urgent,
}

impl Pace {
    fn timeouts(self) -> TimeoutConfig {
        let (connect, attempt) = match self {
            Pace::Patient => (5, 60),
            Pace::Urgent => (2, 5),
        };
        let timeouts = TimeoutConfig::builder().connect_timeout(Duration::from_secs(connect));
        timeouts.operation_attempt_timeout(Duration::from_secs(attempt)).build()
    }

    fn retries(self, endpoint: &Endpoint) -> RetryConfig {
        match self {
            // Failures in a sandbox are injected: a pause doesn't help.
            Pace::Patient if endpoint.is_sandbox() => {
                RetryConfig::standard().with_max_attempts(6).with_initial_backoff(Duration::from_millis(50))
            }
            // Adaptive: a throttled client slows itself down.
            Pace::Patient => RetryConfig::adaptive().with_max_attempts(6),
            Pace::Urgent => {
                RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(200))
            }
        }
    }
}

/// Access to one AWS account in all its regions.
#[derive(Debug)]
pub struct Cloud {
    base: SdkConfig,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The counter of requests.
    pub calls: Calls,
    regions: Mutex<HashMap<String, Arc<Clients>>>,
}

impl Cloud {
    /// Access at the default pace. Sends no request yet.
    pub async fn open(endpoint: Endpoint) -> Self {
        Cloud::with_pace(endpoint, Pace::Patient).await
    }

    /// [`Cloud::open`] at another pace.
    pub async fn with_pace(endpoint: Endpoint, pace: Pace) -> Self {
        Cloud::with_calls(endpoint, pace, Calls::default()).await
    }

    /// [`Cloud::with_pace`] with an existing counter of requests.
    pub async fn with_calls(endpoint: Endpoint, pace: Pace, calls: Calls) -> Self {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let http = calls.counting(http);
        let (timeouts, retries) = (pace.timeouts(), pace.retries(&endpoint));
        let base = match endpoint {
            Endpoint::Environment => {
                let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
                loader.timeout_config(timeouts).retry_config(retries).load().await
            }
            // Built by hand, so that nothing in the environment leads to a real account.
            Endpoint::Sandbox { port } => SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .http_client(http)
                .timeout_config(timeouts)
                .retry_config(retries)
                .sleep_impl(TokioSleep::new())
                .time_source(SystemTimeSource::new())
                .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("test", "test", None)))
                .region(Region::from_static("us-east-1"))
                .endpoint_url(format!("http://127.0.0.1:{port}"))
                .build(),
        };
        Cloud { base, endpoint, calls, regions: Mutex::default() }
    }

    /// The same access with an empty inventory.
    pub fn uncached(&self) -> Self {
        let regions = self.regions.lock().expect("no panic holds this lock");
        let regions = regions.iter().map(|(region, clients)| (region.clone(), Arc::new(clients.uncached()))).collect();
        Cloud {
            base: self.base.clone(),
            endpoint: self.endpoint.clone(),
            calls: self.calls.clone(),
            regions: Mutex::new(regions),
        }
    }

    /// The clients of one region.
    pub fn region(&self, region: &str) -> Arc<Clients> {
        let mut regions = self.regions.lock().expect("no panic holds this lock");
        let clients = regions.entry(region.to_owned()).or_insert_with(|| Arc::new(Clients::new(&self.base, region)));
        clients.clone()
    }

    /// The region in which global services (IAM, Route 53) are read.
    pub fn home(&self) -> &'static str {
        "us-east-1"
    }

    /// The region of the environment or profile, if any.
    pub fn default_region(&self) -> Option<String> {
        self.base.region().map(ToString::to_string)
    }
}

/// For a create call without an idempotency token: a retry would create a second resource, so there is none. After a lost response
/// the tags tell whether the resource exists: see [`outcome`](crate::resources::outcome).
pub fn without_retries() -> RetryConfig {
    // Adaptive: it shares the rate limit of the other calls of its service.
    RetryConfig::adaptive().with_max_attempts(1)
}

/// Lets every call use all its attempts, whatever happens to others. The SDK's retry quota is meant for servers: concurrent failures
/// exhaust it, and after some fifty failures in a run no call would be retried.
fn without_quota(service: &str, region: &str) -> RetryPartition {
    RetryPartition::custom(format!("{service}-{region}")).token_bucket(TokenBucket::unlimited()).build()
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ty = $config:ty;)*) => {
        /// One client for each service in one region, and the inventory of that region.
        #[derive(Debug)]
        pub struct Clients {
            /// The region.
            pub region: String,
            /// The reads of this run.
            pub inventory: Inventory,
            /// The configuration of the clients: for clients of other services.
            pub sdk: SdkConfig,
            /// S3
            pub s3: aws_sdk_s3::Client,
            $($(#[$doc])* pub $name: $client,)*
        }

        impl Clients {
            /// The clients with one configuration.
            pub(crate) fn new(base: &SdkConfig, region: &str) -> Self {
                let config = base.to_builder().region(Region::new(region.to_owned())).build();
                // A local endpoint has no host names of buckets.
                let path_style = base.endpoint_url().is_some();
                let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style);
                let quota = |service: &str| without_quota(service, region);
                Clients {
                    region: region.to_owned(),
                    s3: aws_sdk_s3::Client::from_conf(s3.retry_partition(quota("s3")).build()),
                    inventory: Inventory::default(),
                    $($name: {
                        let own = <$config>::from(&config).retry_partition(quota(stringify!($name)));
                        <$client>::from_conf(own.build())
                    },)*
                    sdk: config,
                }
            }

            /// The same clients with an empty inventory.
            fn uncached(&self) -> Self {
                Clients {
                    region: self.region.clone(),
                    inventory: Inventory::default(),
                    sdk: self.sdk.clone(),
                    s3: self.s3.clone(),
                    $($name: self.$name.clone(),)*
                }
            }
        }
    };
}

clients! {
    /// Certificate Manager
    acm: aws_sdk_acm::Client = aws_sdk_acm::config::Builder;
    /// Application Auto Scaling
    scaling: aws_sdk_applicationautoscaling::Client = aws_sdk_applicationautoscaling::config::Builder;
    /// AWS Backup
    backup: aws_sdk_backup::Client = aws_sdk_backup::config::Builder;
    /// CloudWatch
    cloudwatch: aws_sdk_cloudwatch::Client = aws_sdk_cloudwatch::config::Builder;
    /// CloudWatch Logs
    logs: aws_sdk_cloudwatchlogs::Client = aws_sdk_cloudwatchlogs::config::Builder;
    /// AWS Config
    config: aws_sdk_config::Client = aws_sdk_config::config::Builder;
    /// DynamoDB
    dynamodb: aws_sdk_dynamodb::Client = aws_sdk_dynamodb::config::Builder;
    /// EC2 and VPC
    ec2: aws_sdk_ec2::Client = aws_sdk_ec2::config::Builder;
    /// Elastic Container Registry
    ecr: aws_sdk_ecr::Client = aws_sdk_ecr::config::Builder;
    /// Elastic Container Service
    ecs: aws_sdk_ecs::Client = aws_sdk_ecs::config::Builder;
    /// Elastic Load Balancing v2
    elb: aws_sdk_elasticloadbalancingv2::Client = aws_sdk_elasticloadbalancingv2::config::Builder;
    /// EventBridge
    events: aws_sdk_eventbridge::Client = aws_sdk_eventbridge::config::Builder;
    /// IAM
    iam: aws_sdk_iam::Client = aws_sdk_iam::config::Builder;
    /// KMS
    kms: aws_sdk_kms::Client = aws_sdk_kms::config::Builder;
    /// Lambda
    lambda: aws_sdk_lambda::Client = aws_sdk_lambda::config::Builder;
    /// RDS
    rds: aws_sdk_rds::Client = aws_sdk_rds::config::Builder;
    /// Resource Groups Tagging API
    tagging: aws_sdk_resourcegroupstagging::Client = aws_sdk_resourcegroupstagging::config::Builder;
    /// Route 53
    route53: aws_sdk_route53::Client = aws_sdk_route53::config::Builder;
    /// Secrets Manager
    secrets: aws_sdk_secretsmanager::Client = aws_sdk_secretsmanager::config::Builder;
    /// SNS
    sns: aws_sdk_sns::Client = aws_sdk_sns::config::Builder;
    /// SQS
    sqs: aws_sdk_sqs::Client = aws_sdk_sqs::config::Builder;
    /// Systems Manager
    ssm: aws_sdk_ssm::Client = aws_sdk_ssm::config::Builder;
    /// Security Token Service
    sts: aws_sdk_sts::Client = aws_sdk_sts::config::Builder;
    /// WAFv2
    waf: aws_sdk_wafv2::Client = aws_sdk_wafv2::config::Builder;
}
