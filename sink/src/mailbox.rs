//! Mailboxes: what waits to be written to each session, bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use acequia_scheduler::SessionId;
use acequia_wire::client::Event;
use acequia_wire::limits::{MAILBOX_BYTES_MAX, MAILBOX_EVENTS_MAX, RESULT_BYTES_MAX};
use futures_channel::mpsc;
use futures_util::StreamExt as _;
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

/// What an event weighs beside the payload that it carries, in bytes.
const EVENT_BYTES: usize = 256;

/// A session that so much waits for is not read from until some of it is written: whoever does
/// not read results submits no more jobs.
const PAUSE_BYTES: usize = 8 << 20;

/// A session that so much waits for, in spite of the pause, is closed. What can still come then
/// are the outcomes of its live jobs.
const CLOSE_BYTES: usize = 64 << 20;

const _: () = assert!(MAILBOX_EVENTS_MAX * EVENT_BYTES < PAUSE_BYTES);
const _: () = assert!(MAILBOX_BYTES_MAX < PAUSE_BYTES && PAUSE_BYTES < CLOSE_BYTES);
const _: () = assert!(RESULT_BYTES_MAX < CLOSE_BYTES);

/// How much waits for one session; shared by both ends of its mailbox.
#[derive(Debug, Default)]
struct Meter {
    events: AtomicUsize,
    bytes: AtomicUsize,
    overflowed: AtomicBool,
    /// Woken once when the mailbox has overflowed: its writer may be stuck in a write.
    overflow: Notify,
    relieved: Notify,
}

/// A new mailbox: the end that takes events, and the end that they come out of.
pub fn mailbox() -> (Mailbox, Outlet) {
    let meter = Arc::new(Meter::default());
    let (sender, receiver) = mpsc::unbounded();
    let mailbox = Mailbox { sender, meter: meter.clone(), pending: Vec::new(), missed: 0 };
    (mailbox, Outlet { receiver, meter })
}

/// The end of a mailbox that takes events. Its channel has no bound of its own: the meter, which
/// is asked before each event, is the bound. It is one that holds no memory while it is empty:
/// tokio's keeps room for 32 messages, which for an idle session would be a tenth of its cost.
#[derive(Debug)]
pub struct Mailbox {
    sender: mpsc::UnboundedSender<Vec<Event>>,
    meter: Arc<Meter>,
    /// Events of this pass of the pipeline.
    pending: Vec<Event>,
    /// Events given up since the last that was kept.
    missed: u64,
}

/// The end of a mailbox that events come out of.
#[derive(Debug)]
pub struct Outlet {
    receiver: mpsc::UnboundedReceiver<Vec<Event>>,
    meter: Arc<Meter>,
}

/// Tells when a session may be read from.
#[derive(Clone, Debug)]
pub struct Pressure(Arc<Meter>);

fn weight(event: &Event) -> usize {
    EVENT_BYTES + event.payload_len()
}

impl Outlet {
    /// The next events, as many as were put in one pass of the pipeline. `None` if no more come.
    pub(crate) async fn recv(&mut self) -> Option<Vec<Event>> {
        self.receiver.next().await
    }

    /// Events that are at hand.
    pub(crate) fn try_recv(&mut self) -> Option<Vec<Event>> {
        self.receiver.try_recv().ok()
    }

    /// The event has left the mailbox.
    pub(crate) fn written(&self, event: &Event) {
        let weight = weight(event);
        self.meter.events.fetch_sub(1, Ordering::Relaxed);
        let before = self.meter.bytes.fetch_sub(weight, Ordering::Relaxed);
        if before >= PAUSE_BYTES && before - weight < PAUSE_BYTES {
            self.meter.relieved.notify_one();
        }
    }

    /// Whether the mailbox was closed because too much waited in it.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.meter.overflowed.load(Ordering::Relaxed)
    }

    /// Waits until the mailbox is closed because too much waits in it.
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

impl Pressure {
    /// Waits until little enough waits for the session. For one waiter at a time.
    pub async fn relieved(&self) {
        while self.0.bytes.load(Ordering::Relaxed) >= PAUSE_BYTES {
            self.0.relieved.notified().await;
        }
    }
}

impl Mailbox {
    /// Puts an event in, or gives it up. Returns `false` if the mailbox is full beyond repair.
    fn put(&mut self, event: Event) -> bool {
        // What is pending is on the meter too.
        let (events, bytes) =
            (self.meter.events.load(Ordering::Relaxed), self.meter.bytes.load(Ordering::Relaxed));
        let full = events >= MAILBOX_EVENTS_MAX || bytes >= MAILBOX_BYTES_MAX;
        if full && event.may_be_dropped() {
            self.missed += 1;
            return true;
        }
        if bytes >= CLOSE_BYTES {
            return false;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            self.keep(Event::Gap { missed });
        }
        self.keep(event);
        true
    }

    fn keep(&mut self, event: Event) {
        self.meter.events.fetch_add(1, Ordering::Relaxed);
        self.meter.bytes.fetch_add(weight(&event), Ordering::Relaxed);
        self.pending.push(event);
    }
}

/// The mailboxes of all sessions. The pipeline owns it: what is put in one pass goes to the
/// writers with [`flush`](Self::flush).
#[derive(Debug, Default)]
pub struct Mailboxes {
    boxes: FxHashMap<SessionId, Mailbox>,
    /// Sessions that something is pending for, each once.
    unsent: Vec<SessionId>,
}

impl Mailboxes {
    /// Takes in the mailbox of a session.
    pub fn open(&mut self, session: SessionId, mailbox: Mailbox) {
        self.boxes.insert(session, mailbox);
    }

    /// Forgets the mailbox of a session; its writer stops after what it has.
    pub fn close(&mut self, session: SessionId) {
        if let Some(mut mailbox) = self.boxes.remove(&session) {
            // A writer that is gone wants nothing more.
            _ = mailbox.sender.unbounded_send(std::mem::take(&mut mailbox.pending));
        }
    }

    /// How many sessions have a mailbox.
    pub fn len(&self) -> usize {
        self.boxes.len()
    }

    /// Whether no session has a mailbox.
    pub fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    /// All sessions that have a mailbox, in no order.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.boxes.keys().copied()
    }

    /// Puts an event into the mailbox of a session, if there still is one.
    pub fn put(&mut self, session: SessionId, event: Event) {
        let Some(mailbox) = self.boxes.get_mut(&session) else { return };
        if mailbox.pending.is_empty() {
            self.unsent.push(session);
        }
        if !mailbox.put(event) {
            tracing::info!(session = session.0, "a session does not read its events; it is closed");
            mailbox.meter.overflowed.store(true, Ordering::Relaxed);
            mailbox.meter.overflow.notify_one();
            self.boxes.remove(&session);
        }
    }

    /// Hands all that is pending to the writers.
    pub fn flush(&mut self) {
        for session in self.unsent.drain(..) {
            if let Some(mailbox) = self.boxes.get_mut(&session)
                && !mailbox.pending.is_empty()
            {
                // A writer that is gone has told its session's end.
                _ = mailbox.sender.unbounded_send(std::mem::take(&mut mailbox.pending));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use acequia_wire::client::JobEvent;
    use acequia_wire::{ContentType, CorrelationId, JobId, Payload};

    use super::*;

    fn event(what: JobEvent) -> Event {
        Event::Job { id: CorrelationId::Int(1), job: JobId::from_bytes([0; 16]), what }
    }

    fn progress() -> Event {
        event(JobEvent::Progress(Box::default()))
    }

    fn result(bytes: usize) -> Event {
        let result = Payload::new(ContentType::Octets, vec![0; bytes].into()).expect("octets");
        event(JobEvent::Done { result })
    }

    #[test]
    fn a_full_mailbox_gives_up_progress_and_says_so() {
        let (mut mailbox, _outlet) = mailbox();
        for _ in 0..MAILBOX_EVENTS_MAX + 5 {
            assert!(mailbox.put(progress()));
        }
        assert_eq!(mailbox.pending.len(), MAILBOX_EVENTS_MAX);
        assert!(mailbox.put(event(JobEvent::Cancelled)));
        assert_eq!(
            mailbox.pending[MAILBOX_EVENTS_MAX..],
            [Event::Gap { missed: 5 }, event(JobEvent::Cancelled)]
        );
    }

    #[test]
    fn outcomes_are_kept_until_it_is_beyond_repair() {
        let (mut mailbox, outlet) = mailbox();
        let mut kept = 0;
        while mailbox.put(result(1 << 20)) {
            kept += 1;
        }
        assert!(kept * (1 << 20) >= CLOSE_BYTES - (1 << 20), "{kept} results were kept");
        for event in mailbox.pending.drain(..) {
            outlet.written(&event);
        }
        assert!(mailbox.put(result(1 << 20)), "what was written makes room");
    }

    #[tokio::test]
    async fn relief_comes_when_enough_was_written() {
        let (mut mailbox, outlet) = mailbox();
        let pressure = outlet.pressure();
        pressure.relieved().await;
        while outlet.meter.bytes.load(Ordering::Relaxed) < PAUSE_BYTES {
            assert!(mailbox.put(result(1 << 20)));
        }
        let waiting = tokio::spawn(async move { pressure.relieved().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        outlet.written(&mailbox.pending[0]);
        waiting.await.expect("relieved");
    }
}
