use std::collections::BTreeSet;

use aws_sdk_config::types::{
    self, ExclusionByResourceTypes, RecordingGroup, RecordingStrategy, RecordingStrategyType, ResourceType,
};

use super::{PROPAGATION, SHARED_NAME, recorders, tags_of, to_sdk};
use crate::aws::clients::Clients;
use crate::resources::prelude::*;

/// The configuration recorder: AWS allows one in an account and region.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_PutConfigurationRecorder.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigurationRecorder {
    /// Up to 256 characters.
    pub name: String,
    /// The role with which it reads the account.
    pub role: RoleArn,
    /// The resource types that it doesn't record. It records all others.
    pub excluded: BTreeSet<String>,
    /// False stops it. It needs a delivery channel to run: the creation of the channel starts it.
    pub recording: bool,
}

/// The outputs of a recorder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigurationRecorderOutputs {
    /// Its name.
    pub name: String,
}

impl Resource for ConfigurationRecorder {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        ..TypeInfo::new(
            "config.configuration_recorder",
            seconds(5),
            &[
                "config:DescribeConfigurationRecorders",
                "config:DescribeConfigurationRecorderStatus",
                "config:ListTagsForResource",
                "config:PutConfigurationRecorder",
                "config:StartConfigurationRecorder",
                "config:StopConfigurationRecorder",
                "config:TagResource",
                "config:UntagResource",
                "config:DeleteConfigurationRecorder",
                "iam:PassRole",
            ],
        )
    };

    type Outputs = ConfigurationRecorderOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ConfigurationRecorderOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let recorders = recorders(cx).await?;
        let Some(recorder) = recorders.iter().find(|recorder| recorder.name() == Some(name)) else { return Ok(None) };
        let (recording, tags) =
            tokio::try_join!(is_recording(cx, name), tags_of(cx, recorder.arn().unwrap_or_default()))?;
        let group = recorder.recording_group();
        let excluded = group.and_then(|group| group.exclusion_by_resource_types());
        let spec = ConfigurationRecorder {
            name: name.clone(),
            role: recorder.role_arn().unwrap_or_default().into(),
            excluded: excluded
                .map(ExclusionByResourceTypes::resource_types)
                .unwrap_or_default()
                .iter()
                .map(|kind| kind.as_str().to_owned())
                .collect(),
            recording,
        };
        Ok(Some(Found::tagged(spec, ConfigurationRecorderOutputs { name: name.clone() }, tags)))
    }

    async fn create(&self, cx: &Cx) -> Result<ConfigurationRecorderOutputs> {
        self.put(cx, Some(&cx.tags)).await?;
        self.start_or_stop(cx).await?;
        Ok(ConfigurationRecorderOutputs { name: self.name.clone() })
    }

    async fn update(
        &self,
        cx: &Cx,
        found: &Found<Self>,
        changes: &Changes<'_>,
    ) -> Result<ConfigurationRecorderOutputs> {
        if changes.any(&["role", "excluded"]) {
            self.put(cx, None).await?;
        }
        if changes.has("recording") {
            self.start_or_stop(cx).await?;
        }
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &ConfigurationRecorderOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let answer = cx.config.describe_configuration_recorders().configuration_recorder_names(&outputs.name);
        let answer = answer.send().await?;
        let arn = answer.configuration_recorders().first().and_then(|recorder| recorder.arn());
        let arn = arn.ok_or(Error::incomplete("config:DescribeConfigurationRecorders", "arn"))?;
        super::tag(cx, arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ConfigurationRecorderOutputs) -> Result<()> {
        let request = cx.config.delete_configuration_recorder().configuration_recorder_name(&outputs.name);
        ignore_not_found(async { Ok(request.send().await?) }.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-config-configurationrecorder.html>
    fn cloudformation(&self) -> Form {
        let group = match self.excluded.is_empty() {
            true => json!({
                "AllSupported": true,
                "IncludeGlobalResourceTypes": true,
                "RecordingStrategy": {"UseOnly": "ALL_SUPPORTED_RESOURCE_TYPES"},
            }),
            false => json!({
                "RecordingStrategy": {"UseOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                "ExclusionByResourceTypes": {"ResourceTypes": self.excluded},
            }),
        };
        let recorder = properties!(self, ConfigurationRecorder {
            name => "Name",
            role => "RoleARN",
            excluded => "RecordingGroup": group,
            recording => _,
        });
        let form = Form::resource("AWS::Config::ConfigurationRecorder", recorder).tagged(Tagging::None);
        let form = form.output("name", Form::reference()).gap("its tags");
        match self.recording {
            true => form,
            false => form.gap("CloudFormation starts it when the delivery channel exists: stop it yourself"),
        }
    }
}

impl ConfigurationRecorder {
    async fn put(&self, cx: &Cx, tags: Option<&Tags>) -> Result<()> {
        let recorder = types::ConfigurationRecorder::builder().name(&self.name).role_arn(&*self.role);
        let recorder = recorder.recording_group(self.recording_group()).build();
        let put = || async {
            let request = cx.config.put_configuration_recorder().configuration_recorder(recorder.clone());
            Ok(request.set_tags(tags.map(to_sdk)).send().await?)
        };
        let role_is_new = |error: &Error| error.is_code("InvalidRoleException");
        cx.retry_while("the new role to be visible to AWS Config", PROPAGATION, role_is_new, put).await?;
        Ok(())
    }

    fn recording_group(&self) -> RecordingGroup {
        let strategy = |kind| RecordingStrategy::builder().use_only(kind).build();
        if self.excluded.is_empty() {
            return RecordingGroup::builder()
                .all_supported(true)
                .include_global_resource_types(true)
                .recording_strategy(strategy(RecordingStrategyType::AllSupportedResourceTypes))
                .build();
        }
        let excluded = self.excluded.iter().map(|kind| ResourceType::from(&**kind)).collect();
        RecordingGroup::builder()
            .recording_strategy(strategy(RecordingStrategyType::ExclusionByResourceTypes))
            .exclusion_by_resource_types(ExclusionByResourceTypes::builder().set_resource_types(Some(excluded)).build())
            .build()
    }

    async fn start_or_stop(&self, cx: &Cx) -> Result<()> {
        if self.recording {
            return match start(cx, &self.name).await {
                Err(error) if error.is_code("NoAvailableDeliveryChannelException") => Ok(()),
                outcome => outcome,
            };
        }
        stop(cx, &self.name).await
    }
}

pub(super) async fn start(cx: &Cx, name: &str) -> Result<()> {
    cx.config.start_configuration_recorder().configuration_recorder_name(name).send().await?;
    Ok(())
}

pub(super) async fn stop(cx: &Cx, name: &str) -> Result<()> {
    let stop = async { Ok(cx.config.stop_configuration_recorder().configuration_recorder_name(name).send().await?) };
    ignore_not_found(stop.await)?;
    Ok(())
}

async fn is_recording(cx: &Cx, name: &str) -> Result<bool> {
    let answer = cx.config.describe_configuration_recorder_status().configuration_recorder_names(name).send().await?;
    Ok(answer.configuration_recorders_status().iter().any(|status| status.recording()))
}

/// The name of a recorder in the region that provisioner doesn't manage. It is used as it is: AWS allows no second recorder and
/// delivery channel.
pub async fn existing_recorder(clients: &Clients) -> Result<Option<String>> {
    let recorders = recorders(clients).await?;
    let names = recorders.iter().filter_map(|recorder| recorder.name());
    Ok(names.into_iter().find(|name| *name != SHARED_NAME).map(str::to_owned))
}
