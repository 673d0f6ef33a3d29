//! What the scheduler keeps, and what holds of each piece by itself. Nothing here knows the
//! scheduler, or what a rule makes of it.

pub(crate) mod adoption;
pub(crate) mod batches;
pub(crate) mod by_client;
pub(crate) mod by_id;
pub(crate) mod chunks;
pub(crate) mod clients;
pub(crate) mod dead_letters;
pub(crate) mod jitter;
pub(crate) mod job;
pub(crate) mod keys;
pub(crate) mod lanes;
pub(crate) mod lines;
pub(crate) mod list;
pub(crate) mod outcomes;
pub(crate) mod queue;
pub(crate) mod session_jobs;
pub(crate) mod tally;
pub(crate) mod timers;
pub(crate) mod unclaimed;
pub(crate) mod watchers;
