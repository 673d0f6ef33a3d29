//! Whoever submitted to a batch is told when the last of its jobs has ended.

use acequia_wire::client::Event as ClientEvent;

use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;

impl Scheduler {
    /// A session has submitted to a batch and will be told of its end.
    pub(crate) fn attend(&mut self, session: SessionId, batch: usize) {
        if let Some(open) = self.clients.session(session) {
            open.batches.insert(batch);
            self.batches.attend(batch, session);
        }
    }

    /// A job of a batch has ended; if it was the last live one, so has the batch.
    pub(crate) fn end_in_batch(&mut self, step: &mut Step<'_>, batch: usize, outcome: Outcome) {
        let Some(over) = self.batches.job_ends(batch, outcome) else { return };
        let summary = over.summary(step.now - over.began);
        for session in over.sessions {
            if let Some(open) = self.clients.session(session) {
                open.batches.remove(&batch);
            }
            step.tell(session, ClientEvent::Batch(Box::new(summary.clone())));
        }
    }
}
