use aws_sdk_ec2::types::AvailabilityZone;

use super::lists::filter;
use crate::aws::clients::Clients;
use crate::aws::{Error, Result};

/// Old zones without Lambda, Aurora Serverless v2 or interface endpoints, by id (names differ between accounts): chosen last.
/// <https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html>
const OLD_ZONES: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// The names of `count` availability zones of the region, sorted: the same ones in every run. Without local zones, wavelength
/// zones and zones that need an opt-in. An error if the region has fewer.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html>
pub async fn availability_zones(clients: &Clients, count: usize) -> Result<Vec<String>> {
    // No filter by state: networks keep their subnets in an impaired zone.
    let request = clients.ec2.describe_availability_zones().filters(filter("zone-type", ["availability-zone"]));
    let answer = request.filters(filter("opt-in-status", ["opt-in-not-required"])).send().await?;
    choose(answer.availability_zones(), count).ok_or_else(|| {
        let (region, there) = (&clients.region, answer.availability_zones().len());
        Error::local(format!("{region} has {there} availability zones, {count} are needed"))
            .with_help("use another region, or configure fewer zones")
    })
}

fn choose(zones: &[AvailabilityZone], count: usize) -> Option<Vec<String>> {
    let is_old = |zone: &AvailabilityZone| zone.zone_id().is_some_and(|id| OLD_ZONES.contains(&id));
    let mut zones: Vec<_> =
        zones.iter().filter_map(|zone| Some((is_old(zone), zone.zone_name()?.to_owned()))).collect();
    zones.sort();
    let mut names: Vec<String> = zones.into_iter().map(|(_, name)| name).take(count).collect();
    names.sort();
    (names.len() == count).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_zones_are_chosen_last() {
        let zone = |name: &str, id: &str| AvailabilityZone::builder().zone_name(name).zone_id(id).build();
        let zones = [zone("us-east-1c", "use1-az4"), zone("us-east-1a", "use1-az3"), zone("us-east-1b", "use1-az1")];
        assert_eq!(choose(&zones, 2).unwrap(), ["us-east-1b", "us-east-1c"]);
        assert_eq!(choose(&zones, 3).unwrap(), ["us-east-1a", "us-east-1b", "us-east-1c"]);
        assert_eq!(choose(&zones, 4), None);
    }
}
