//! Waits for the states of a function.

use aws_sdk_ec2::types::NetworkInterfaceStatus;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, State};

use crate::resources::prelude::*;

pub(super) async fn get(cx: &Cx, name: &str) -> Result<GetFunctionOutput> {
    Ok(cx.lambda.get_function().function_name(name).send().await?)
}

/// Waits until a function can be invoked and changed. A new one in a VPC gets its network interfaces first.
/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
pub(super) async fn until_active(cx: &Cx, name: &str) -> Result<()> {
    cx.wait_until("the function to become active", Patience::SHORT, || async {
        let answer = get(cx, name).await?;
        let function = answer.configuration().ok_or(Error::incomplete("lambda:GetFunction", "Configuration"))?;
        state(name, function)
    })
    .await
}

/// Waits until no update is in progress. A function whose last update failed can be updated again.
pub(super) async fn until_settled(cx: &Cx, name: &str) -> Result<()> {
    cx.wait_until("the function's last update to finish", Patience::SHORT, || async {
        let answer = get(cx, name).await?;
        let function = answer.configuration().ok_or(Error::incomplete("lambda:GetFunction", "Configuration"))?;
        Ok((!is_in_progress(function)).then_some(()))
    })
    .await
}

fn is_in_progress(function: &FunctionConfiguration) -> bool {
    function.state() == Some(&State::Pending) || function.last_update_status() == Some(&LastUpdateStatus::InProgress)
}

fn state(name: &str, function: &FunctionConfiguration) -> Result<Option<()>> {
    let failed = |what: &str, reason: Option<&str>| {
        Err(Error::local(format!("{what} of the function {name} failed: {}", reason.unwrap_or("AWS gives no reason"))))
    };
    if function.state() == Some(&State::Failed) {
        return failed("the creation", function.state_reason());
    }
    if function.last_update_status() == Some(&LastUpdateStatus::Failed) {
        return failed("the last update", function.last_update_status_reason());
    }
    // An inactive function becomes active with its next invocation, and can be changed until then.
    Ok((!is_in_progress(function)).then_some(()))
}

/// Waits until Lambda has deleted the function's network interfaces, up to 20 minutes after the function. Until then its
/// subnets and security groups can't be deleted, and its role, which Lambda uses for it, must exist.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
pub(super) async fn until_interfaces_deleted(cx: &Cx, name: &str) -> Result<()> {
    let filter = |name: &str, value: &str| aws_sdk_ec2::types::Filter::builder().name(name).values(value).build();
    let filter = filter("description", &format!("AWS Lambda VPC ENI-{name}-*"));
    cx.wait_until("Lambda to delete its network interfaces (up to 20 minutes)", Patience::LONG, || async {
        let answer = cx.ec2.describe_network_interfaces().filters(filter.clone()).send().await?;
        for interface in answer.network_interfaces() {
            if interface.status() == Some(&NetworkInterfaceStatus::Available) {
                let id = interface.network_interface_id().unwrap_or_default();
                let delete =
                    async { Ok(cx.ec2.delete_network_interface().network_interface_id(id).send().await.map(|_| ())?) };
                ignore_not_found(delete.await)?;
            }
        }
        Ok(answer.network_interfaces().is_empty().then_some(()))
    })
    .await
}
