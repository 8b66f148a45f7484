//! ECR repositories for the images of a system's services.

use std::collections::BTreeMap;

use serde_json::json;

use super::Scope;
use super::policy::{document, other_accounts};
use crate::resources::document::Document;
use crate::resources::ecr::{Repository, RepositoryOutputs};
use crate::resources::ids::KeyArn;

/// Number of untagged images that are kept per service.
const KEEP: u32 = 50;

/// Adds an encrypted repository for each service, with immutable tags and a scan of each pushed image.
pub fn images(scope: &Scope<'_>, services: &[&str], key: &KeyArn) -> BTreeMap<String, RepositoryOutputs> {
    let scope = scope.at("images");
    let repository = |service: &&str| {
        let repository = Repository {
            name: scope.name(service),
            kms_key: key.clone(),
            immutable_tags: true,
            scan_on_push: true,
            keep_untagged: Some(KEEP),
            policy: policy(&scope),
        };
        ((*service).to_owned(), scope.add(service, repository))
    };
    services.iter().map(repository).collect()
}

/// Denies access from other accounts, whatever other policies allow.
fn policy(scope: &Scope<'_>) -> Document {
    document([json!({
        "Sid": "OtherAccounts",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "ecr:*",
        "Condition": other_accounts(scope),
    })])
}
