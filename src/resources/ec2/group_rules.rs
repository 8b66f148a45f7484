//! The rules of security groups, including those that other people created.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_ec2::types::{self, IpPermission, IpRange};

use super::lists::{Item, filter};
use super::locate::{owned, owned_defaults};
use super::protocol::{Ports, Protocol};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};

/// All rules of the owned groups, and of the default groups of owned VPCs: read once a run. They are listed by group, so that
/// rules without our tags are included.
pub(super) async fn all(cx: &Cx) -> Result<Arc<Vec<types::SecurityGroupRule>>> {
    let groups: Vec<String> = listed_groups(cx).await?.into_iter().collect();
    let load = async {
        let mut all = Vec::new();
        // A filter takes 200 values.
        for ids in groups.chunks(200) {
            all.extend(types::SecurityGroupRule::list(cx, vec![filter("group-id", ids)]).await?);
        }
        Ok(all)
    };
    cx.inventory.once("ec2.security-group-rules", load).await
}

/// All rules of a group.
pub(super) async fn of_group(cx: &Cx, id: &str) -> Result<Vec<types::SecurityGroupRule>> {
    if !listed_groups(cx).await?.contains(id) {
        return types::SecurityGroupRule::list(cx, vec![filter("group-id", [id])]).await;
    }
    Ok(all(cx).await?.iter().filter(|rule| rule.group_id() == Some(id)).cloned().collect())
}

/// Reads the rules of a group and revokes those that `is_unwanted` selects.
pub(super) async fn revoke(
    cx: &Cx,
    group_id: &str,
    is_unwanted: impl Fn(&types::SecurityGroupRule) -> bool,
) -> Result<()> {
    let rules = types::SecurityGroupRule::list(cx, vec![filter("group-id", [group_id])]).await?;
    for egress in [false, true] {
        let selected = rules.iter().filter(|rule| rule.is_egress == Some(egress) && is_unwanted(rule));
        let ids: Vec<String> = selected.map(|rule| rule.id().to_owned()).collect();
        if !ids.is_empty() {
            ignore_not_found(revoke_ids(cx, group_id, egress, ids).await)?;
        }
    }
    Ok(())
}

/// Revokes rules of one direction by their ids.
pub(super) async fn revoke_ids(cx: &Cx, group_id: &str, egress: bool, ids: Vec<String>) -> Result<()> {
    if egress {
        let request = cx.ec2.revoke_security_group_egress().group_id(group_id);
        request.set_security_group_rule_ids(Some(ids)).send().await?;
    } else {
        let request = cx.ec2.revoke_security_group_ingress().group_id(group_id);
        request.set_security_group_rule_ids(Some(ids)).send().await?;
    }
    Ok(())
}

/// The permission of the egress rule that AWS creates with each group: everything to everywhere.
pub(super) fn default_egress() -> IpPermission {
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build()
}

/// True for the egress rule that AWS creates with each group.
pub(super) fn is_default_egress(rule: &types::SecurityGroupRule) -> bool {
    rule.is_egress == Some(true) && rule.ip_protocol() == Some("-1") && rule.cidr_ipv4() == Some("0.0.0.0/0")
}

/// A rule in words: `tcp 443 in from 10.0.0.0/8 (sgr-0a1b…)`.
pub(super) fn describe(rule: &types::SecurityGroupRule) -> String {
    let (direction, preposition) = if rule.is_egress == Some(true) { ("out", "to") } else { ("in", "from") };
    let protocol = Protocol::parse(rule.ip_protocol());
    let name = protocol.name();
    let what = match Ports::parse(&protocol, rule.from_port, rule.to_port, None) {
        _ if protocol == Protocol::All => "everything".to_owned(),
        None => name.to_owned(),
        Some(Ports { from, to }) if from == to => format!("{name} {from}"),
        Some(Ports { from, to }) => format!("{name} {from}-{to}"),
    };
    let group = rule.referenced_group_info().and_then(|group| group.group_id());
    let peer = rule.cidr_ipv4().or(group).or(rule.prefix_list_id()).or(rule.cidr_ipv6());
    format!("{what} {direction} {preposition} {} ({})", peer.unwrap_or("an unknown peer"), rule.id())
}

/// The owned groups, and the default groups of owned VPCs.
async fn listed_groups(cx: &Cx) -> Result<BTreeSet<String>> {
    let (groups, defaults) =
        tokio::try_join!(owned::<types::SecurityGroup>(cx), owned_defaults::<types::SecurityGroup>(cx))?;
    Ok(groups.iter().chain(defaults.iter()).map(|group| group.id().to_owned()).collect())
}
