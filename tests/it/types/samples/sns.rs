use provisioner::modules::Scope;
use provisioner::resources::document::Document;
use provisioner::resources::sns::{DeliveryLogging, Subscription, Topic};

use super::sqs::queue;
use super::{key, policy, role};
use crate::types::{Sample, Samples};

impl Sample for Subscription {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| scope.add(&format!("topic-{name}"), topic(scope, name)).arn);
        let (orders, refunds) = (queue(scope, "orders"), queue(scope, "refunds"));
        let first = Subscription { topic: one, protocol: "sqs".to_owned(), endpoint: orders.to_string() };
        Samples::of(first)
            .changing(|subscription| subscription.endpoint = refunds.to_string())
            .changing(|subscription| {
                subscription.protocol = "email".to_owned();
                subscription.endpoint = "ops@example.com".to_owned();
            })
            .changing(|subscription| subscription.topic = other)
    }
}

impl Sample for Topic {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let other = key(scope, "other");
        let [success_role, failure_role] = ["success", "failure"].map(|name| role(scope, name, "sns.amazonaws.com"));
        let (other_role, failures) = (success_role.clone(), failure_role.clone());
        let logging = DeliveryLogging { success_role, failure_role, success_sample_percent: 10 };
        let more = DeliveryLogging { success_role: failures, failure_role: other_role, success_sample_percent: 100 };
        let logged = |subscriber: &str, logging: &DeliveryLogging| (subscriber.to_owned(), logging.clone());
        Samples::of(topic(scope, "orders"))
            .changing(|topic| topic.display_name = "The other shop".to_owned())
            .changing(|topic| topic.kms_key = Some(other))
            .changing(|topic| topic.kms_key = None)
            .changing(|topic| topic.policy = policy(scope, "sns:Subscribe"))
            .changing(|topic| topic.policy = Document::default())
            .changing(|topic| topic.delivery_logging = [logged("SQS", &logging), logged("HTTP", &logging)].into())
            .changing(|topic| topic.delivery_logging = [logged("SQS", &more), logged("Lambda", &logging)].into())
            .changing(|topic| topic.name = scope.name("refunds"))
    }
}

fn topic(scope: &Scope<'_>, name: &str) -> Topic {
    Topic {
        name: scope.name(name),
        display_name: "The shop".to_owned(),
        kms_key: Some(key(scope, name)),
        policy: policy(scope, "sns:Publish"),
        delivery_logging: [].into(),
    }
}
