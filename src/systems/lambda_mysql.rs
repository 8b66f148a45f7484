//! `lambda-mysql`: two environments side by side, Lambda and SQS over Aurora MySQL, replicas in a second region.

use async_trait::async_trait;

use super::{Composed, System};
use crate::aws::{Cloud, Result};
use crate::config::LambdaMysql;
use crate::config::lambda_mysql::SYSTEM;
use crate::engine::Tags;
use crate::modules::{Identity, Stack};

#[async_trait]
impl System for LambdaMysql {
    fn name(&self) -> &'static str {
        SYSTEM
    }

    fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn tags(&self) -> Tags {
        self.tags.clone()
    }

    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed> {
        let _ = cloud;
        let stack = Stack::new(identity);
        Ok(Composed { steps: stack.into_steps(), ..Composed::default() })
    }
}
