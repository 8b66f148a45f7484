//! The private registry of a system: a repository for the images of each service.

use std::collections::BTreeMap;

use serde_json::json;

use super::Scope;
use crate::resources::document::Document;
use crate::resources::ecr::{Repository, RepositoryOutputs};
use crate::resources::ids::KeyArn;

/// How many images without a tag are kept of a service.
const KEEP: u32 = 50;

/// Puts a repository for each service here: tags that stand once they were given, images scanned as they come, encrypted.
pub fn images(scope: &Scope<'_>, services: &[&str], key: &KeyArn) -> BTreeMap<String, RepositoryOutputs> {
    let scope = scope.at("images");
    let repository = |service: &&str| {
        let repository = Repository {
            name: scope.name(service),
            kms_key: Some(key.clone()),
            immutable_tags: true,
            scan_on_push: true,
            keep_untagged: Some(KEEP),
            policy: policy(&scope),
        };
        ((*service).to_owned(), scope.add(service, repository))
    };
    services.iter().map(repository).collect()
}

/// Nobody from another account, whatever else may be allowed one day.
fn policy(scope: &Scope<'_>) -> Document {
    Document::new(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "OtherAccounts",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "ecr:*",
            "Condition": {
                "StringNotEquals": {"aws:PrincipalAccount": scope.account()},
                "Bool": {"aws:PrincipalIsAWSService": "false"},
            },
        }],
    }))
}
