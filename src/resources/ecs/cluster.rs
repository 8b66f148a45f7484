use aws_sdk_ecs::types::{self, ClusterField, ClusterSetting, ClusterSettingName};

use super::{from_sdk, to_sdk};
use crate::aws::Clients;
use crate::resources::prelude::*;

const ACTIVE: &str = "ACTIVE";
const INACTIVE: &str = "INACTIVE";

/// A cluster of services and tasks, without container instances.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// Up to 255 letters, digits, `-` and `_`.
    pub name: String,
    /// The level of CloudWatch Container Insights.
    pub container_insights: ContainerInsights,
}

/// The level of CloudWatch Container Insights.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/cloudwatch-container-insights.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerInsights {
    /// Metrics of services only.
    Disabled,
    /// Metrics of tasks too.
    Enabled,
    /// Metrics of each container too.
    Enhanced,
}

/// The outputs of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClusterOutputs {
    /// Its ARN.
    pub arn: EcsClusterArn,
    /// Its name: the dimension `ClusterName` of its metrics.
    pub name: String,
}

impl Cluster {
    /// A cluster without Container Insights.
    pub fn new(name: impl Into<String>) -> Self {
        Cluster { name: name.into(), container_insights: ContainerInsights::Disabled }
    }
}

impl Resource for Cluster {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        serves_traffic: true,
        ..TypeInfo::new(
            "ecs.cluster",
            seconds(10),
            &[
                "ecs:DescribeClusters",
                "ecs:CreateCluster",
                "ecs:UpdateClusterSettings",
                "ecs:TagResource",
                "ecs:UntagResource",
                "ecs:DeleteCluster",
                "iam:CreateServiceLinkedRole",
            ],
        )
    };

    type Outputs = ClusterOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ClusterOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let Some(cluster) = described(cx, name).await? else { return Ok(None) };
        let spec = Cluster { name: name.clone(), container_insights: insights(&cluster) };
        Ok(Some(Found::tagged(spec, outputs(&cluster)?, from_sdk(cluster.tags()))))
    }

    async fn create(&self, cx: &Cx) -> Result<ClusterOutputs> {
        let request = cx.ecs.create_cluster().cluster_name(&self.name).settings(self.setting());
        let request = request.set_tags(Some(to_sdk(&cx.tags)));
        let create = || async { Ok(request.clone().send().await?) };
        // For the first cluster of an account ECS creates its service-linked role, and doesn't know it at once.
        let is_new_role = |error: &Error| error.is_code("InvalidParameterException");
        cx.retry_while("the service-linked role to be visible to ECS", Patience::FRESH, is_new_role, create).await?;
        outputs(&active(cx, &self.name).await?)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &ClusterOutputs) -> Result<()> {
        active(cx, &outputs.name).await.map(drop)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<ClusterOutputs> {
        let update = || async {
            let request = cx.ecs.update_cluster_settings().cluster(&self.name).settings(self.setting());
            Ok(request.send().await.map(|_| ())?)
        };
        cx.retry_while_retryable("ECS to complete another change of this cluster", update).await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &ClusterOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ClusterOutputs) -> Result<()> {
        let delete = || async { Ok(cx.ecs.delete_cluster().cluster(&outputs.name).send().await.map(|_| ())?) };
        ignore_not_found(
            cx.retry_while_retryable("the services and tasks of the cluster to be deleted", delete).await,
        )?;
        cx.wait_until("the cluster to be deleted", Patience::SHORT, || async {
            Ok(described(cx, &outputs.name).await?.is_none().then_some(()))
        })
        .await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ecs-cluster.html>
    fn cloudformation(&self) -> Form {
        let setting = ClusterSettingName::ContainerInsights;
        let cluster = properties!(self, Cluster {
            name => "ClusterName",
            container_insights => "ClusterSettings": json!([{"Name": setting.as_str(), "Value": container_insights}]),
        });
        Form::resource("AWS::ECS::Cluster", cluster)
            .output("arn", Form::attribute("Arn"))
            .output("name", Form::reference())
    }
}

impl Cluster {
    fn setting(&self) -> ClusterSetting {
        let value = match self.container_insights {
            ContainerInsights::Disabled => "disabled",
            ContainerInsights::Enabled => "enabled",
            ContainerInsights::Enhanced => "enhanced",
        };
        ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(value).build()
    }
}

fn insights(cluster: &types::Cluster) -> ContainerInsights {
    let is_insights = |setting: &&ClusterSetting| setting.name() == Some(&ClusterSettingName::ContainerInsights);
    match cluster.settings().iter().find(is_insights).and_then(|setting| setting.value()) {
        Some("enabled") => ContainerInsights::Enabled,
        Some("enhanced") => ContainerInsights::Enhanced,
        _ => ContainerInsights::Disabled,
    }
}

/// The cluster; `None` if it is deleted: AWS returns it as inactive for a while.
pub(super) async fn described(clients: &Clients, name: &str) -> Result<Option<types::Cluster>> {
    let request = clients.ecs.describe_clusters().clusters(name);
    let request = request.include(ClusterField::Tags).include(ClusterField::Settings);
    let answer = ignore_not_found(async { Ok(request.send().await?) }.await)?;
    let clusters = answer.and_then(|answer| answer.clusters).unwrap_or_default();
    Ok(clusters.into_iter().find(|cluster| cluster.status() != Some(INACTIVE)))
}

async fn active(cx: &Cx, name: &str) -> Result<types::Cluster> {
    cx.wait_until("the cluster to become active", Patience::SHORT, || async {
        Ok(described(cx, name).await?.filter(|cluster| cluster.status() == Some(ACTIVE)))
    })
    .await
}

fn outputs(cluster: &types::Cluster) -> Result<ClusterOutputs> {
    let missing = |field| Error::incomplete("ecs:DescribeClusters", field);
    Ok(ClusterOutputs {
        arn: cluster.cluster_arn().ok_or(missing("clusterArn"))?.into(),
        name: cluster.cluster_name().ok_or(missing("clusterName"))?.to_owned(),
    })
}
