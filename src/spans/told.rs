//! What is over, on its way to the exporter.

use std::sync::Arc;

use acequia_scheduler::{Span, Time};
use acequia_sink::Deliveries;
use acequia_wire::{JobId, TraceParent};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::metrics::{DroppedSpan, DroppedSpans};

/// What may wait for the exporter: a second's worth of a busy server.
const WAITING_MAX: usize = 16_384;

/// What is over.
#[derive(Debug)]
pub(super) enum Over {
    /// A part of a job's life.
    Part(Box<Span>),
    /// The outcome of a job has been written to a session's connection.
    Delivery { job: JobId, of: TraceParent, at: Time },
}

/// Tells the exporter; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Spans {
    exporter: mpsc::Sender<Over>,
    dropped: Arc<DroppedSpans>,
    clock: Clock,
}

impl Spans {
    pub(super) fn new(clock: Clock, dropped: DroppedSpans) -> (Self, mpsc::Receiver<Over>) {
        let (exporter, inbox) = mpsc::channel(WAITING_MAX);
        (Self { exporter, dropped: Arc::new(dropped), clock }, inbox)
    }

    /// A part of a job's life is over.
    pub(crate) fn part(&self, span: Box<Span>) {
        self.tell(Over::Part(span));
    }

    /// Tells of what one session's writer has written.
    pub(crate) fn deliveries(&self) -> Deliveries {
        let spans = self.clone();
        Deliveries::new(move |job, of| {
            let at = spans.clock.time_of(Instant::now());
            spans.tell(Over::Delivery { job, of, at });
        })
    }

    fn tell(&self, over: Over) {
        if self.exporter.try_send(over).is_err() {
            self.dropped.count(DroppedSpan::Full);
        }
    }
}
