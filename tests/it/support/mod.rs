//! What the tests share: a private sandbox, a driver of the binary, a proxy in which calls come to harm, a look at the
//! account with other eyes, databases, customers.

pub mod account;
pub mod cli;
pub mod composition;
pub mod http;
pub mod load;
pub mod mariadb;
pub mod proxy;
pub mod sandbox;
pub mod server;
pub mod shared;
pub mod systems;
pub mod wait;

pub use cli::Cli;
pub use load::Load;
pub use mariadb::MariaDb;
pub use proxy::Proxy;
pub use sandbox::{Fault, Sandbox};
pub use shared::Shared;
