//! The desk: where the pipeline is asked and told things, by whoever can wait for its answer.
//!
//! A question is carried out between two inputs, with all that the pipeline owns at hand. What is
//! asked about, and what is answered, is in the modules below.

pub(crate) mod dead_letters;
pub(crate) mod jobs;
pub(crate) mod overview;
pub(crate) mod queues;
pub(crate) mod tick;
pub(crate) mod workers;

use std::fmt;

use acequia_scheduler::{Action, ClientId, Event, Scheduler, Time};
use acequia_wire::client::Refusal;
use tokio::sync::oneshot::Sender;
use tokio::time::Instant;

use super::durability::Durability;
use super::lanes::Lanes;
use super::pools::Pools;
use super::rates::{Rates, too_fast};
use super::readiness::Readiness;
use crate::metrics::Metrics;

/// What is asked or told, and where the answer goes.
pub(crate) struct Call(Box<dyn FnOnce(&mut Desk<'_>) + Send>);

impl Call {
    pub(crate) fn new<T: Send + 'static>(
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
    pub(crate) lanes: &'a Lanes,
    pub(crate) pools: &'a mut Pools,
    pub(super) rates: &'a mut Rates,
    /// Ops that any client may send in a second.
    pub(super) ops_per_s: usize,
    pub(crate) readiness: &'a Readiness,
}

impl Desk<'_> {
    pub(crate) fn take(&mut self, call: Call) {
        (call.0)(self);
    }

    /// A client asks something, which is an op as any other. Its token allows so many in a second.
    ///
    /// # Errors
    /// If it is one too many.
    pub(crate) fn count_op(&mut self, client: ClientId, ops_per_s: usize) -> Result<(), Refusal> {
        let ops_per_s = ops_per_s.min(self.ops_per_s);
        match self.rates.take(client, 1, ops_per_s, self.instant) {
            0 => Err(too_fast(ops_per_s)),
            _ => Ok(()),
        }
    }

    pub(super) fn handle(&mut self, event: Event) {
        self.scheduler.handle(self.now, event, self.actions);
    }
}
