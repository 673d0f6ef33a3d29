//! The way from a mailbox to the writer of its connection, with a meter on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use acequia_wire::client::Event;
use futures_channel::mpsc;
use futures_util::StreamExt as _;
use tokio::sync::Notify;

/// What an event weighs beside the payload that it carries, in bytes.
const EVENT_BYTES: usize = 256;

/// A session that so much waits for is not read from until some of it is written: whoever does
/// not read results submits no more jobs.
pub(crate) const PAUSE_BYTES: usize = 8 << 20;

/// What an event weighs while it waits, in bytes.
pub(crate) fn weight(event: &Event) -> usize {
    EVENT_BYTES + event.payload_len()
}

/// How much waits for one connection; shared by both ends.
#[derive(Debug, Default)]
struct Meter {
    events: AtomicUsize,
    bytes: AtomicUsize,
    overflowed: AtomicBool,
    /// Woken once when too much waits: the writer may be stuck in a write.
    overflow: Notify,
    relieved: Notify,
}

/// What goes to the writer.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Events in a row. Their numbers, if they have any, go up by one from the first's.
    Events(Option<u64>, Vec<Event>),
    /// Is the client still there?
    Ping,
    /// The connection is to be closed, with this code and reason.
    Close(u16, &'static str),
}

/// A new way: the mailbox's end, and the writer's.
pub fn outlet() -> (Inlet, Outlet) {
    let meter = Arc::new(Meter::default());
    let (sender, receiver) = mpsc::unbounded();
    (Inlet { sender, meter: meter.clone() }, Outlet { receiver, meter })
}

/// The mailbox's end. Its channel has no bound of its own: the meter, which is asked before each
/// event, is the bound. It is one that holds no memory while it is empty: tokio's keeps room for
/// 32 messages, which for an idle session would be a tenth of its cost.
#[derive(Debug)]
pub struct Inlet {
    sender: mpsc::UnboundedSender<Parcel>,
    meter: Arc<Meter>,
}

impl Inlet {
    /// How many events wait, and how many bytes they are, about.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.meter.events.load(Ordering::Relaxed), self.meter.bytes.load(Ordering::Relaxed))
    }

    /// An event is about to be sent.
    pub(crate) fn count(&self, event: &Event) {
        self.meter.events.fetch_add(1, Ordering::Relaxed);
        self.meter.bytes.fetch_add(weight(event), Ordering::Relaxed);
    }

    /// Sends events that were counted, and that have numbers from `first_seq` on if they have any.
    pub(crate) fn send(&self, first_seq: Option<u64>, events: Vec<Event>) {
        // A writer that is gone has told its connection's end.
        _ = self.sender.unbounded_send(Parcel::Events(first_seq, events));
    }

    /// Has the client asked whether it is still there.
    pub(crate) fn ping(&self) {
        _ = self.sender.unbounded_send(Parcel::Ping);
    }

    /// Has the connection closed once all is written that was sent.
    pub fn close(self, code: u16, reason: &'static str) {
        _ = self.sender.unbounded_send(Parcel::Close(code, reason));
    }

    /// Has the connection closed now: its client does not read.
    pub(crate) fn overflow(self) {
        self.meter.overflowed.store(true, Ordering::Relaxed);
        self.meter.overflow.notify_one();
    }
}

/// The writer's end.
#[derive(Debug)]
pub struct Outlet {
    receiver: mpsc::UnboundedReceiver<Parcel>,
    meter: Arc<Meter>,
}

impl Outlet {
    /// What comes next: as many events as were put in one pass of the pipeline. `None` if nothing
    /// comes any more.
    pub(crate) async fn recv(&mut self) -> Option<Parcel> {
        self.receiver.next().await
    }

    /// What is at hand.
    pub(crate) fn try_recv(&mut self) -> Option<Parcel> {
        self.receiver.try_recv().ok()
    }

    /// The event has been written.
    pub(crate) fn written(&self, event: &Event) {
        let weight = weight(event);
        self.meter.events.fetch_sub(1, Ordering::Relaxed);
        let before = self.meter.bytes.fetch_sub(weight, Ordering::Relaxed);
        if before >= PAUSE_BYTES && before - weight < PAUSE_BYTES {
            self.meter.relieved.notify_one();
        }
    }

    /// Whether too much waited.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.meter.overflowed.load(Ordering::Relaxed)
    }

    /// Waits until too much waits.
    pub(crate) async fn overflow(&self) {
        while !self.has_overflowed() {
            self.meter.overflow.notified().await;
        }
    }

    /// Tells when the session may be read from.
    pub fn pressure(&self) -> Pressure {
        Pressure(self.meter.clone())
    }
}

/// Tells when a session may be read from.
#[derive(Clone, Debug)]
pub struct Pressure(Arc<Meter>);

impl Pressure {
    /// Waits until little enough waits for the session. For one waiter at a time.
    pub async fn relieved(&self) {
        while self.0.bytes.load(Ordering::Relaxed) >= PAUSE_BYTES {
            self.0.relieved.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use acequia_wire::client::JobEvent;
    use acequia_wire::{ContentType, CorrelationId, JobId, Payload};

    use super::*;

    #[tokio::test]
    async fn relief_comes_when_enough_was_written() {
        let (inlet, outlet) = outlet();
        let result = Payload::new(ContentType::Octets, vec![0; 1 << 20].into()).expect("octets");
        let what = JobEvent::Done { result };
        let (id, job) = (CorrelationId::Int(1), JobId::from_bytes([0; 16]));
        let event = Event::Job { id, job, what, traceparent: None };
        let pressure = outlet.pressure();
        pressure.relieved().await;
        while inlet.waiting().1 < PAUSE_BYTES {
            inlet.count(&event);
        }
        let waiting = tokio::spawn(async move { pressure.relieved().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        outlet.written(&event);
        waiting.await.expect("relieved");
    }
}
