use std::collections::BTreeSet;

use aws_sdk_wafv2::types::{self, FieldToMatch, SingleHeader};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::{LogGroupArn, WebAclArn};
use crate::resources::tags::Built;
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// Where a web ACL logs the requests that it looks at.
/// <https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoggingConfiguration {
    /// The web ACL.
    pub web_acl: WebAclArn,
    /// The log group: its name must begin with `aws-waf-logs-`.
    pub log_group: LogGroupArn,
    /// Headers whose values are left out, in lower case.
    pub redacted_headers: BTreeSet<String>,
}

/// Which configuration it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoggingConfigurationOutputs {
    /// The web ACL.
    pub web_acl: WebAclArn,
}

impl Resource for LoggingConfiguration {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["web_acl"],
        ..TypeInfo::new(
            "waf.logging_configuration",
            seconds(5),
            &[
                "wafv2:GetLoggingConfiguration",
                "wafv2:PutLoggingConfiguration",
                "wafv2:DeleteLoggingConfiguration",
                "logs:CreateLogDelivery",
                "logs:DeleteLogDelivery",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
                "logs:PutResourcePolicy",
            ],
        )
    };

    type Outputs = LoggingConfigurationOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&LoggingConfigurationOutputs>) -> Result<Option<Found<Self>>> {
        let web_acl = known.map_or(&self.web_acl, |known| &known.web_acl);
        if !web_acl.is_known() {
            return Ok(None);
        }
        let read = async {
            Ok(cx.waf.get_logging_configuration().resource_arn(&**web_acl).send().await?.logging_configuration)
        };
        let Some(configuration) = ignore_not_found(read.await)?.flatten() else { return Ok(None) };
        let log_group = configuration.log_destination_configs().first().map(String::as_str).unwrap_or_default();
        let redacted = configuration.redacted_fields().iter().filter_map(FieldToMatch::single_header);
        let spec = LoggingConfiguration {
            web_acl: web_acl.clone(),
            log_group: log_group.trim_end_matches(":*").into(),
            redacted_headers: redacted.map(|header| header.name().to_lowercase()).collect(),
        };
        Ok(Some(Found::child(spec, LoggingConfigurationOutputs { web_acl: web_acl.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<LoggingConfigurationOutputs> {
        let header = |name: &String| {
            let header = SingleHeader::builder().name(name).build().built();
            FieldToMatch::builder().single_header(header).build()
        };
        let configuration = types::LoggingConfiguration::builder().resource_arn(&*self.web_acl);
        let configuration = configuration.log_destination_configs(&*self.log_group);
        let configuration = configuration.set_redacted_fields(Some(self.redacted_headers.iter().map(header).collect()));
        let configuration: types::LoggingConfiguration = configuration.build().built();
        let put = || async {
            let request = cx.waf.put_logging_configuration().logging_configuration(configuration.clone());
            Ok(request.send().await.map(|_| ())?)
        };
        cx.retry_while_retryable("WAF to see the web ACL and the log group", put).await?;
        Ok(LoggingConfigurationOutputs { web_acl: self.web_acl.clone() })
    }

    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<LoggingConfigurationOutputs> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx, outputs: &LoggingConfigurationOutputs) -> Result<()> {
        let delete = async { Ok(cx.waf.delete_logging_configuration().resource_arn(&*outputs.web_acl).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-loggingconfiguration.html>
    fn cloudformation(&self) -> Form {
        let LoggingConfiguration { web_acl, log_group, redacted_headers } = self;
        let redacted: Vec<_> = redacted_headers.iter().map(|name| json!({"SingleHeader": {"Name": name}})).collect();
        let configuration = json!({
            "ResourceArn": web_acl,
            "LogDestinationConfigs": [log_group],
            "RedactedFields": redacted,
        });
        Form::resource("AWS::WAFv2::LoggingConfiguration", configuration)
            .tagged(Tagging::None)
            .output("web_acl", Form::reference())
    }
}
