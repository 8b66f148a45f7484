//! Unmanaged resources that block a destroy: `destroy` names them, waits for those that AWS deletes, leaves the rest alone, and
//! resumes when they are gone.

use serde_json::{Value, json};

use crate::support::Applied;
use crate::support::cli::Run;
use crate::systems::lambda_mysql::SYSTEM;

const REGIONS: [&str; 2] = ["us-east-1", "us-east-2"];
const DESTROY: [&str; 5] = ["destroy", "--suffix", "dev1", "--yes", "--json"];

const SUBNET: &str = "blue/network/subnet-private-a";
/// The security group of foreign interfaces.
const ATTACHED: &str = "blue/functions/payment-api/security-group";
/// The security group that foreign rules refer to.
const REFERRED: &str = "blue/edge/security-group";

/// Creates an interface in our subnet with our security group, and a foreign security group whose rule refers to
/// another group of ours.
const BLOCK: &str = r"
import boto3, json
ec2 = boto3.client('ec2')
def of(step):
    return [{'Name': 'tag:provisioner:step', 'Values': [step]}]
[subnet] = ec2.describe_subnets(Filters=of('blue/network/subnet-private-a'))['Subnets']
[worn] = ec2.describe_security_groups(Filters=of('blue/functions/payment-api/security-group'))['SecurityGroups']
[named] = ec2.describe_security_groups(Filters=of('blue/edge/security-group'))['SecurityGroups']
tags = [{'ResourceType': 'network-interface', 'Tags': [{'Key': 'Owner', 'Value': 'audit'}]}]
interface = ec2.create_network_interface(
    SubnetId=subnet['SubnetId'], Groups=[worn['GroupId']], Description='probe of the auditors', TagSpecifications=tags
)['NetworkInterface']
group = ec2.create_security_group(GroupName='bastion', Description='of others', VpcId=subnet['VpcId'])['GroupId']
ssh = {'IpProtocol': 'tcp', 'FromPort': 22, 'ToPort': 22, 'UserIdGroupPairs': [{'GroupId': named['GroupId']}]}
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
ids = {'subnet': subnet['SubnetId'], 'vpc': subnet['VpcId'], 'worn': worn['GroupId'], 'named': named['GroupId']}
print(json.dumps({**ids, 'interface': interface['NetworkInterfaceId'], 'group': group}))
";

/// The foreign resources: the interface with its groups and tags, the group with its rules.
const LOOK: &str = r"
import boto3, json
ec2 = boto3.client('ec2')
mine = [{'Name': 'description', 'Values': ['probe of the auditors']}]
interfaces = ec2.describe_network_interfaces(Filters=mine)['NetworkInterfaces']
groups = ec2.describe_security_groups(Filters=[{'Name': 'group-name', 'Values': ['bastion']}])['SecurityGroups']
print(json.dumps([interfaces, groups], default=str))
";

/// Deletes the interface, and the rule of the group.
const FREE: &str = r"
import boto3
ec2 = boto3.client('ec2')
mine = [{'Name': 'description', 'Values': ['probe of the auditors']}]
for interface in ec2.describe_network_interfaces(Filters=mine)['NetworkInterfaces']:
    ec2.delete_network_interface(NetworkInterfaceId=interface['NetworkInterfaceId'])
[group] = ec2.describe_security_groups(Filters=[{'Name': 'group-name', 'Values': ['bastion']}])['SecurityGroups']
ec2.revoke_security_group_ingress(GroupId=group['GroupId'], IpPermissions=group['IpPermissions'])
";

/// Creates a function in the same subnet with the same group.
const SPY: &str = r"
import boto3, io, json, zipfile
ids = json.loads('IDS')
packed = io.BytesIO()
zipfile.ZipFile(packed, 'w').close()
role = boto3.client('iam').create_role(RoleName='spy', AssumeRolePolicyDocument='{}')['Role']['Arn']
boto3.client('lambda').create_function(
    FunctionName='spy', Runtime='nodejs22.x', Handler='index.handler', Role=role, Code={'ZipFile': packed.getvalue()},
    VpcConfig={'SubnetIds': [ids['subnet']], 'SecurityGroupIds': [ids['worn']]},
)
";

/// Deletes the function; Lambda keeps its interface for a while.
const NO_SPY: &str = r"
import boto3
boto3.client('lambda').delete_function(FunctionName='spy')
boto3.client('iam').delete_role(RoleName='spy')
";

const NO_GROUP: &str = r"
import boto3
ec2 = boto3.client('ec2')
[group] = ec2.describe_security_groups(Filters=[{'Name': 'group-name', 'Values': ['bastion']}])['SecurityGroups']
ec2.delete_security_group(GroupId=group['GroupId'])
";

#[tokio::test]
async fn destroy_names_foreign_blockers_and_resumes_without_them() {
    let Applied { sandbox, cli, .. } = SYSTEM.copy().await;
    let ids = sandbox.python(BLOCK).await;
    let id = |what: &str| ids[what].as_str().unwrap();
    let of_others = sandbox.python(LOOK).await;

    // The error names each blocker and the remedy. Everything else is deleted.
    let run = cli.run(&DESTROY).await.exits(1);
    let probe = format!("{} (a network interface, \"probe of the auditors\", Owner=audit)", id("interface"));
    let bastion = format!("{} (the security group \"bastion\", whose rules refer to it)", id("group"));
    let (delete, go_on) =
        (format!("delete {}", id("interface")), "then run the same command again: it continues from here");
    let off = format!("{delete}, or remove {} from {}", id("worn"), id("interface"));
    let rules = format!("delete the rules of {} that refer to {}", id("group"), id("named"));
    for (step, held, holder, remedy) in
        [(SUBNET, "subnet", &probe, &delete), (ATTACHED, "worn", &probe, &off), (REFERRED, "named", &bastion, &rules)]
    {
        let held = id(held);
        let failure = failure(&run, step);
        assert_eq!(failure["message"], json!(format!("can't delete {held}: it is in use by {holder}")));
        assert_eq!(failure["help"], json!(format!("{remedy}; {go_on}")));
        assert_eq!(failure["code"], json!("DependencyViolation"));
        assert!(waits(&run, step).iter().any(|what| what.starts_with(&format!("{holder} to release {held}"))));
    }
    assert_eq!(run.summary().failed, 3, "{}", run.stderr);
    let left = cli.step_ids("dev1");
    let expected = [SUBNET, ATTACHED, REFERRED, "blue/network/internet-gateway", "blue/network/vpc"];
    assert_eq!(left, expected.map(str::to_owned).into());
    assert_eq!(sandbox.python(LOOK).await, of_others);

    // AWS deletes the interface of a deleted function. The foreign security group still blocks the VPC.
    sandbox.python(FREE).await;
    sandbox.python(&SPY.replace("IDS", &ids.to_string())).await;
    sandbox.control().set_time_scale(1.0).unwrap();
    sandbox.python(NO_SPY).await;
    let started = cli.start(&DESTROY);
    started.says_often("(left by the function spy)", 2).await;
    sandbox.advance(1200);
    let run = started.finish().await.exits(1);
    for (step, held) in [(SUBNET, "subnet"), (ATTACHED, "worn")] {
        let waits = waits(&run, step);
        let hint = format!("to release {}; Lambda usually deletes its interfaces within 20 minutes", id(held));
        assert!(waits.len() == 1 && waits[0].ends_with(&hint), "{waits:?}");
    }
    let failure = failure(&run, "blue/network/vpc");
    let held = format!("can't delete {}: it is in use by {} (the security group \"bastion\")", id("vpc"), id("group"));
    assert_eq!(failure["message"], json!(held));
    assert_eq!((run.summary().deleted, run.summary().failed), (4, 1));

    sandbox.python(NO_GROUP).await;
    cli.run(&DESTROY).await.ok();
    sandbox.account(&REGIONS).await.assert_empty();
}

/// The failure of this step.
fn failure(run: &Run, step: &str) -> Value {
    let failures = run.summary().rest["failures"].clone();
    let found = failures.as_array().unwrap().iter().find(|failure| failure["step"] == step).cloned();
    found.unwrap_or_else(|| panic!("{step} didn't fail: {failures:#}"))
}

/// What this step reported to wait for.
fn waits(run: &Run, step: &str) -> Vec<String> {
    let events = run.events().into_iter().filter(|event| event["type"] == "step_waiting" && event["step"] == step);
    events.map(|event| event["waits_for"].as_str().unwrap().to_owned()).collect()
}
