//! The way from a mailbox to the writer of its connection, with a meter on it.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use acequia_wire::client::Event;
use futures_channel::mpsc;
use futures_util::StreamExt as _;
use tokio::sync::Notify;

/// What an event weighs beside the payload that it carries, in bytes.
const EVENT_BYTES: usize = 256;

/// A session that so much waits for is not read from until some of it is written: whoever does
/// not read results submits no more jobs.
pub(crate) const PAUSE_BYTES: usize = 8 << 20;

/// Events, and bytes, that are on the way to a connection at one time, of a session whose other
/// events can wait in its history.
const PAGE_EVENTS: usize = 1_024;
const PAGE_BYTES: usize = 512 << 10;

const _: () = assert!(PAGE_BYTES < PAUSE_BYTES);

/// Beyond a link it is told how much waits before the way when that has changed by so much.
const BACKLOG_STEP: usize = 1 << 20;

const _: () = assert!(BACKLOG_STEP < PAUSE_BYTES);

/// What an event weighs while it waits, in bytes.
pub fn weight(event: &Event) -> usize {
    EVENT_BYTES + event.payload_len()
}

/// How much waits for one connection; shared by both ends.
#[derive(Debug, Default)]
struct Meter {
    events: AtomicUsize,
    bytes: AtomicUsize,
    /// Bytes that wait before the way for room on it.
    backlog: AtomicUsize,
    /// How much of those the other end of a link was told.
    told_backlog: AtomicUsize,
    /// Somebody waits until all that is on the way has been written.
    wanted_empty: AtomicBool,
    /// Another connection goes on with the session: what waits is not to be written any more, and
    /// with what code and reason this one is closed.
    superseded: OnceLock<(u16, Reason)>,
    overflowed: AtomicBool,
    /// Woken once when too much waits: the writer may be stuck in a write.
    overflow: Notify,
    relieved: Notify,
}

impl Meter {
    /// Bytes that wait, on the way or before it.
    fn total(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) + self.backlog.load(Ordering::Relaxed)
    }

    /// Wakes whoever waits for relief, if this is it.
    fn relieve(&self, before: usize, after: usize) {
        if before >= PAUSE_BYTES && after < PAUSE_BYTES {
            self.relieved.notify_one();
        }
    }
}

/// Room on the way to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    events: usize,
    bytes: usize,
}

impl Room {
    /// Whether there is some: then one more event may go, however large it is.
    pub(crate) fn is_there(&self) -> bool {
        self.events > 0 && self.bytes > 0
    }

    /// An event goes.
    pub(crate) fn take(&mut self, event: &Event) {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(weight(event));
    }
}

/// What goes to the writer, or over a link to the mailbox's end of another way.
#[derive(Debug)]
pub enum Parcel {
    /// Events in a row. Their numbers, if they have any, go up by one from the first's.
    Events(Option<u64>, Vec<Event>),
    /// Is the client still there?
    Ping,
    /// The connection is to be closed, with this code and reason.
    Close(u16, Reason),
    /// The same, after this last event.
    Last(Box<Event>, u16, Reason),
    /// The same, and what waits is not to be written any more. Only over links.
    Superseded(Box<Event>, u16, Reason),
    /// The connection is to be closed now. Only over links.
    Overflow,
    /// Somebody waits until all that is on the way is written. Only over links.
    WantEmpty,
    /// So many bytes wait before the way. Only over links.
    Backlog(usize),
}

/// Why a connection is closed, for people.
pub type Reason = Cow<'static, str>;

/// Takes what goes over a link, for the connection that the other end calls so. It must not wait.
pub type Carry = Arc<dyn Fn(u64, Parcel) + Send + Sync>;

/// Where parcels go.
enum Way {
    /// To the writer.
    Near(mpsc::UnboundedSender<Parcel>),
    Far {
        connection: u64,
        carry: Carry,
    },
}

impl Way {
    fn send(&self, parcel: Parcel) {
        match self {
            // A writer that is gone has told its connection's end.
            Self::Near(sender) => _ = sender.unbounded_send(parcel),
            Self::Far { connection, carry } => carry(*connection, parcel),
        }
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Near(_) => f.write_str("Near"),
            Self::Far { connection, .. } => f.debug_tuple("Far").field(connection).finish(),
        }
    }
}

/// A new way: the mailbox's end, and the writer's.
pub fn outlet() -> (Inlet, Outlet) {
    let meter = Arc::new(Meter::default());
    let (sender, receiver) = mpsc::unbounded();
    (Inlet { way: Way::Near(sender), meter: meter.clone() }, Outlet { receiver, meter })
}

/// The mailbox's end of a way that goes over a link, and where is told what was written at its other end.
pub fn far_inlet(connection: u64, carry: Carry) -> (Inlet, Written) {
    let meter = Arc::new(Meter::default());
    (Inlet { way: Way::Far { connection, carry }, meter: meter.clone() }, Written(meter))
}

/// What was written at the other end of a link.
#[derive(Debug)]
pub struct Written(Arc<Meter>);

impl Written {
    /// So many events, of so many bytes, are not on the way any more.
    pub fn count(&self, events: usize, bytes: usize) {
        // The other end may say what it likes; it must not make anything that waits look like nothing.
        let less = |from: &AtomicUsize, by: usize| {
            let least = |n: usize| Some(n.saturating_sub(by));
            _ = from.fetch_update(Ordering::SeqCst, Ordering::SeqCst, least);
        };
        less(&self.0.events, events);
        less(&self.0.bytes, bytes);
    }

    /// Whether somebody waits to be told that all is written.
    pub fn is_wanted_empty(&self) -> bool {
        self.0.wanted_empty.swap(false, Ordering::SeqCst)
    }
}

/// The mailbox's end. Its channel has no bound of its own: the meter, which is asked before each
/// event, is the bound. It is one that holds no memory while it is empty: tokio's keeps room for
/// 32 messages, which for an idle session would be a tenth of its cost.
#[derive(Debug)]
pub struct Inlet {
    way: Way,
    meter: Arc<Meter>,
}

impl Inlet {
    /// Whether it leads over no link.
    pub(crate) fn is_near(&self) -> bool {
        matches!(self.way, Way::Near(_))
    }

    /// How many events wait, and how many bytes they are, about.
    pub fn waiting(&self) -> (usize, usize) {
        (self.meter.events.load(Ordering::Relaxed), self.meter.bytes.load(Ordering::Relaxed))
    }

    /// How much more may go on the way.
    pub(crate) fn room(&self) -> Room {
        let (events, bytes) = self.waiting();
        Room { events: PAGE_EVENTS.saturating_sub(events), bytes: PAGE_BYTES.saturating_sub(bytes) }
    }

    /// So many bytes wait before the way for room on it.
    pub fn set_backlog(&self, bytes: usize) {
        let before = self.meter.backlog.swap(bytes, Ordering::Relaxed);
        if before != bytes {
            self.tell_backlog(bytes);
            let on_the_way = self.meter.bytes.load(Ordering::Relaxed);
            self.meter.relieve(on_the_way + before, on_the_way + bytes);
        }
    }

    /// The other end of a link holds its client back by it.
    fn tell_backlog(&self, bytes: usize) {
        if self.is_near() {
            return;
        }
        let told = self.meter.told_backlog.load(Ordering::Relaxed);
        if told.abs_diff(bytes) >= BACKLOG_STEP || (bytes == 0 && told > 0) {
            self.meter.told_backlog.store(bytes, Ordering::Relaxed);
            self.way.send(Parcel::Backlog(bytes));
        }
    }

    /// Has the writer tell once all that is on the way is written. Returns whether it is already.
    pub fn want_empty(&self) -> bool {
        // Told first and looked at then, while the writer does the opposite: one of both sees it.
        let was_wanted = self.meter.wanted_empty.swap(true, Ordering::SeqCst);
        let is_empty = self.meter.events.load(Ordering::SeqCst) == 0;
        if !is_empty && !was_wanted && matches!(self.way, Way::Far { .. }) {
            self.way.send(Parcel::WantEmpty);
        }
        is_empty
    }

    /// An event is about to be sent.
    pub fn count(&self, event: &Event) {
        self.meter.events.fetch_add(1, Ordering::Relaxed);
        self.meter.bytes.fetch_add(weight(event), Ordering::Relaxed);
    }

    /// Sends events that were counted, and that have numbers from `first_seq` on if they have any.
    pub fn send(&self, first_seq: Option<u64>, events: Vec<Event>) {
        self.way.send(Parcel::Events(first_seq, events));
    }

    /// Has the client asked whether it is still there.
    pub fn ping(&self) {
        self.way.send(Parcel::Ping);
    }

    /// Has the connection closed once all is written that was sent.
    pub fn close(self, code: u16, reason: impl Into<Reason>) {
        self.way.send(Parcel::Close(code, reason.into()));
    }

    /// The same, after this last event.
    pub fn close_after(self, last: Event, code: u16, reason: impl Into<Reason>) {
        self.way.send(Parcel::Last(Box::new(last), code, reason.into()));
    }

    /// Has the connection closed, with this last event: another one goes on with its session, and
    /// gets all that waits for this one too.
    pub fn supersede(self, bye: Event, code: u16, reason: impl Into<Reason>) {
        let (bye, reason) = (Box::new(bye), reason.into());
        match &self.way {
            Way::Near(_) => {
                _ = self.meter.superseded.set((code, reason.clone()));
                self.way.send(Parcel::Last(bye, code, reason));
                self.meter.overflow.notify_one();
            }
            Way::Far { .. } => self.way.send(Parcel::Superseded(bye, code, reason)),
        }
    }

    /// Has the connection closed now: its client does not read.
    pub fn overflow(self) {
        match &self.way {
            Way::Near(_) => {
                self.meter.overflowed.store(true, Ordering::Relaxed);
                self.meter.overflow.notify_one();
            }
            Way::Far { .. } => self.way.send(Parcel::Overflow),
        }
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
        self.meter.events.fetch_sub(1, Ordering::SeqCst);
        let before = self.meter.bytes.fetch_sub(weight, Ordering::Relaxed);
        let backlog = self.meter.backlog.load(Ordering::Relaxed);
        self.meter.relieve(before + backlog, before - weight + backlog);
    }

    /// Whether somebody waits to be told that all is written; asked once it is.
    pub(crate) fn is_wanted_empty(&self) -> bool {
        self.meter.wanted_empty.swap(false, Ordering::SeqCst)
    }

    /// With what code and reason the connection is to be closed at once, if another one goes on with
    /// its session.
    pub fn superseded(&self) -> Option<&(u16, Reason)> {
        self.meter.superseded.get()
    }

    /// Whether too much waited.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.meter.overflowed.load(Ordering::Relaxed)
    }

    /// Waits until too much waits, or nothing is to be written any more.
    pub(crate) async fn overflow(&self) {
        while !self.has_overflowed() && self.superseded().is_none() {
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
        while self.0.total() >= PAUSE_BYTES {
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
