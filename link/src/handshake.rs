//! How the two ends of a connection of a link come to trust each other.

mod terms;

pub use terms::{Hello, Refused, Role, Welcome};
