//! Whoever submitted to a batch is told when the last of its jobs has ended.

use std::sync::Arc;

use acequia_wire::client::Event as ClientEvent;

use crate::action::Action;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::records::Tally;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::batches::{After, Batch};

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
        let over = match self.batches.job_ends(batch, outcome) {
            After::GoesOn(tally) => return step.out.push(Action::Tally(tally)),
            After::IsOver(over) => over,
        };
        let Batch { tally, is_recorded, .. } = over;
        let elapsed = step.now - tally.began;
        let summary = tally.summary(elapsed);
        for session in tally.sessions.iter().copied() {
            if let Some(open) = self.clients.session(session) {
                open.batches.remove(&batch);
            }
            step.tell(session, ClientEvent::Batch(Box::new(summary.clone())));
        }
        step.out.push(Action::BatchOver { tally, elapsed, is_recorded });
    }

    /// What had become of a batch before a restart counts, if the batch goes on.
    pub(crate) fn recovered_tally(&mut self, step: &mut Step<'_>, mut tally: Tally) {
        // The clock may have been ahead.
        tally.began = tally.began.min(step.now);
        let Some(batch) = self.batches.take_up(&tally) else {
            // None of them is told.
            tally.sessions = Arc::default();
            let elapsed = step.now - tally.began;
            return step.out.push(Action::BatchOver { tally, elapsed, is_recorded: true });
        };
        for session in tally.sessions.iter() {
            self.attend(*session, batch);
        }
    }
}
