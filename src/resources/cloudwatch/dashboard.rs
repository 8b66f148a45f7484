use super::{tags_of, to_sdk};
use crate::resources::prelude::*;

/// A dashboard. It is global: the same in every region.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dashboard {
    /// Up to 255 letters, digits, `-` and `_`.
    pub name: String,
    /// Its body: widgets, in their order.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>
    pub body: Value,
}

/// The outputs of a dashboard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DashboardOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for Dashboard {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        global: true,
        ..TypeInfo::new(
            "cloudwatch.dashboard",
            seconds(2),
            &[
                "cloudwatch:GetDashboard",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutDashboard",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
                "cloudwatch:DeleteDashboards",
            ],
        )
    };

    type Outputs = DashboardOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&DashboardOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let read = async { Ok(cx.cloudwatch.get_dashboard().dashboard_name(name).send().await?) };
        let Some(answer) = ignore_not_found(read.await)? else { return Ok(None) };
        let body = serde_json::from_str(answer.dashboard_body().unwrap_or_default())
            .map_err(|error| Error::local(format!("the body of the dashboard {name} isn't JSON: {error}")))?;
        let outputs = outputs(cx, name);
        let spec = Dashboard { name: name.clone(), body };
        // Not every endpoint keeps tags of dashboards: without tags only the state records the owner.
        let tags = tags_of(cx, &outputs.arn).await?;
        Ok(Some(match tags.is_empty() {
            true => Found::name_only(spec, outputs),
            false => Found::tagged(spec, outputs, tags),
        }))
    }

    async fn create(&self, cx: &Cx) -> Result<DashboardOutputs> {
        let request = cx.cloudwatch.put_dashboard().dashboard_name(&self.name).dashboard_body(self.body.to_string());
        request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        Ok(outputs(cx, &self.name))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<DashboardOutputs> {
        let request = cx.cloudwatch.put_dashboard().dashboard_name(&self.name);
        request.dashboard_body(self.body.to_string()).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &DashboardOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &DashboardOutputs) -> Result<()> {
        let delete = async { Ok(cx.cloudwatch.delete_dashboards().dashboard_names(&outputs.name).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-dashboard.html>
    fn cloudformation(&self) -> Form {
        let dashboard = properties!(self, Dashboard {
            name => "DashboardName",
            body => "DashboardBody": body.to_string(),
        });
        let arn = Form::global_arn("cloudwatch", &format!("dashboard/{}", Form::reference()));
        Form::resource("AWS::CloudWatch::Dashboard", dashboard).output("name", Form::reference()).output("arn", arn)
    }
}

/// The ARN of a dashboard names no region.
fn outputs(cx: &Cx, name: &str) -> DashboardOutputs {
    let arn = format!("arn:{}:cloudwatch::{}:dashboard/{name}", cx.partition(), cx.account());
    DashboardOutputs { name: name.to_owned(), arn }
}
