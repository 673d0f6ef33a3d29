//! One call, from the HTTP task to the pipeline and back.

use std::fmt;

use acequia_scheduler::{Action, Event, Scheduler, Time};
use tokio::sync::oneshot::Sender;
use tokio::time::Instant;

use crate::durability::Durability;
use crate::metrics::Metrics;
use crate::pairing::Pairing;
use crate::pools::Pools;
use crate::readiness::Readiness;

/// What is asked or told, and where the answer goes.
pub(crate) struct Call(Box<dyn FnOnce(&mut Desk<'_>) + Send>);

impl Call {
    pub(super) fn new<T: Send + 'static>(
        question: impl FnOnce(&mut Desk<'_>) -> T + Send + 'static,
        answer: Sender<T>,
    ) -> Self {
        // Whoever asked may have gone by then.
        Self(Box::new(|desk| _ = answer.send(question(desk))))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}

/// Where calls are carried out: what the pipeline lends for it.
pub(crate) struct Desk<'a> {
    pub(crate) scheduler: &'a mut Scheduler,
    pub(crate) now: Time,
    pub(crate) instant: Instant,
    /// When the server was started.
    pub(crate) started: Time,
    /// What comes of a call.
    pub(crate) actions: &'a mut Vec<Action>,
    pub(crate) durability: &'a mut Durability,
    pub(crate) metrics: &'a Metrics,
    pub(crate) pairing: &'a Pairing,
    pub(crate) pools: &'a mut Pools,
    pub(crate) readiness: &'a Readiness,
}

impl Desk<'_> {
    pub(crate) fn take(&mut self, call: Call) {
        (call.0)(self);
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.scheduler.handle(self.now, event, self.actions);
    }
}
