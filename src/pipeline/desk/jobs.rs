//! Jobs, one by one.

use acequia_scheduler::{Event, Found};
use acequia_wire::JobId;

use super::Desk;

/// What became of a wish to cancel a job.
pub(crate) enum Cancelled {
    Yes,
    HasEnded,
    NotFound,
}

impl Desk<'_> {
    pub(crate) fn cancel(&mut self, job: JobId) -> Cancelled {
        match self.scheduler.find(self.now, job) {
            Some(Found::Live(_)) => {
                self.handle(Event::CancelJob { job });
                Cancelled::Yes
            }
            Some(Found::Ended(_)) => Cancelled::HasEnded,
            None => Cancelled::NotFound,
        }
    }
}
