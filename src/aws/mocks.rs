//! SDK clients with responses from tests.

/// A client that responds by the first rule that matches. A call without a matching rule panics.
macro_rules! client {
    ($sdk:ident, $rules:expr) => {{
        use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client};
        let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
        let answers = $rules.iter().fold(answers, |answers, rule| answers.with_rule(rule));
        let config = $sdk::Config::builder().behavior_version($sdk::config::BehaviorVersion::latest());
        let region = $sdk::config::Region::from_static("us-east-1");
        let config = config.region(region).http_client(create_mock_http_client());
        let config = config.credentials_provider($sdk::config::Credentials::for_tests()).interceptor(answers);
        let config = config.retry_config(aws_config::retry::RetryConfig::disabled());
        $sdk::Client::from_conf(config.build())
    }};
}
pub(crate) use client;
