//! What is written.

use std::sync::Arc;

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
    /// The job has ended and need not be known any more.
    Settled {
        /// Its name.
        job: JobId,
    },
}
