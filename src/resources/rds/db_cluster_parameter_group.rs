use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_rds::types;

use super::parameter_group::{A_CALL, ParameterGroupOutputs, Work, parameter_group, set_by_user, work};
use super::{arn_in_template, tags_of, to_sdk};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::form::{Form, properties};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

parameter_group! {
    /// The engine's parameters for a whole cluster.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBClusterParameterGroup.html>
    DbClusterParameterGroup as DbClusterParameterGroup,
    "rds.db_cluster_parameter_group", "cluster-pg", "dbclusterparametergroup", "DBClusterParameterGroup", "DBClusterParameters",
    "DBClusterParameterGroupName";
    db_cluster_parameter_group_name, db_cluster_parameter_group_arn, db_cluster_parameter_group;
    describe_db_cluster_parameter_groups, describe_db_cluster_parameters, create_db_cluster_parameter_group,
    modify_db_cluster_parameter_group, reset_db_cluster_parameter_group, delete_db_cluster_parameter_group
}
