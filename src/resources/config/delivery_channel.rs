use aws_sdk_config::types::{self, ConfigSnapshotDeliveryProperties, MaximumExecutionFrequency};

use super::configuration_recorder::{start, stop};
use super::{PROPAGATION, recorders, tags_of};
use crate::resources::prelude::*;

/// The delivery channel of the recorder: AWS allows one in an account and region. The recorder runs while the channel exists.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_PutDeliveryChannel.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryChannel {
    /// Up to 256 characters.
    pub name: String,
    /// The name of the recorder.
    pub recorder: String,
    /// The name of the bucket.
    pub bucket: String,
    /// The key that encrypts delivered objects; without, the bucket's encryption.
    pub kms_key: Option<KeyArn>,
    /// How often a snapshot is delivered: `One_Hour`, `Three_Hours`, `Six_Hours`, `Twelve_Hours`,
    /// `TwentyFour_Hours`.
    pub snapshot_frequency: String,
}

/// The identity of a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeliveryChannelOutputs {
    /// Its name.
    pub name: String,
    /// The name of the recorder.
    pub recorder: String,
}

impl Resource for DeliveryChannel {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "recorder"],
        ..TypeInfo::new(
            "config.delivery_channel",
            seconds(10),
            &[
                "config:DescribeDeliveryChannels",
                "config:DescribeConfigurationRecorders",
                "config:ListTagsForResource",
                "config:PutDeliveryChannel",
                "config:StartConfigurationRecorder",
                "config:StopConfigurationRecorder",
                "config:DeleteDeliveryChannel",
            ],
        )
    };

    type Outputs = DeliveryChannelOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&DeliveryChannelOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let load = async { Ok(cx.config.describe_delivery_channels().send().await?) };
        let answer = cx.inventory.once("config.delivery_channels", load).await?;
        let channel = answer.delivery_channels().iter().find(|channel| channel.name() == Some(name));
        let Some(channel) = channel else { return Ok(None) };
        let frequency =
            channel.config_snapshot_delivery_properties().and_then(|snapshot| snapshot.delivery_frequency());
        let spec = DeliveryChannel {
            name: name.clone(),
            // A region has one recorder, and the channel belongs to it.
            recorder: self.recorder.clone(),
            bucket: channel.s3_bucket_name().unwrap_or_default().to_owned(),
            kms_key: channel.s3_kms_key_arn().filter(|key| !key.is_empty()).map(KeyArn::from),
            snapshot_frequency: frequency.map(ToString::to_string).unwrap_or_default(),
        };
        Ok(Some(Found::child(spec, DeliveryChannelOutputs { name: name.clone(), recorder: self.recorder.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<DeliveryChannelOutputs> {
        let frequency = MaximumExecutionFrequency::from(&*self.snapshot_frequency);
        let snapshot = ConfigSnapshotDeliveryProperties::builder().delivery_frequency(frequency).build();
        let channel = types::DeliveryChannel::builder().name(&self.name).s3_bucket_name(&self.bucket);
        let channel = channel.set_s3_kms_key_arn(self.kms_key.as_ref().map(ToString::to_string));
        let channel = channel.config_snapshot_delivery_properties(snapshot).build();
        let put = || async { Ok(cx.config.put_delivery_channel().delivery_channel(channel.clone()).send().await?) };
        let policy_is_new = |error: &Error| error.is_code("InsufficientDeliveryPolicyException");
        cx.retry_while("the bucket's policy to be visible to AWS Config", PROPAGATION, policy_is_new, put).await?;
        start(cx, &self.recorder).await?;
        Ok(DeliveryChannelOutputs { name: self.name.clone(), recorder: self.recorder.clone() })
    }

    /// The call overwrites the whole channel.
    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<DeliveryChannelOutputs> {
        self.create(cx).await
    }

    /// The channel has no tags: those of its recorder say whether other systems use it.
    async fn delete(cx: &Cx, outputs: &DeliveryChannelOutputs) -> Result<()> {
        let recorders = recorders(cx).await?;
        if let Some(recorder) = recorders.iter().find(|recorder| recorder.name() == Some(&outputs.recorder)) {
            let tags = tags_of(cx, recorder.arn().unwrap_or_default()).await?;
            if cx.shared.owner.has_other_users(&tags) {
                return Ok(());
            }
            stop(cx, &outputs.recorder).await?;
        }
        let delete = || async {
            let request = cx.config.delete_delivery_channel().delivery_channel_name(&outputs.name);
            Ok(request.send().await.map(|_| ())?)
        };
        let still_running = |error: &Error| error.is_code("LastDeliveryChannelDeleteFailedException");
        ignore_not_found(cx.retry_while("the recorder to stop", PROPAGATION, still_running, delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-config-deliverychannel.html>
    fn cloudformation(&self) -> Form {
        let channel = properties!(self, DeliveryChannel {
            name => "Name",
            bucket => "S3BucketName",
            kms_key => "S3KmsKeyArn",
            snapshot_frequency => "ConfigSnapshotDeliveryProperties": json!({"DeliveryFrequency": snapshot_frequency}),
            // CloudFormation creates recorder and channel together, without a reference between them.
            recorder => _,
        });
        let form = Form::resource("AWS::Config::DeliveryChannel", channel).tagged(Tagging::None);
        form.output("name", Form::reference()).output("recorder", &self.recorder)
    }
}
