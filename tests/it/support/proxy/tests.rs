//! Tests of the proxy.

use std::collections::BTreeSet;
use std::time::Duration;

use provisioner::aws::{Cloud, Endpoint, clients::Pace};

use super::{Fault, Moment, Proxy, Reach, Refusal, at_change, by_chance};
use crate::support::wait::wait_for;
use crate::support::{Cli, Sandbox};

const APPLY: [&str; 4] = ["apply", "--suffix", "dev1", "--json"];

/// Reads with each protocol; returns the errors.
async fn look(cloud: &Cloud) -> Vec<String> {
    let at = cloud.region("us-east-1");
    let (ec2, rds, iam) =
        tokio::join!(at.ec2.describe_vpcs().send(), at.rds.describe_db_clusters().send(), at.iam.list_roles().send(),);
    let (kms, sqs, lambda) =
        tokio::join!(at.kms.list_keys().send(), at.sqs.list_queues().send(), at.lambda.list_functions().send());
    let (s3, route53, alarms) = tokio::join!(
        at.s3.list_buckets().send(),
        at.route53.list_hosted_zones().send(),
        at.cloudwatch.describe_alarms().send(),
    );
    let errors = [
        ec2.err().map(|error| format!("{error:?}")),
        rds.err().map(|error| format!("{error:?}")),
        iam.err().map(|error| format!("{error:?}")),
        kms.err().map(|error| format!("{error:?}")),
        sqs.err().map(|error| format!("{error:?}")),
        lambda.err().map(|error| format!("{error:?}")),
        s3.err().map(|error| format!("{error:?}")),
        route53.err().map(|error| format!("{error:?}")),
        alarms.err().map(|error| format!("{error:?}")),
    ];
    errors.into_iter().flatten().collect()
}

#[tokio::test]
async fn proxy_understands_every_aws_protocol() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cloud = Cloud::with_pace(Endpoint::Sandbox { port: proxy.port() }, Pace::Urgent).await;
    for fault in Fault::TRANSIENT {
        proxy.forget_calls();
        let mut struck = BTreeSet::new();
        proxy.on_call(move |call| struck.insert(call.key.clone()).then_some(fault));
        assert_eq!(look(&cloud).await, [""; 0], "{fault:?}");
        let calls = proxy.calls();
        let (first, second): (Vec<_>, Vec<_>) = calls.iter().partition(|call| call.fault.is_some());
        assert_eq!(first.len(), 9, "{fault:?}: {first:#?}");
        let is_told = !matches!(fault, Fault::Delay(_));
        assert_eq!(second.len(), if is_told { 9 } else { 0 }, "{fault:?}: {second:#?}");
        let reached = !matches!(fault, Fault::Refuse(_, Reach::Unsent) | Fault::Reset(Reach::Unsent));
        assert!(first.iter().all(|call| (call.status == Some(200)) == reached), "{fault:?}: {first:#?}");
    }
    proxy.forget_calls();
    proxy.on_call(by_chance(1, 100, &[Fault::Refuse(Refusal::Throttling, Reach::Unsent), Fault::Cut]));
    assert_eq!(look(&cloud).await.len(), 9);
    assert_eq!(proxy.calls().len(), 9 * 3, "each is tried three times");
}

#[tokio::test]
async fn proxy_kills_before_request_before_or_after_answer() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cli = Cli::through(&proxy);
    for (moment, has_reached) in
        [(Moment::BeforeSend, false), (Moment::BeforeAnswer, true), (Moment::AfterAnswer, true)]
    {
        proxy.forget_calls();
        proxy.on_call(at_change(5, Fault::Kill(moment)));
        let run = cli.start(&APPLY);
        // The call waits until the process to kill is known.
        let wait = || proxy.calls().into_iter().find(|call| call.fault.is_some());
        wait_for(Duration::from_secs(60), wait).await.expect("the fifth change");
        proxy.may_kill(run.pid());
        assert_eq!(run.finish().await.code, None, "{moment:?}");
        proxy.settle().await;
        let struck = proxy.calls().into_iter().filter(|call| call.fault.is_some()).collect::<Vec<_>>();
        assert_eq!(struck.len(), 1);
        assert_eq!(struck[0].status.is_some(), has_reached, "{struck:?}");
    }
}

#[tokio::test]
async fn proxy_hides_new_resources_for_a_while() {
    let sandbox = Sandbox::fresh().await;
    let proxy = Proxy::before(&sandbox);
    let cloud = Cloud::with_pace(Endpoint::Sandbox { port: proxy.port() }, Pace::Urgent).await;
    let at = cloud.region("us-east-1");
    let vpcs = async || at.ec2.describe_vpcs().send().await.unwrap().vpcs.unwrap_or_default().len();
    let topics = async || at.sns.list_topics().send().await.unwrap().topics.unwrap_or_default().len();
    let keys = async || at.kms.list_keys().send().await.unwrap().keys.unwrap_or_default().len();
    let old = (vpcs().await, topics().await, keys().await);
    let table = at.ec2.describe_route_tables().send().await.unwrap().route_tables.unwrap().remove(0);
    let table = table.route_table_id.unwrap();
    let routes = async || {
        let tables = at.ec2.describe_route_tables().route_table_ids(&table).send().await.unwrap();
        tables.route_tables.unwrap()[0].routes().len()
    };
    let old_routes = routes().await;

    proxy.hide_new_for(Duration::from_secs(600));
    let vpc = at.ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
    let topic = at.sns.create_topic().name("orders").send().await.unwrap().topic_arn.unwrap();
    let key = at.kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    let gateway = at.ec2.create_internet_gateway().send().await.unwrap().internet_gateway.unwrap();
    let gateway = gateway.internet_gateway_id.unwrap();
    assert_eq!((vpcs().await, topics().await, keys().await), old);
    let codes = [
        at.ec2
            .describe_vpcs()
            .vpc_ids(&vpc)
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .meta()
            .code()
            .map(str::to_owned),
        at.sns
            .get_topic_attributes()
            .topic_arn(&topic)
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .meta()
            .code()
            .map(str::to_owned),
        at.kms
            .describe_key()
            .key_id(&key)
            .send()
            .await
            .unwrap_err()
            .into_service_error()
            .meta()
            .code()
            .map(str::to_owned),
    ];
    assert_eq!(codes.map(Option::unwrap), ["InvalidVpcID.NotFound", "NotFound", "NotFoundException"]);
    // A filter finds nothing, and that is no error.
    let filter = aws_sdk_ec2::types::Filter::builder().name("vpc-id").values(&vpc).build();
    let subnets = at.ec2.describe_route_tables().filters(filter).send().await.unwrap();
    assert_eq!(subnets.route_tables().len(), 0);
    // Changes see it. Older resources stay visible, except for their references to it.
    at.ec2.modify_vpc_attribute().vpc_id(&vpc).send().await.unwrap();
    let route = at.ec2.create_route().route_table_id(&table).destination_cidr_block("10.9.9.0/24");
    route.gateway_id(&gateway).send().await.unwrap();
    assert_eq!(routes().await, old_routes);

    proxy.hide_new_for(Duration::ZERO);
    at.sns.create_topic().name("seen").send().await.unwrap();
    assert_eq!(topics().await, old.1 + 1);
}
