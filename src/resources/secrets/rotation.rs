use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::RotationRulesType;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{described, is_leaving, known};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::resources::form::{Form, Tagging, properties};
use crate::resources::ids::{FunctionArn, SecretArn};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// Renews a secret on a schedule: by a function, or by the service that the secret belongs to.
///
/// Such a service (RDS) sets a schedule of its own with the secret. This changes it, and leaves it so when it is deleted: AWS
/// ends nobody else's rotation, and the schedule goes with the secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html>
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rotation {
    /// The secret.
    pub secret: SecretArn,
    /// The function that makes, sets and tests a new value; Secrets Manager must be allowed to invoke it. None for a secret
    /// that belongs to a service, which renews it itself.
    pub function: Option<FunctionArn>,
    /// How often, 1 to 1000 days.
    pub every_days: i64,
    /// Also rotate once when this is set up or changed.
    pub immediately: bool,
}

/// What a rotation gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RotationOutputs {
    /// The secret.
    pub secret: SecretArn,
}

impl Resource for Rotation {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["secret"],
        write_only: &["immediately"],
        ..TypeInfo::new(
            "secrets.rotation",
            seconds(5),
            &[
                "secretsmanager:DescribeSecret",
                "secretsmanager:RotateSecret",
                "secretsmanager:CancelRotateSecret",
                "lambda:InvokeFunction",
            ],
        )
    };

    type Outputs = RotationOutputs;

    async fn observe(&self, cx: &Cx, known_outputs: Option<&RotationOutputs>) -> Result<Option<Found<Self>>> {
        let arn = known_outputs.map_or(&self.secret, |known| &known.secret);
        if arn.contains('⟦') {
            return Ok(None);
        }
        let secret = known(cx, arn).await?;
        let rotates = |secret: &&DescribeSecretOutput| secret.rotation_enabled == Some(true) && !is_leaving(secret);
        let Some(secret) = secret.as_ref().as_ref().filter(rotates) else { return Ok(None) };
        let rules = secret.rotation_rules();
        let spec = Rotation {
            secret: arn.clone(),
            function: secret.rotation_lambda_arn().filter(|arn| !arn.is_empty()).map(FunctionArn::from),
            every_days: rules.and_then(|rules| rules.automatically_after_days()).unwrap_or_default(),
            immediately: self.immediately,
        };
        Ok(Some(Found::child(spec, RotationOutputs { secret: arn.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<RotationOutputs> {
        self.set(cx, Some(&cx.token)).await?;
        Ok(RotationOutputs { secret: self.secret.clone() })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<RotationOutputs> {
        // No token: it names the version that a rotation makes, and this one may make another.
        self.set(cx, None).await?;
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &RotationOutputs) -> Result<()> {
        let secret = described(cx, &outputs.secret).await?;
        if secret.is_none_or(|secret| secret.owning_service().is_some()) {
            return Ok(());
        }
        let cancel = async { Ok(cx.secrets.cancel_rotate_secret().secret_id(&*outputs.secret).send().await?) };
        match ignore_not_found(cancel.await) {
            // AWS answers so for a secret that is being deleted, or whose rotation is off already.
            Err(error) if error.is_code("InvalidRequestException") => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-rotationschedule.html>
    fn cloudformation(&self) -> Form {
        let schedule = properties!(self, Rotation {
            secret => "SecretId",
            function => "RotationLambdaARN",
            every_days => "RotationRules": json!({"AutomaticallyAfterDays": every_days}),
            immediately => "RotateImmediatelyOnUpdate",
        });
        let form = Form::resource("AWS::SecretsManager::RotationSchedule", schedule).tagged(Tagging::None);
        form.output("secret", &*self.secret)
    }
}

impl Rotation {
    async fn set(&self, cx: &Cx, token: Option<&str>) -> Result<()> {
        let rotate = || async {
            let rules = RotationRulesType::builder().automatically_after_days(self.every_days).build();
            let request = cx.secrets.rotate_secret().secret_id(&*self.secret);
            let request = request.set_rotation_lambda_arn(self.function.as_ref().map(ToString::to_string));
            let request = request.rotation_rules(rules).rotate_immediately(self.immediately);
            Ok(request.set_client_request_token(token.map(str::to_owned)).send().await.map(|_| ())?)
        };
        // The permission to invoke the function may be fresh.
        let refused = |error: &Error| self.function.is_some() && error.class == Class::Denied;
        cx.retry_while("the function to let Secrets Manager invoke it", Patience::FRESH, refused, rotate).await
    }
}
