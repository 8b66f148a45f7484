use std::collections::BTreeMap;

use aws_sdk_rds::types;

use super::parameter_group::{
    MAX_PARAMETERS, ParameterChanges, ParameterGroupOutputs, parameter_changes, parameter_group, set_by_user,
};
use super::{arn_in_template, tags_of, to_sdk};
use crate::resources::prelude::*;

parameter_group! {
    /// A cluster parameter group: the engine's parameters of a cluster.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBClusterParameterGroup.html>
    DbClusterParameterGroup as DbClusterParameterGroup,
    "rds.db_cluster_parameter_group", "cluster-pg", "dbclusterparametergroup", "DBClusterParameterGroup", "DBClusterParameters",
    "DBClusterParameterGroupName";
    db_cluster_parameter_group_name, db_cluster_parameter_group_arn, db_cluster_parameter_group;
    describe_db_cluster_parameter_groups, describe_db_cluster_parameters, create_db_cluster_parameter_group,
    modify_db_cluster_parameter_group, reset_db_cluster_parameter_group, delete_db_cluster_parameter_group
}
