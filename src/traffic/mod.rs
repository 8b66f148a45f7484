//! Live traffic: the weights that share it between blue and green, and what moves them safely.

pub mod bound;
pub mod discover;
pub mod event;
pub mod failback;
pub mod gates;
pub mod guard;
pub mod history;
pub mod levers;
pub mod listeners;
pub mod live;
pub mod mover;
pub mod picture;
pub mod records;
pub mod share;
pub mod shift;
pub mod signals;

pub use levers::Levers;
pub use share::Share;
