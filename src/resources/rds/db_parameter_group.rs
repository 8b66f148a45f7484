use std::collections::BTreeMap;

use aws_sdk_rds::types;

use super::parameter_group::{
    MAX_PARAMETERS, ParameterChanges, ParameterGroupOutputs, parameter_changes, parameter_group, set_by_user,
};
use super::{arn_in_template, tags_of, to_sdk};
use crate::resources::prelude::*;

parameter_group! {
    /// An instance parameter group: the engine's parameters of an instance.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html>
    DbParameterGroup as DbParameterGroup,
    "rds.db_parameter_group", "pg", "dbparametergroup", "DBParameterGroup", "DBParameters",
    "DBParameterGroupName";
    db_parameter_group_name, db_parameter_group_arn, db_parameter_group;
    describe_db_parameter_groups, describe_db_parameters, create_db_parameter_group,
    modify_db_parameter_group, reset_db_parameter_group, delete_db_parameter_group
}
