//! What the scheduler does: a file a rule, each one of `impl Scheduler` over the state. The way in is
//! `handle`, which picks the rule for each event.

pub(crate) mod absence;
pub(crate) mod admission;
pub(crate) mod adoption;
pub(crate) mod batches;
mod claims;
pub(crate) mod endings;
pub(crate) mod fleet;
pub(crate) mod handle;
pub(crate) mod idempotency;
pub(crate) mod pausing;
pub(crate) mod recovery;
pub(crate) mod redrive;
pub(crate) mod reports;
pub(crate) mod resubmission;
pub(crate) mod retention;
pub(crate) mod runs;
#[cfg(feature = "spans")]
pub(crate) mod spans;
pub(crate) mod standstill;
pub(crate) mod step;
pub(crate) mod suspicion;
pub(crate) mod watching;
