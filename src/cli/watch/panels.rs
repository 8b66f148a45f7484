//! The panels, one file each.

pub mod command;
pub mod customers;
pub mod gates;
pub mod shift;
pub mod timeline;
pub mod traffic;
