//! The worker protocol, version 1, over ZeroMQ.
//!
//! A ZeroMQ message is one protocol message of up to four frames (`kind`, `id`, `head`, `body`),
//! or several in a row, four frames each. [`ToWorker`] is what the server says, [`FromWorker`]
//! what a worker says; both encode and decode, since the SDK needs the other half of each.

mod frames;
mod from_worker;
mod head;
mod to_worker;

pub use frames::{Malformed, Packer};
pub use from_worker::{FromWorker, Progress, Ready};
pub use to_worker::{Hello, JobMessage, ToWorker};

/// The version of the worker protocol, as `hello` announces it.
pub const VERSION: u64 = 1;

/// `n` as an integer, if it is one that a double holds exactly.
pub(crate) fn whole(n: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it exact")]
    (n.fract() == 0.0 && n.abs() <= EXACT).then_some(n as i64)
}
