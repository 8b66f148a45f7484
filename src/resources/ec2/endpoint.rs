//! VPC endpoints: gateway and interface endpoints are one type of EC2.

use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types;

use super::calls::check_unsuccessful;
use super::lists::{Item, endpoint_state, filter};
use super::progress::{self, Progress};
use crate::resources::prelude::*;

/// Waits until the endpoint can be used.
pub(super) async fn until_ready(cx: &Cx, id: &str) -> Result<()> {
    progress::until_ready(cx, "the endpoint", || progress(cx, id)).await
}

/// Deletes an endpoint and waits until its network interfaces and private names are gone.
pub(super) async fn delete(cx: &Cx, id: &str) -> Result<()> {
    let delete = || async {
        let answer = cx.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await?;
        check_unsuccessful("ec2:DeleteVpcEndpoints", answer.request_id(), answer.unsuccessful())
    };
    ignore_not_found(cx.retry_while_retryable("EC2 to accept the deletion of the endpoint", delete).await)?;
    progress::until_gone(cx, "the endpoint", || progress(cx, id)).await
}

async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let endpoints = types::VpcEndpoint::list(cx, vec![filter("vpc-endpoint-id", [id])]).await?;
    Ok(Progress::of(endpoints, |endpoint| match &*endpoint_state(endpoint) {
        "available" => Progress::Ready,
        "failed" | "rejected" | "expired" | "deleted" => {
            let reason = endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason());
            Progress::Ended(reason.unwrap_or("AWS gives no reason").to_owned())
        }
        _ => Progress::Pending,
    }))
}

/// The policy of the endpoint; no document if it is AWS's own and the `desired` policy is that.
pub(super) fn policy(endpoint: &types::VpcEndpoint, desired: &Document) -> Result<Document> {
    let policy = Document::parse(endpoint.policy_document().unwrap_or_default())?;
    let is_default = policy.value()["Statement"] == default_policy().value()["Statement"];
    Ok(if is_default && desired.is_null() { Document::default() } else { policy })
}

/// The policy for a call.
pub(super) fn policy_text(policy: &Document) -> String {
    if policy.is_null() { default_policy().to_text() } else { policy.to_text() }
}

/// AWS's own policy, which allows everything.
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
fn default_policy() -> Document {
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"});
    Document::new(json!({"Version": "2008-10-17", "Statement": [statement]}))
}
