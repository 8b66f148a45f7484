//! Shared by the tests: private sandboxes, applied systems, the binary, a proxy that injects faults, an inventory of the
//! account, databases, customers.

pub mod account;
pub mod applied;
pub mod applied_twice;
pub mod cli;
pub mod composition;
pub mod compositions;
pub mod drift;
pub mod http;
pub mod lint;
pub mod load;
pub mod mariadb;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod sandbox;
pub mod scripts;
pub mod server;
pub mod shared;
pub mod wait;

pub use applied::Applied;
pub use cli::Cli;
pub use drift::{Drift, DriftedSystem};
pub use load::Load;
pub use mariadb::MariaDb;
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use sandbox::{Fault, Sandbox};
pub use shared::Shared;
