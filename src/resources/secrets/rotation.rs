use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;
use aws_sdk_secretsmanager::types::RotationRulesType;

use super::{cached, find, is_deleted};
use crate::resources::prelude::*;

/// The rotation schedule of a secret. A function rotates it, or the service that owns the secret (managed rotation).
///
/// Such a service (RDS) schedules the rotation itself when it creates the secret. This type changes that schedule and keeps it
/// when it is deleted: AWS can't cancel a managed rotation, and deletes the schedule with the secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html>
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rotation {
    /// The secret.
    pub secret: SecretArn,
    /// The function that creates, sets and tests a new value; its policy must allow Secrets Manager to invoke it. None for
    /// managed rotation.
    pub function: Option<FunctionArn>,
    /// The interval, 1 to 1,000 days.
    pub every_days: i64,
    /// Also rotate once when the schedule is created or changed.
    pub immediately: bool,
}

/// The outputs of a rotation.
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

    async fn observe(&self, cx: &Cx, known: Option<&RotationOutputs>) -> Result<Option<Found<Self>>> {
        let arn = known.map_or(&self.secret, |known| &known.secret);
        if !arn.is_known() {
            return Ok(None);
        }
        let secret = cached(cx, arn).await?;
        let rotates = |secret: &&DescribeSecretOutput| secret.rotation_enabled == Some(true) && !is_deleted(secret);
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
        // Without a token: it is the id of the version that a rotation creates, and this call may create another one.
        self.set(cx, None).await?;
        Ok(found.outputs.clone())
    }

    async fn delete(cx: &Cx, outputs: &RotationOutputs) -> Result<()> {
        let secret = find(cx, &outputs.secret).await?;
        if secret.is_none_or(|secret| secret.owning_service().is_some()) {
            return Ok(());
        }
        let cancel = async { Ok(cx.secrets.cancel_rotate_secret().secret_id(&*outputs.secret).send().await?) };
        match ignore_not_found(cancel.await) {
            // Secrets Manager returns this for a secret that is being deleted, or whose rotation is off already.
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
        // A new permission to invoke the function takes a moment to propagate.
        let refused = |error: &Error| self.function.is_some() && error.class == Class::Denied;
        cx.retry_while("the permission of Secrets Manager to invoke the function", Patience::FRESH, refused, rotate)
            .await
    }
}
