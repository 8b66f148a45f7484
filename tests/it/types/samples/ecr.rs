use provisioner::modules::Scope;
use provisioner::resources::document::Document;
use provisioner::resources::ecr::Repository;

use super::{key, policy};
use crate::types::{Sample, Samples};

impl Sample for Repository {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (key(scope, "one"), key(scope, "other"));
        // The policy of a repository names none: it is about that repository.
        let policy = |action: &str| {
            let mut policy = policy(scope, action).value().clone();
            policy["Statement"][0].as_object_mut().expect("a statement").remove("Resource");
            Document::new(policy)
        };
        let first = Repository {
            name: scope.name("orders"),
            kms_key: Some(one),
            immutable_tags: true,
            scan_on_push: true,
            keep_untagged: Some(10),
            policy: policy("ecr:BatchGetImage"),
        };
        Samples::of(first)
            .changing(|repository| repository.immutable_tags = false)
            .changing(|repository| repository.scan_on_push = false)
            .changing(|repository| repository.keep_untagged = Some(20))
            .changing(|repository| repository.keep_untagged = None)
            .changing(|repository| repository.policy = policy("ecr:GetDownloadUrlForLayer"))
            .changing(|repository| repository.policy = Document::default())
            .changing(|repository| repository.kms_key = Some(other))
            .changing(|repository| repository.kms_key = None)
            .changing(|repository| repository.name = scope.name("refunds"))
    }
}
