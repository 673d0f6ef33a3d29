//! The pipeline's end of the journal: gathers entries, never waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::backend::Backend;
use crate::clock::Clock;
use crate::entry::Entry;
use crate::error::NotWritten;
use crate::group::Group;
use crate::keeper::{Keeper, Message};
use crate::notice::Notice;
use crate::options::Options;

/// Writes entries in groups, on a thread of its own.
///
/// ```text
///            append             commit                  one transaction, one sync
///  pipeline ────────▶ gathering ──────▶ in flight ─────────────────────────────────▶ disk
///                         ▲                 │
///                         └──── spare ◀─────┘ Notice::Durable
/// ```
///
/// There are two groups: while one is written the other gathers. So no lock is shared with the
/// thread, and what waits is bounded by [`is_behind`](Self::is_behind) alone.
#[derive(Debug)]
pub struct Writer {
    options: Options,
    syncs: Arc<AtomicU64>,
    gathering: Group,
    /// The other group, while it is not in flight.
    spare: Option<Group>,
    in_flight_bytes: usize,
    to_thread: SyncSender<Message>,
    from_thread: Receiver<Group>,
    thread: JoinHandle<Result<(), NotWritten>>,
}

impl Writer {
    pub(crate) fn start(
        engine: Box<dyn Backend>,
        options: Options,
        clock: Clock,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Self> {
        // Room for a group and for the end, so that no send waits.
        let (to_thread, messages) = sync_channel(2);
        let (back, from_thread) = sync_channel(2);
        let syncs = engine.syncs();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || Keeper::new(engine, options, clock, notify).run(&messages, &back))?;
        Ok(Self {
            options,
            syncs,
            gathering: Group::default(),
            spare: Some(Group::default()),
            in_flight_bytes: 0,
            to_thread,
            from_thread,
            thread,
        })
    }

    /// Adds an entry to the group that gathers. Never waits, does no IO.
    ///
    /// Tickets of admitted jobs and buried letters go up, all in one count. Entries of one job come
    /// in their order.
    pub fn append(&mut self, entry: Entry) {
        self.gathering.add(entry);
    }

    /// Hands the group that gathers to the thread, unless that is still at the last one. Never
    /// waits. Returns whether a group was handed over; each is answered by one
    /// [`Notice::Durable`], in their order.
    ///
    /// To be called when entries have gathered for long enough, and after each [`Notice`], since
    /// a group may have waited for it. The longer a group gathers, the more of its jobs end before
    /// they are written.
    pub fn commit(&mut self) -> bool {
        self.take_back();
        if self.gathering.is_empty() {
            return false;
        }
        let Some(spare) = self.spare.take() else { return false };
        let group = std::mem::replace(&mut self.gathering, spare);
        self.in_flight_bytes = group.bytes();
        // It fails if the thread is gone; see `is_behind`.
        _ = self.to_thread.send(Message::Write(group));
        true
    }

    fn take_back(&mut self) {
        if let Ok(spare) = self.from_thread.try_recv() {
            self.spare = Some(spare);
            self.in_flight_bytes = 0;
        }
    }

    /// Whether there is something that [`commit`](Self::commit) would hand over, now or later.
    pub fn has_waiting(&self) -> bool {
        !self.gathering.is_empty()
    }

    /// Whether so much waits for the disk that no more jobs should be admitted. As of the last
    /// [`commit`](Self::commit). Also if the thread has ended, as it does when `notify` panics:
    /// then nothing will be durable any more.
    pub fn is_behind(&self) -> bool {
        self.waiting_bytes() > self.options.waiting_bytes_max || self.thread.is_finished()
    }

    /// Bytes of entries that wait for the disk, about. Most are shared with whoever appended them.
    pub fn waiting_bytes(&self) -> usize {
        self.gathering.bytes() + self.in_flight_bytes
    }

    /// How often it was made sure that all is durable, since the store was opened.
    pub fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// Writes all that waits and ends the thread. Waits for the disk.
    ///
    /// A disk that fails gets one more try for each group.
    ///
    /// # Errors
    /// If something could not be written. No job of it was reported durable.
    pub fn close(self) -> Result<(), NotWritten> {
        let Self { gathering, to_thread, thread, .. } = self;
        let ended = || NotWritten { why: "its thread has ended".to_owned() };
        let sent = to_thread.send(Message::Close(gathering));
        drop(to_thread);
        thread.join().map_err(|_| ended())??;
        sent.map_err(|_| ended())
    }
}
