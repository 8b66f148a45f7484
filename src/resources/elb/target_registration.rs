use aws_sdk_elasticloadbalancingv2::types::{
    TargetDescription, TargetHealthDescription, TargetHealthStateEnum as State,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::cloudformation::Form;
use crate::resources::ids::{FunctionArn, TargetGroupArn};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// One target in a target group.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetRegistration {
    /// The target group.
    pub target_group: TargetGroupArn,
    /// What it forwards to.
    pub target: Target,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A function, an alias or a version of one. Elastic Load Balancing must have the permission to invoke it first.
    Function(FunctionArn),
    /// An address in the target group's VPC.
    Ip {
        /// The IPv4 address.
        address: String,
        /// The port.
        port: u16,
    },
}

/// Which target it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetRegistrationOutputs {
    /// The target group.
    pub target_group: TargetGroupArn,
    /// The function's ARN or the address.
    pub target: String,
    /// The port; empty for a function.
    pub port: String,
}

impl Resource for TargetRegistration {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["target_group", "target"],
        serves_traffic: true,
        ..TypeInfo::new(
            "elb.target_registration",
            seconds(2),
            &[
                "elasticloadbalancing:DescribeTargetHealth",
                "elasticloadbalancing:RegisterTargets",
                "elasticloadbalancing:DeregisterTargets",
            ],
        )
    };

    type Outputs = TargetRegistrationOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TargetRegistrationOutputs>) -> Result<Option<Found<Self>>> {
        let outputs = known.cloned().unwrap_or_else(|| self.outputs());
        if !outputs.target_group.is_known() {
            return Ok(None);
        }
        let registered = registered(cx, &outputs.target_group).await?;
        let Some(target) = registered.iter().find(|target| outputs.is(target)) else { return Ok(None) };
        let state = target.target_health().and_then(|health| health.state());
        let spec = TargetRegistration { target_group: outputs.target_group.clone(), target: outputs.target() };
        let live = state.map(|state| state.as_str().to_owned());
        Ok(Some(Found { live, ..Found::child(spec, outputs) }))
    }

    async fn create(&self, cx: &Cx) -> Result<TargetRegistrationOutputs> {
        let outputs = self.outputs();
        let request = cx.elb.register_targets().target_group_arn(&*self.target_group);
        request.targets(outputs.description()).send().await?;
        Ok(outputs)
    }

    async fn update(&self, _cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<TargetRegistrationOutputs> {
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &TargetRegistrationOutputs) -> Result<()> {
        let request = cx.elb.deregister_targets().target_group_arn(&*outputs.target_group);
        let deregister = async { Ok(request.targets(outputs.description()).send().await?) };
        ignore_not_found(deregister.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-elasticloadbalancingv2-targetgroup-targetdescription.html>
    fn cloudformation(&self) -> Form {
        let TargetRegistration { target_group, target } = self;
        let description = match target {
            Target::Function(function) => json!({"Id": function}),
            Target::Ip { address, port } => json!({"Id": address, "Port": port}),
        };
        let form = Form::property_of(target_group, "Targets", json!([description]));
        let TargetRegistrationOutputs { target_group, target: id, port } = self.outputs();
        let form = form.output("target_group", target_group).output("target", id).output("port", port);
        match target {
            // The group stands only once its target is in it, so no permission of its own can be made before.
            Target::Function(_) => form.gap(
                "the order: CloudFormation registers the function as it makes the group, so what lets Elastic Load Balancing \
                 call it must stand before and can't name the group",
            ),
            Target::Ip { .. } => form,
        }
    }
}

impl TargetRegistration {
    fn outputs(&self) -> TargetRegistrationOutputs {
        let (target, port) = match &self.target {
            Target::Function(function) => (function.to_string(), String::new()),
            Target::Ip { address, port } => (address.clone(), port.to_string()),
        };
        TargetRegistrationOutputs { target_group: self.target_group.clone(), target, port }
    }
}

impl TargetRegistrationOutputs {
    fn port(&self) -> Option<u16> {
        self.port.parse().ok()
    }

    fn target(&self) -> Target {
        match self.port() {
            Some(port) => Target::Ip { address: self.target.clone(), port },
            None => Target::Function(self.target.as_str().into()),
        }
    }

    fn description(&self) -> TargetDescription {
        TargetDescription::builder().id(&self.target).set_port(self.port().map(Into::into)).build()
    }

    fn is(&self, registered: &TargetHealthDescription) -> bool {
        registered.target().is_some_and(|target| {
            let port = self.port().map(i32::from);
            target.id() == Some(&self.target) && (port.is_none() || target.port() == port)
        })
    }
}

/// The targets of a group, without those that are on their way out.
async fn registered(cx: &Cx, group: &str) -> Result<Vec<TargetHealthDescription>> {
    let read = async { Ok(cx.elb.describe_target_health().target_group_arn(group).send().await?) };
    let answer = ignore_not_found(read.await)?;
    let mut targets = answer.and_then(|answer| answer.target_health_descriptions).unwrap_or_default();
    targets.retain(|target| target.target_health().and_then(|health| health.state()) != Some(&State::Draining));
    Ok(targets)
}
