use std::time::Duration;

use aws_sdk_ec2::operation::RequestId;
use aws_sdk_ec2::types::{self, FlowLogsResourceType, LogDestinationType, ResourceType, TrafficType};

use super::calls::{check_unsuccessful, from_sdk, tag_specification};
use super::locate::locate;
use crate::resources::prelude::*;

/// Logs the accepted and rejected traffic of a VPC to a CloudWatch log group.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowLog {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The log group, of the same account and region.
    pub log_group: LogGroupArn,
    /// The role that writes to it.
    pub role: RoleArn,
    /// `ALL`, `ACCEPT` or `REJECT`.
    pub traffic: String,
    /// The interval over which packets of a flow are aggregated: 60 or 600.
    pub aggregation_seconds: i32,
}

/// The outputs of a flow log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowLogOutputs {
    /// `fl-…`
    pub flow_log_id: String,
}

impl FlowLog {
    /// A flow log of all traffic of a VPC, aggregated by the minute.
    pub fn of_all_traffic(vpc_id: &VpcId, log_group: &LogGroupArn, role: &RoleArn) -> Self {
        FlowLog {
            vpc_id: vpc_id.clone(),
            log_group: log_group.clone(),
            role: role.clone(),
            traffic: TrafficType::All.to_string(),
            aggregation_seconds: 60,
        }
    }
}

impl Resource for FlowLog {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["vpc_id", "log_group", "role", "traffic", "aggregation_seconds"],
        ..TypeInfo::new(
            "ec2.flow_log",
            seconds(15),
            &[
                "ec2:DescribeFlowLogs",
                "ec2:CreateFlowLogs",
                "ec2:DeleteFlowLogs",
                "ec2:CreateTags",
                "ec2:DeleteTags",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = FlowLogOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&FlowLogOutputs>) -> Result<Option<Found<Self>>> {
        let known = known.map(|known| &*known.flow_log_id);
        let Some(log) = locate::<types::FlowLog>(cx, known).await? else { return Ok(None) };
        let (partition, region, account) = (cx.partition(), &cx.region, cx.account());
        let by_name = |name: &str| format!("arn:{partition}:logs:{region}:{account}:log-group:{name}");
        let destination = log.log_destination().unwrap_or_default().trim_end_matches(":*").to_owned();
        let spec = FlowLog {
            vpc_id: log.resource_id().unwrap_or_default().into(),
            log_group: log.log_group_name().map_or(destination, by_name).into(),
            role: log.deliver_logs_permission_arn().unwrap_or_default().into(),
            traffic: log.traffic_type().map(ToString::to_string).unwrap_or_default(),
            aggregation_seconds: log.max_aggregation_interval.unwrap_or_default(),
        };
        let outputs = FlowLogOutputs { flow_log_id: log.flow_log_id().unwrap_or_default().to_owned() };
        let live = log.deliver_logs_error_message().map(|error| format!("delivery fails: {error}"));
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, from_sdk(log.tags())) }))
    }

    async fn create(&self, cx: &Cx) -> Result<FlowLogOutputs> {
        let group = self.log_group.split(":log-group:").nth(1).unwrap_or_default();
        let create = || async {
            let request = cx.ec2.create_flow_logs().client_token(&cx.token);
            let request = request.resource_type(FlowLogsResourceType::Vpc).resource_ids(&*self.vpc_id);
            let request = request.log_destination_type(LogDestinationType::CloudWatchLogs).log_group_name(group);
            let request = request.deliver_logs_permission_arn(&*self.role).traffic_type(self.traffic.as_str().into());
            let request = request.max_aggregation_interval(self.aggregation_seconds);
            let request = request.tag_specifications(tag_specification(cx, ResourceType::VpcFlowLog));
            let answer = request.send().await?;
            check_unsuccessful("ec2:CreateFlowLogs", answer.request_id(), answer.unsuccessful())?;
            Ok(answer)
        };
        // The code until a new role has propagated.
        let is_new_role = |error: &Error| error.is_code("InvalidParameter");
        let patience = Patience { limit: Duration::from_secs(60), ..Patience::SHORT };
        let answer = cx.retry_while("the new role to be visible to EC2", patience, is_new_role, create).await?;
        let id = answer.flow_log_ids.unwrap_or_default().into_iter().next();
        Ok(FlowLogOutputs { flow_log_id: id.ok_or(Error::incomplete("ec2:CreateFlowLogs", "FlowLogIds"))? })
    }

    async fn tag(cx: &Cx, outputs: &FlowLogOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.flow_log_id, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &FlowLogOutputs) -> Result<()> {
        let delete = async {
            let answer = cx.ec2.delete_flow_logs().flow_log_ids(&outputs.flow_log_id).send().await?;
            check_unsuccessful("ec2:DeleteFlowLogs", answer.request_id(), answer.unsuccessful())
        };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-flowlog.html>
    fn cloudformation(&self) -> Form {
        let log = properties!(self, FlowLog {
            "ResourceType": "VPC",
            vpc_id => "ResourceId",
            traffic => "TrafficType",
            "LogDestinationType": "cloud-watch-logs",
            log_group => "LogDestination",
            role => "DeliverLogsPermissionArn",
            aggregation_seconds => "MaxAggregationInterval",
        });
        Form::resource("AWS::EC2::FlowLog", log).output("flow_log_id", Form::reference())
    }
}
