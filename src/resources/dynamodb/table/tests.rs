use std::sync::Arc;

use aws_sdk_dynamodb::operation::describe_table::DescribeTableOutput;
use aws_sdk_dynamodb::operation::update_table::UpdateTableError;
use aws_sdk_dynamodb::operation::update_time_to_live::{
    UpdateTimeToLiveError, UpdateTimeToLiveInput, UpdateTimeToLiveOutput,
};
use aws_smithy_mocks::mock;
use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::aws::cx::Shared;
use crate::aws::mocks::client;
use crate::aws::{Clients, Cloud, Endpoint};
use crate::engine::events::Silent;
use crate::engine::ownership::Owner;
use crate::engine::{Advice, StepError};

fn is(request: &UpdateTimeToLiveInput, attribute: &str, enabled: bool) -> bool {
    let specification = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(enabled).build().built();
    (request.table_name(), request.time_to_live_specification()) == (Some("orders"), Some(&specification))
}

#[tokio::test]
async fn second_time_to_live_change_says_when_to_apply_again() {
    const REFUSAL: &str = "Time to live has been modified multiple times within a fixed interval";
    let refused = ErrorMetadata::builder().code("ValidationException").message(REFUSAL).build();
    let disabled = mock!(Client::update_time_to_live).match_requests(|request| is(request, "expires", false));
    let disabled = disabled.then_output(|| UpdateTimeToLiveOutput::builder().build());
    let enabled = mock!(Client::update_time_to_live).match_requests(|request| is(request, "until", true));
    let enabled = enabled.then_error(move || UpdateTimeToLiveError::generic(refused.clone()));
    let client = client!(aws_sdk_dynamodb, [&disabled, &enabled]);
    let error = change_time_to_live(&client, "orders", Some("expires"), Some("until")).await.unwrap_err();
    let error = StepError::from(error);
    assert_eq!((disabled.num_calls(), enabled.num_calls(), error.message.as_str()), (1, 1, REFUSAL));
    assert!(matches!(error.advice, Some(Advice::Text(help)) if help.ends_with("apply again in an hour")));
    assert!(!error.outcome_unknown);
}

/// A step in a sandbox in which only this client responds.
async fn cx(dynamodb: Client) -> Cx {
    let shared = Shared {
        cloud: Arc::new(Cloud::open(Endpoint::Sandbox { port: 9 }).await),
        account: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        owner: Owner { system: "shop".to_owned(), suffix: "dev1".to_owned() },
        observer: Arc::new(Silent),
    };
    let config = aws_types::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest());
    let config = config.sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new());
    let config = config.time_source(aws_smithy_async::time::SystemTimeSource::new());
    let clients = Clients { dynamodb, ..Clients::new(&config.build(), "us-east-1") };
    Cx::new(Arc::new(shared), "us-east-1", "blue/orders".into(), Tags::new(), String::new()).with_clients(clients)
}

#[tokio::test]
async fn refused_change_succeeds_if_the_table_has_it_already() {
    for (is_protected, succeeds) in [(true, true), (false, false)] {
        let refusal = ErrorMetadata::builder().code("LimitExceededException").message("Only 1 online index").build();
        let refused = mock!(Client::update_table).then_error(move || UpdateTableError::generic(refusal.clone()));
        let table =
            TableDescription::builder().table_status(TableStatus::Active).deletion_protection_enabled(is_protected);
        let table = DescribeTableOutput::builder().table(table.build()).build();
        let described = mock!(Client::describe_table).then_output(move || table.clone());
        let cx = cx(client!(aws_sdk_dynamodb, [&refused, &described])).await;
        let is_done = |table: &TableDescription| table.deletion_protection_enabled() == Some(true);
        let outcome = change(&cx, "orders", is_done, |request| request.deletion_protection_enabled(true)).await;
        assert_eq!((outcome.is_ok(), refused.num_calls()), (succeeds, 1));
    }
}
