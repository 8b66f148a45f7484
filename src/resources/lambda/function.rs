use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, Environment, EphemeralStorage, FunctionCode, LogFormat, LoggingConfig, Runtime,
    TracingConfig, TracingMode, VpcConfig,
};

use super::progress::{get, until_active, until_interfaces_deleted, until_settled};
use super::retry_while_role_is_new;
use crate::package;
use crate::resources::prelude::*;

/// A function with the code of one of provisioner's [packages](package).
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    /// Up to 64 letters, digits, `-` and `_`.
    pub name: String,
    /// The purpose, up to 256 characters.
    pub description: String,
    /// The execution role.
    pub role: RoleArn,
    /// For example `nodejs24.x`.
    pub runtime: String,
    /// File and exported name of the handler, `payment-api/index.handler`.
    pub handler: String,
    /// 128 to 10,240 MiB. The CPU share is proportional to it.
    pub memory_mib: i32,
    /// The timeout of an invocation, 1 to 900 s.
    pub timeout_seconds: i32,
    /// The size of `/tmp`, 512 to 10,240 MiB.
    pub ephemeral_storage_mib: i32,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// Environment variables, 4 KB in total; never a secret.
    pub environment: BTreeMap<String, String>,
    /// The VPC that it can access; without, none.
    pub vpc: Option<VpcAccess>,
    /// The key that encrypts the environment variables; without, Lambda's own key.
    pub kms_key: Option<KeyArn>,
    /// The queue for events of asynchronous invocations that failed.
    pub dead_letters: Option<QueueArn>,
    /// Trace all invocations with X-Ray, not only those that the caller traces.
    pub tracing: bool,
    /// Its log group and log format.
    pub logging: Logging,
    /// The number of concurrent invocations, reserved from the account's; without, it shares the unreserved ones.
    pub reserved_concurrency: Option<i32>,
    /// Its code.
    pub package: CodePackage,
}

/// The VPC access of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VpcAccess {
    /// The subnets of its network interfaces.
    pub subnets: BTreeSet<SubnetId>,
    /// The security groups of its network interfaces.
    pub security_groups: BTreeSet<SecurityGroupId>,
}

/// The logging configuration of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Logging {
    /// The name of the log group.
    pub log_group: String,
    /// `JSON` or `Text`.
    pub format: String,
}

/// The code of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodePackage {
    /// The name of the package in [`package`].
    pub source: String,
    /// The SHA-256 of the package in Base64, as AWS returns it.
    pub sha256: String,
}

/// The outputs of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FunctionOutputs {
    /// Its ARN.
    pub arn: FunctionArn,
    /// Its name.
    pub name: String,
}

impl Function {
    /// A function with AWS's defaults.
    pub fn new(
        name: impl Into<String>,
        role: RoleArn,
        runtime: impl Into<String>,
        handler: impl Into<String>,
        package: CodePackage,
    ) -> Self {
        let name = name.into();
        Function {
            description: String::new(),
            role,
            runtime: runtime.into(),
            handler: handler.into(),
            memory_mib: 128,
            timeout_seconds: 3,
            ephemeral_storage_mib: 512,
            architecture: "x86_64".to_owned(),
            environment: BTreeMap::new(),
            vpc: None,
            kms_key: None,
            dead_letters: None,
            tracing: false,
            logging: Logging { log_group: format!("/aws/lambda/{name}"), format: "Text".to_owned() },
            reserved_concurrency: None,
            package,
            name,
        }
    }
}

impl Resource for Function {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        serves_traffic: true,
        blocks_deletion_of: &["ec2.security_group", "ec2.subnet"],
        ..TypeInfo::new(
            "lambda.function",
            minutes(1),
            &[
                "lambda:GetFunction",
                "lambda:ListTags",
                "lambda:CreateFunction",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
                "lambda:PutFunctionConcurrency",
                "lambda:DeleteFunctionConcurrency",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:DeleteFunction",
                "iam:PassRole",
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:CreateGrant",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
        )
    };

    type Outputs = FunctionOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&FunctionOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let Some(answer) = ignore_not_found(get(cx, name).await)? else { return Ok(None) };
        let tags = match &answer.tags_error {
            Some(error) => {
                return Err(Error::local(format!("the tags of the function {name} can't be read: {error:?}")));
            }
            None => answer.tags.clone().unwrap_or_default().into_iter().collect(),
        };
        let (spec, outputs) = self.read(&answer)?;
        Ok(Some(Found::tagged(spec, outputs, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<FunctionOutputs> {
        let zip = self.zip().await?;
        let create = || async {
            let request = cx.lambda.create_function().function_name(&self.name).description(&self.description);
            let request = request.code(FunctionCode::builder().zip_file(Blob::new(zip.clone())).build());
            let request = request.role(&*self.role).runtime(Runtime::from(&*self.runtime)).handler(&self.handler);
            let request = request.memory_size(self.memory_mib).timeout(self.timeout_seconds);
            let request = request.architectures(Architecture::from(&*self.architecture));
            let request = request.set_kms_key_arn(self.kms_key.as_ref().map(ToString::to_string));
            let request = request.ephemeral_storage(self.ephemeral_storage()).environment(self.environment());
            let request = request.vpc_config(self.vpc_config()).tracing_config(self.tracing_config());
            let request = request.set_dead_letter_config(self.dead_letters.as_ref().map(|_| self.dead_letter_config()));
            let request = request.logging_config(self.logging_config());
            Ok(request.set_tags(Some(cx.tags.clone().into_iter().collect())).send().await?)
        };
        let answer = retry_while_role_is_new(cx, create).await.map_err(|error| {
            let exists = error.is_code("ResourceConflictException");
            if exists { Error { class: Class::AlreadyExists, ..error } } else { error }
        })?;
        let arn = answer.function_arn.ok_or(Error::incomplete("lambda:CreateFunction", "FunctionArn"))?;
        let outputs = FunctionOutputs { arn: arn.into(), name: self.name.clone() };
        self.until_ready(cx, &outputs).await?;
        if self.reserved_concurrency.is_some() {
            self.set_concurrency(cx).await?;
        }
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &FunctionOutputs) -> Result<()> {
        until_active(cx, &outputs.name).await
    }

    /// Changes code and configuration one after the other: Lambda refuses an update while another one is in progress.
    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<FunctionOutputs> {
        until_settled(cx, &self.name).await?;
        if changes.any(&["package", "architecture"]) {
            let zip = self.zip().await?;
            let update = || async {
                let request = cx.lambda.update_function_code().function_name(&self.name);
                let request = request.architectures(Architecture::from(&*self.architecture));
                Ok(request.zip_file(Blob::new(zip.clone())).send().await?)
            };
            cx.retry_while_retryable("the function's last update to finish", update).await?;
            until_active(cx, &self.name).await?;
        }
        if changes.0.iter().any(|change| !NO_CONFIGURATION.contains(&change.field())) {
            self.set_configuration(cx).await?;
            until_active(cx, &self.name).await?;
        }
        if changes.has("reserved_concurrency") {
            self.set_concurrency(cx).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &FunctionOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &FunctionOutputs) -> Result<()> {
        let delete =
            || async { Ok(cx.lambda.delete_function().function_name(&outputs.name).send().await.map(|_| ())?) };
        ignore_not_found(cx.retry_while_retryable("the function's last update to finish", delete).await)?;
        until_interfaces_deleted(cx, &outputs.name).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html>
    fn cloudformation(&self) -> Form {
        let CodePackage { source, sha256 } = &self.package;
        let bucket = Form::parameter("CodeBucket", &format!("the S3 bucket with the zip file of {source}"));
        let key = format!("the S3 key of the zip file of {source}, whose SHA-256 in Base64 is {sha256}");
        let function = properties!(self, Function {
            name => "FunctionName",
            description => "Description",
            role => "Role",
            runtime => "Runtime",
            handler => "Handler",
            memory_mib => "MemorySize",
            timeout_seconds => "Timeout",
            ephemeral_storage_mib => "EphemeralStorage": json!({"Size": ephemeral_storage_mib}),
            architecture => "Architectures": [architecture],
            environment => "Environment": json!({"Variables": environment}),
            vpc => "VpcConfig": vpc.as_ref().map(|vpc| properties!(vpc, VpcAccess {
                subnets => "SubnetIds",
                security_groups => "SecurityGroupIds",
            })),
            kms_key => "KmsKeyArn",
            dead_letters => "DeadLetterConfig": dead_letters.as_ref().map(|queue| json!({"TargetArn": queue})),
            tracing => "TracingConfig": json!({"Mode": self.tracing_mode().as_str()}),
            logging => "LoggingConfig": properties!(logging, Logging {
                log_group => "LogGroup",
                format => "LogFormat",
            }),
            reserved_concurrency => "ReservedConcurrentExecutions",
            package => "Code": json!({"S3Bucket": bucket, "S3Key": Form::parameter("CodeKey", &key)}),
        });
        Form::resource("AWS::Lambda::Function", function)
            .output("arn", Form::attribute("Arn"))
            .output("name", Form::reference())
    }
}

/// The fields that `UpdateFunctionConfiguration` doesn't change.
const NO_CONFIGURATION: [&str; 4] = ["package", "architecture", "reserved_concurrency", "tags"];

impl Function {
    fn read(&self, answer: &GetFunctionOutput) -> Result<(Function, FunctionOutputs)> {
        let function = answer.configuration().ok_or(Error::incomplete("lambda:GetFunction", "Configuration"))?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let name = text(function.function_name());
        let environment = function.environment();
        if let Some(error) = environment.and_then(|environment| environment.error()) {
            let code = error.error_code().unwrap_or_default();
            return Err(Error::local(format!("the environment of the function {name} can't be read: {code}"))
                .with_help("allow these credentials kms:Decrypt with the function's key"));
        }
        let variables = environment.and_then(|environment| environment.variables.clone()).unwrap_or_default();
        let vpc = function.vpc_config().filter(|vpc| !vpc.subnet_ids().is_empty()).map(|vpc| VpcAccess {
            subnets: vpc.subnet_ids().iter().map(SubnetId::from).collect(),
            security_groups: vpc.security_group_ids().iter().map(SecurityGroupId::from).collect(),
        });
        let logging = function.logging_config();
        let tracing = function.tracing_config().and_then(|tracing| tracing.mode());
        let outputs = FunctionOutputs { arn: text(function.function_arn()).into(), name: name.clone() };
        let spec = Function {
            description: text(function.description()),
            role: text(function.role()).into(),
            runtime: text(function.runtime().map(Runtime::as_str)),
            handler: text(function.handler()),
            memory_mib: function.memory_size().unwrap_or(128),
            timeout_seconds: function.timeout().unwrap_or(3),
            ephemeral_storage_mib: function.ephemeral_storage().map_or(512, |storage| storage.size),
            architecture: text(function.architectures().first().map(Architecture::as_str)),
            environment: variables.into_iter().collect(),
            vpc,
            kms_key: function.kms_key_arn().filter(|key| !key.is_empty()).map(KeyArn::from),
            dead_letters: function
                .dead_letter_config()
                .and_then(|target| target.target_arn())
                .filter(|arn| !arn.is_empty())
                .map(QueueArn::from),
            tracing: tracing == Some(&TracingMode::Active),
            logging: Logging {
                log_group: logging
                    .and_then(|logging| logging.log_group())
                    .map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned),
                format: logging.and_then(|logging| logging.log_format()).unwrap_or(&LogFormat::Text).to_string(),
            },
            reserved_concurrency: answer.concurrency().and_then(|limit| limit.reserved_concurrent_executions()),
            package: CodePackage {
                // AWS records only the hash of the code.
                source: self.package.source.clone(),
                sha256: text(function.code_sha256()),
            },
            name,
        };
        Ok((spec, outputs))
    }

    /// The zip file of the package. Its hash must be the planned one.
    async fn zip(&self) -> Result<Vec<u8>> {
        let built = package::build(&self.package.source).await;
        let built = built.map_err(|error| Error::local(error.to_string()))?;
        if built.sha256_base64 != self.package.sha256 {
            let CodePackage { source, sha256 } = &self.package;
            let built = &built.sha256_base64;
            return Err(Error::local(format!("the package {source} has the hash {built}, but {sha256} was planned")));
        }
        Ok(built.zip.clone())
    }

    async fn set_configuration(&self, cx: &Cx) -> Result<()> {
        let update = || async {
            let request = cx.lambda.update_function_configuration().function_name(&self.name);
            let request = request.description(&self.description).role(&*self.role).handler(&self.handler);
            let request = request.runtime(Runtime::from(&*self.runtime)).memory_size(self.memory_mib);
            let request = request.timeout(self.timeout_seconds).ephemeral_storage(self.ephemeral_storage());
            let request = request.environment(self.environment()).vpc_config(self.vpc_config());
            // An empty ARN removes the key.
            let key = self.kms_key.as_ref().map(ToString::to_string).unwrap_or_default();
            let request = request.kms_key_arn(key).dead_letter_config(self.dead_letter_config());
            let request = request.tracing_config(self.tracing_config()).logging_config(self.logging_config());
            Ok(request.send().await?)
        };
        let update = || retry_while_role_is_new(cx, update);
        cx.retry_while_retryable("the function's last update to finish", update).await?;
        Ok(())
    }

    async fn set_concurrency(&self, cx: &Cx) -> Result<()> {
        match self.reserved_concurrency {
            Some(limit) => {
                let request = cx.lambda.put_function_concurrency().function_name(&self.name);
                request.reserved_concurrent_executions(limit).send().await?;
            }
            None => {
                cx.lambda.delete_function_concurrency().function_name(&self.name).send().await?;
            }
        }
        Ok(())
    }

    fn environment(&self) -> Environment {
        Environment::builder().set_variables(Some(self.environment.clone().into_iter().collect())).build()
    }

    fn ephemeral_storage(&self) -> EphemeralStorage {
        EphemeralStorage::builder().size(self.ephemeral_storage_mib).build().expect("the size is set")
    }

    /// The VPC configuration; empty lists remove a function from its VPC.
    fn vpc_config(&self) -> VpcConfig {
        let (subnets, groups): (Vec<String>, Vec<String>) = match &self.vpc {
            Some(vpc) => (
                vpc.subnets.iter().map(ToString::to_string).collect(),
                vpc.security_groups.iter().map(ToString::to_string).collect(),
            ),
            None => (Vec::new(), Vec::new()),
        };
        VpcConfig::builder().set_subnet_ids(Some(subnets)).set_security_group_ids(Some(groups)).build()
    }

    /// The dead-letter configuration; an empty ARN removes the queue.
    fn dead_letter_config(&self) -> DeadLetterConfig {
        let target = self.dead_letters.as_ref().map(ToString::to_string).unwrap_or_default();
        DeadLetterConfig::builder().target_arn(target).build()
    }

    fn tracing_config(&self) -> TracingConfig {
        TracingConfig::builder().mode(self.tracing_mode()).build()
    }

    fn tracing_mode(&self) -> TracingMode {
        if self.tracing { TracingMode::Active } else { TracingMode::PassThrough }
    }

    fn logging_config(&self) -> LoggingConfig {
        let format = LogFormat::from(&*self.logging.format);
        LoggingConfig::builder().log_group(&self.logging.log_group).log_format(format).build()
    }
}
