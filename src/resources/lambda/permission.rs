use super::classify_conflict;
use crate::resources::prelude::*;

/// A permission for an AWS service to invoke a function: a statement of the function's resource policy.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Permission {
    /// The function.
    pub function: FunctionArn,
    /// The id of the statement, up to 100 letters, digits, `-` and `_`.
    pub statement_id: String,
    /// The service, for example `elasticloadbalancing.amazonaws.com`.
    pub principal: String,
    /// The ARN of the resource that may invoke it through the service: a target group, a rule, a secret.
    pub source_arn: Option<String>,
    /// The account of that resource.
    pub source_account: Option<String>,
}

/// The identity of a permission.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PermissionOutputs {
    /// The function.
    pub function: FunctionArn,
    /// The id of the statement.
    pub statement_id: String,
}

const ACTION: &str = "lambda:InvokeFunction";

impl Permission {
    /// A permission for all resources of the service.
    pub fn new(function: FunctionArn, statement_id: impl Into<String>, principal: impl Into<String>) -> Self {
        Permission {
            function,
            statement_id: statement_id.into(),
            principal: principal.into(),
            source_arn: None,
            source_account: None,
        }
    }
}

impl Resource for Permission {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["function", "statement_id", "principal", "source_arn", "source_account"],
        serves_traffic: true,
        ..TypeInfo::new(
            "lambda.permission",
            seconds(2),
            &["lambda:GetPolicy", "lambda:AddPermission", "lambda:RemovePermission"],
        )
    };

    type Outputs = PermissionOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&PermissionOutputs>) -> Result<Option<Found<Self>>> {
        let function = known.map_or(&self.function, |known| &known.function);
        if !function.is_known() {
            return Ok(None);
        }
        let id = known.map_or(&self.statement_id, |known| &known.statement_id);
        let statements = statements(cx, function).await?;
        let Some(statement) = statements.iter().find(|statement| statement["Sid"] == **id) else { return Ok(None) };
        let condition = |name: &str| condition(statement, name).map(str::to_owned);
        let principal = &statement["Principal"];
        let spec = Permission {
            function: function.clone(),
            statement_id: id.clone(),
            principal: principal["Service"].as_str().or(principal.as_str()).unwrap_or_default().to_owned(),
            source_arn: condition("AWS:SourceArn"),
            source_account: condition("AWS:SourceAccount"),
        };
        let outputs = PermissionOutputs { function: function.clone(), statement_id: id.clone() };
        Ok(Some(Found::child(spec, outputs)))
    }

    async fn create(&self, cx: &Cx) -> Result<PermissionOutputs> {
        let add = || async {
            let request = cx.lambda.add_permission().function_name(&*self.function).statement_id(&self.statement_id);
            let request = request.action(ACTION).principal(&self.principal);
            let request = request.set_source_arn(self.source_arn.clone());
            let answer = request.set_source_account(self.source_account.clone()).send().await;
            classify_conflict(self, cx, answer.map_err(Error::from)).await
        };
        cx.retry_while_retryable("the function's last update to finish", add).await?;
        Ok(PermissionOutputs { function: self.function.clone(), statement_id: self.statement_id.clone() })
    }

    async fn delete(cx: &Cx, outputs: &PermissionOutputs) -> Result<()> {
        let remove = || async {
            let request = cx.lambda.remove_permission().function_name(&*outputs.function);
            Ok(request.statement_id(&outputs.statement_id).send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("the function's last update to finish", remove).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-permission.html>
    fn cloudformation(&self) -> Form {
        let permission = properties!(self, Permission {
            "Action": ACTION,
            function => "FunctionName",
            principal => "Principal",
            source_arn => "SourceArn",
            source_account => "SourceAccount",
            // CloudFormation chooses the statement's id.
            statement_id => _,
        });
        let form = Form::resource("AWS::Lambda::Permission", permission).tagged(Tagging::None);
        form.output("function", &*self.function).output("statement_id", Form::attribute("Id"))
    }
}

/// The statements of a function's policy, read once for all its permissions.
async fn statements(cx: &Cx, function: &FunctionArn) -> Result<Arc<Vec<Value>>> {
    let load = async {
        let read = async { Ok(cx.lambda.get_policy().function_name(&**function).send().await?) };
        let Some(answer) = ignore_not_found(read.await)? else { return Ok(Vec::new()) };
        let text = answer.policy.unwrap_or_default();
        let mut policy: Value = serde_json::from_str(&text)
            .map_err(|error| Error::local(format!("the policy of {function} isn't JSON: {error}")))?;
        match policy["Statement"].take() {
            Value::Array(statements) => Ok(statements),
            statement => Ok(vec![statement]),
        }
    };
    cx.inventory.once(format!("lambda.policy.{function}"), load).await
}

/// The value of a condition key of a statement, whatever the operator.
fn condition<'a>(statement: &'a Value, key: &str) -> Option<&'a str> {
    let operators = statement["Condition"].as_object()?.values();
    let mut keys = operators.filter_map(Value::as_object).flatten();
    keys.find(|(name, _)| name.eq_ignore_ascii_case(key)).and_then(|(_, value)| value.as_str())
}
