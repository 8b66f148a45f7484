use super::found_in_zone;
use crate::resources::prelude::*;

/// Logs the queries that Route 53 answers for a public hosted zone.
/// <https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateQueryLoggingConfig.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueryLoggingConfig {
    /// The hosted zone.
    pub hosted_zone: HostedZoneId,
    /// The log group: in us-east-1, with a resource policy that lets `route53.amazonaws.com` write.
    pub log_group: LogGroupArn,
}

/// The identity of a configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueryLoggingConfigOutputs {
    /// Its id.
    pub id: String,
}

impl Resource for QueryLoggingConfig {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["hosted_zone", "log_group"],
        global: true,
        ..TypeInfo::new(
            "route53.query_logging_config",
            seconds(5),
            &[
                "route53:GetQueryLoggingConfig",
                "route53:ListQueryLoggingConfigs",
                "route53:ListTagsForResources",
                "route53:CreateQueryLoggingConfig",
                "route53:DeleteQueryLoggingConfig",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
            ],
        )
    };

    type Outputs = QueryLoggingConfigOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&QueryLoggingConfigOutputs>) -> Result<Option<Found<Self>>> {
        // By its id if that is known: its zone may be about to be replaced.
        let config = match known {
            Some(known) => {
                let read = async { Ok(cx.route53.get_query_logging_config().id(&known.id).send().await?) };
                ignore_not_found(read.await)?.and_then(|answer| answer.query_logging_config)
            }
            None if !self.hosted_zone.is_known() => None,
            None => {
                let zone = &*self.hosted_zone;
                let read = async { Ok(cx.route53.list_query_logging_configs().hosted_zone_id(zone).send().await?) };
                // A zone can have one.
                ignore_not_found(read.await)?.and_then(|answer| answer.query_logging_configs.into_iter().next())
            }
        };
        let Some(config) = config else { return Ok(None) };
        let spec = QueryLoggingConfig {
            hosted_zone: config.hosted_zone_id().trim_start_matches("/hostedzone/").into(),
            log_group: config.cloud_watch_logs_log_group_arn().trim_end_matches(":*").into(),
        };
        let (zone, outputs) = (spec.hosted_zone.clone(), QueryLoggingConfigOutputs { id: config.id().to_owned() });
        Ok(Some(found_in_zone(cx, &zone, known.is_some(), spec, outputs).await?))
    }

    async fn create(&self, cx: &Cx) -> Result<QueryLoggingConfigOutputs> {
        let create = || async {
            let request = cx.route53.create_query_logging_config().hosted_zone_id(&*self.hosted_zone);
            Ok(request.cloud_watch_logs_log_group_arn(format!("{}:*", self.log_group)).send().await?)
        };
        let is_new_policy = |error: &Error| error.is_code("InsufficientCloudWatchLogsResourcePolicy");
        let what = "Route 53 to know the resource policy of the log group";
        let answer = cx.retry_while(what, Patience::FRESH, is_new_policy, create).await?;
        let missing = Error::incomplete("route53:CreateQueryLoggingConfig", "QueryLoggingConfig");
        Ok(QueryLoggingConfigOutputs { id: answer.query_logging_config.ok_or(missing)?.id })
    }

    async fn delete(cx: &Cx, outputs: &QueryLoggingConfigOutputs) -> Result<()> {
        let delete = async { Ok(cx.route53.delete_query_logging_config().id(&outputs.id).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-hostedzone.html>
    fn cloudformation(&self) -> Form {
        let QueryLoggingConfig { hosted_zone, log_group } = self;
        if hosted_zone.is_known() {
            return Form::unsupported(format!(
                "it is a property of the existing hosted zone {hosted_zone}: create it with \
                 route53:CreateQueryLoggingConfig"
            ));
        }
        let config = json!({"CloudWatchLogsLogGroupArn": format!("{log_group}:*")});
        Form::property_of(hosted_zone, "QueryLoggingConfig", config).gap(
            "the order: Route 53 writes to the log group when it creates the zone, so the log group and its resource policy \
             have to exist before",
        )
    }
}
