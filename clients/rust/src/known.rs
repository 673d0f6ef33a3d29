//! What is known of a job, as its handle is told.

use acequia_wire::JobId;

use crate::job_event::Outcome;

/// What is known of a job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) job: Option<JobId>,
    pub(crate) is_accepted: bool,
    pub(crate) outcome: Option<Outcome>,
}
