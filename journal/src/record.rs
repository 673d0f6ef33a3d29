//! What is written.

use std::sync::Arc;
use std::time::SystemTime;

use acequia_wire::JobId;
use acequia_wire::client::Submit;

/// One fact about a job.
#[derive(Clone, Debug)]
pub enum Record {
    /// The job was admitted.
    Admitted {
        /// Its place: tickets count up by one.
        ticket: u64,
        /// Its name.
        job: JobId,
        /// The job as its client described it.
        spec: Arc<Submit>,
    },
    /// A run of the job is over and another follows.
    Counted {
        /// Its place.
        ticket: u64,
        /// Runs begun.
        runs: u32,
        /// Runs that failed or timed out.
        failures: u32,
        /// Runs lost with their workers.
        losses: u32,
        /// When the next run may begin, if it has to wait.
        not_before: Option<SystemTime>,
    },
    /// The job has ended and need not be known any more.
    Settled {
        /// Its place.
        ticket: u64,
    },
}
