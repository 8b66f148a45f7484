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
    /// The engine's parameters for an instance.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html>
    DbParameterGroup as DbParameterGroup,
    "rds.db_parameter_group", "pg", "dbparametergroup", "DBParameterGroup", "DBParameters",
    "DBParameterGroupName";
    db_parameter_group_name, db_parameter_group_arn, db_parameter_group;
    describe_db_parameter_groups, describe_db_parameters, create_db_parameter_group,
    modify_db_parameter_group, reset_db_parameter_group, delete_db_parameter_group
}
