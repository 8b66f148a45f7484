//! The regions of the account.

use crate::aws::{Class, Clients, Error, Result};

/// The regions that the account can use; empty if the credentials aren't allowed to list them.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html>
pub async fn enabled_regions(clients: &Clients) -> Result<Vec<String>> {
    match clients.ec2.describe_regions().send().await.map_err(Error::from) {
        Ok(answer) => {
            Ok(answer.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name).collect())
        }
        Err(error) if error.class == Class::Denied => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
