use aws_sdk_cloudwatchlogs::types;

use crate::resources::prelude::*;

/// A resource policy of CloudWatch Logs: lets AWS services write to log groups. An account can have 10 in a region.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutResourcePolicy.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourcePolicy {
    /// Its name in the account and region.
    pub name: String,
    /// The policy, up to 5,120 characters.
    pub document: Document,
}

/// The identity of a resource policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResourcePolicyOutputs {
    /// Its name.
    pub name: String,
}

impl Resource for ResourcePolicy {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "logs.resource_policy",
            seconds(2),
            &["logs:DescribeResourcePolicies", "logs:PutResourcePolicy", "logs:DeleteResourcePolicy"],
        )
    };

    type Outputs = ResourcePolicyOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ResourcePolicyOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let policies = all(cx).await?;
        let policy = policies.iter().find(|policy| policy.policy_name() == Some(name));
        let Some(policy) = policy else { return Ok(None) };
        let document = Document::parse(policy.policy_document().unwrap_or_default())?;
        let spec = ResourcePolicy { name: name.clone(), document };
        // One with the desired document is adopted; one of the same name with another document may belong to anybody.
        let is_desired = spec.name == self.name && spec.document == self.document;
        let outputs = ResourcePolicyOutputs { name: name.clone() };
        Ok(Some(if is_desired { Found::child(spec, outputs) } else { Found::name_only(spec, outputs) }))
    }

    async fn create(&self, cx: &Cx) -> Result<ResourcePolicyOutputs> {
        let request = cx.logs.put_resource_policy().policy_name(&self.name);
        request.set_policy_document(self.document.text()).send().await?;
        Ok(ResourcePolicyOutputs { name: self.name.clone() })
    }

    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<ResourcePolicyOutputs> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx, outputs: &ResourcePolicyOutputs) -> Result<()> {
        let delete = async { Ok(cx.logs.delete_resource_policy().policy_name(&outputs.name).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-resourcepolicy.html>
    fn cloudformation(&self) -> Form {
        let policy = properties!(self, ResourcePolicy {
            name => "PolicyName",
            document => "PolicyDocument": document.text(),
        });
        Form::resource("AWS::Logs::ResourcePolicy", policy).tagged(Tagging::None).output("name", Form::reference())
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::ResourcePolicy>>> {
    let read = |next| async {
        let answer = cx.logs.describe_resource_policies().set_next_token(next).send().await?;
        Ok((answer.resource_policies.unwrap_or_default(), answer.next_token))
    };
    cx.inventory.once("logs.resource_policies", all_pages(read)).await
}
