//! One call of the scheduler, and what comes of it.

use acequia_wire::client::{self, JobEvent};
use acequia_wire::{JobId, TraceParent};

use crate::action::{Action, Measure};
use crate::ids::SessionId;
use crate::state::watchers::Watcher;
use crate::time::Time;

/// What one call of `handle` works with.
pub(crate) struct Step<'a> {
    pub(crate) now: Time,
    pub(crate) out: &'a mut Vec<Action>,
}

impl Step<'_> {
    pub(crate) fn tell(&mut self, session: SessionId, event: client::Event) {
        self.out.push(Action::Tell { session, event });
    }

    pub(crate) fn tell_of_job(
        &mut self,
        watcher: Watcher<'_>,
        job: JobId,
        what: JobEvent,
        traceparent: Option<Box<TraceParent>>,
    ) {
        let event = client::Event::Job { id: watcher.id.clone(), job, what, traceparent };
        self.tell(watcher.at.session, event);
    }

    pub(crate) fn measure(&mut self, measure: Measure) {
        self.out.push(Action::Measure(measure));
    }
}
