//! What gateway and interface endpoints have in common: to EC2 they are one type.

use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{self, Filter};

use super::progress::{Progress, until_gone};
use super::{filter, item, locate, refused};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};

item!(types::VpcEndpoint, vpc_endpoint_id);

/// The step's endpoint.
pub(super) async fn find(cx: &Cx, known: Option<&str>) -> Result<Option<types::VpcEndpoint>> {
    locate(cx, "vpc-endpoint-id", known, |filters| standing(cx, filters)).await
}

/// How far an endpoint is.
pub(super) async fn progress(cx: &Cx, id: &str) -> Result<Progress> {
    let endpoints = list(cx, vec![filter("vpc-endpoint-id", [id])]).await?;
    Ok(Progress::of(endpoints, |endpoint| match &*state(endpoint) {
        "available" => Progress::Ready,
        "failed" | "rejected" | "expired" | "deleted" => {
            let reason = endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason());
            Progress::Ended(reason.unwrap_or("AWS gives no reason").to_owned())
        }
        _ => Progress::Busy,
    }))
}

/// Deletes an endpoint and waits until its network interfaces and its names are gone.
pub(super) async fn delete(cx: &Cx, id: &str) -> Result<()> {
    let delete = || async {
        let answer = cx.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send().await?;
        refused("ec2:DeleteVpcEndpoints", answer.request_id(), answer.unsuccessful())
    };
    ignore_not_found(cx.retry_while_retryable("AWS to let the endpoint be deleted", delete).await)?;
    until_gone(cx, "the endpoint", || progress(cx, id)).await
}

/// AWS lists failed and deleted ones for a while.
async fn standing(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::VpcEndpoint>> {
    let mut all = list(cx, filters).await?;
    all.retain(|endpoint| matches!(&*state(endpoint), "pending" | "available" | "partial" | "pendingacceptance"));
    Ok(all)
}

/// The API reference and the service don't write the states in the same case.
pub(super) fn state(endpoint: &types::VpcEndpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default()
}

pub(super) async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<types::VpcEndpoint>> {
    Ok(cx.ec2.describe_vpc_endpoints().set_filters(Some(filters)).into_paginator().items().send().try_collect().await?)
}
