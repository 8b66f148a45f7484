use std::collections::BTreeSet;

use aws_sdk_rds::types;

use super::{arn_in_template, tags_of, to_sdk};
use crate::resources::prelude::*;

/// A subnet group: the subnets of a database.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Up to 255 lower-case letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// The purpose.
    pub description: String,
    /// At least two, in different availability zones of one VPC.
    pub subnets: BTreeSet<SubnetId>,
}

/// The outputs of a subnet group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbSubnetGroupOutputs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for DbSubnetGroup {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name"],
        blocks_deletion_of: &["ec2.subnet"],
        ..TypeInfo::new(
            "rds.db_subnet_group",
            seconds(3),
            &[
                "rds:DescribeDBSubnetGroups",
                "rds:ListTagsForResource",
                "rds:CreateDBSubnetGroup",
                "rds:ModifyDBSubnetGroup",
                "rds:DeleteDBSubnetGroup",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
                "tag:GetResources",
            ],
        )
    };

    type Outputs = DbSubnetGroupOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&DbSubnetGroupOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let groups = all(cx).await?;
        let is_this = |group: &&types::DbSubnetGroup| group.db_subnet_group_name() == Some(name);
        let Some(group) = groups.iter().find(is_this) else { return Ok(None) };
        let arn = group.db_subnet_group_arn().unwrap_or_default();
        let subnets = group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier());
        let spec = DbSubnetGroup {
            name: name.clone(),
            description: group.db_subnet_group_description().unwrap_or_default().to_owned(),
            subnets: subnets.map(SubnetId::from).collect(),
        };
        let outputs = DbSubnetGroupOutputs { name: name.clone(), arn: arn.to_owned() };
        Ok(Some(Found::tagged(spec, outputs, tags_of(cx, arn).await?)))
    }

    async fn create(&self, cx: &Cx) -> Result<DbSubnetGroupOutputs> {
        let request = cx.rds.create_db_subnet_group().db_subnet_group_name(&self.name);
        let request = request.db_subnet_group_description(&self.description).set_subnet_ids(Some(self.subnet_ids()));
        let answer = request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        let arn = answer.db_subnet_group.and_then(|group| group.db_subnet_group_arn);
        let arn = arn.ok_or(Error::incomplete("rds:CreateDBSubnetGroup", "DBSubnetGroupArn"))?;
        Ok(DbSubnetGroupOutputs { name: self.name.clone(), arn })
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _changes: &Changes<'_>) -> Result<DbSubnetGroupOutputs> {
        let request = cx.rds.modify_db_subnet_group().db_subnet_group_name(&self.name);
        let request = request.db_subnet_group_description(&self.description);
        request.set_subnet_ids(Some(self.subnet_ids())).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &DbSubnetGroupOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &DbSubnetGroupOutputs) -> Result<()> {
        let delete = || async {
            let request = cx.rds.delete_db_subnet_group().db_subnet_group_name(&outputs.name);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("the databases in the subnet group to be deleted", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbsubnetgroup.html>
    fn cloudformation(&self) -> Form {
        let group = properties!(self, DbSubnetGroup {
            name => "DBSubnetGroupName",
            description => "DBSubnetGroupDescription",
            subnets => "SubnetIds",
        });
        Form::resource("AWS::RDS::DBSubnetGroup", group)
            .output("name", Form::reference())
            .output("arn", arn_in_template("subgrp"))
    }
}

impl DbSubnetGroup {
    fn subnet_ids(&self) -> Vec<String> {
        self.subnets.iter().map(ToString::to_string).collect()
    }
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::DbSubnetGroup>>> {
    let pages = cx.rds.describe_db_subnet_groups().into_paginator().items().send();
    cx.inventory.once("rds.db_subnet_groups", async { Ok(pages.try_collect().await?) }).await
}
