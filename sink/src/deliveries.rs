//! Outcomes of traced jobs, from when they are written until they have left.

use std::fmt;

use acequia_wire::client::Event;
use acequia_wire::{JobId, TraceParent};

/// Tells somebody of each outcome of a job with a recorded trace that a writer has flushed.
pub struct Deliveries {
    tell: Box<dyn Fn(JobId, TraceParent) + Send + Sync>,
    unflushed: Vec<(JobId, TraceParent)>,
}

impl Deliveries {
    /// Deliveries that `tell` is told of: the job, and its own span. It must not wait.
    pub fn new(tell: impl Fn(JobId, TraceParent) + Send + Sync + 'static) -> Self {
        Self { tell: Box::new(tell), unflushed: Vec::new() }
    }

    pub(crate) fn written(&mut self, event: &Event) {
        if let Event::Job { job, what, traceparent: Some(span), .. } = event
            && span.is_sampled()
            && what.is_outcome()
        {
            self.unflushed.push((*job, **span));
        }
    }

    pub(crate) fn flushed(&mut self) {
        for (job, span) in self.unflushed.drain(..) {
            (self.tell)(job, span);
        }
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").field("unflushed", &self.unflushed).finish_non_exhaustive()
    }
}
