//! Live traffic: the weights that split it between blue and green, and the commands that change them.

pub mod bound;
pub mod check;
pub mod discover;
pub mod event;
pub mod failback;
pub mod gates;
pub mod guard;
pub mod history;
pub mod levers;
pub mod limits;
pub mod listeners;
pub mod live;
pub mod mover;
pub mod readings;
pub mod records;
pub mod share;
pub mod shift;
pub mod signals;
pub mod snapshot;
pub mod weight;

pub use levers::Levers;
pub use share::Share;
