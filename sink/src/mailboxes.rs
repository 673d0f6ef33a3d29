//! The mailboxes of all sessions.

use std::time::{Duration, Instant};

use acequia_restraint::Seldom;
use acequia_scheduler::{ClientId, SessionId};
use acequia_wire::client::Event;
use acequia_wire::{CorrelationId, JobId};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::absent::Absent;
use crate::history::{History, Left, LookUp};
use crate::mailbox::{Mailbox, Put};
use crate::outlet::Inlet;

/// Of clients that do not read the log tells this often.
const SLOW_LINE_EVERY: Duration = Duration::from_secs(10);

/// The pipeline owns it: what is put in one pass goes to the writers with [`flush`](Self::flush).
#[derive(Debug)]
pub struct Mailboxes {
    boxes: FxHashMap<SessionId, Mailbox>,
    /// Sessions that something is to be sent to, now or once it is on the disk, each once or more.
    unsent: Vec<SessionId>,
    /// Sessions with events that wait for the disk.
    holding: FxHashSet<SessionId>,
    /// Groups of records that are on the disk.
    durable: u64,
    /// What is kept for clients that are not there.
    absent: Absent,
    /// When the log was told of one that does not read.
    slow_lines: Seldom<()>,
    /// Sessions of which ends of batches are not kept any more, and up to which number.
    ends_gone: Vec<(SessionId, u64)>,
}

impl Default for Mailboxes {
    fn default() -> Self {
        Self {
            boxes: FxHashMap::default(),
            unsent: Vec::new(),
            holding: FxHashSet::default(),
            durable: 0,
            absent: Absent::default(),
            slow_lines: Seldom::new(SLOW_LINE_EVERY, 1),
            ends_gone: Vec::new(),
        }
    }
}

impl Mailboxes {
    /// A session begins, with its connection.
    pub fn open(&mut self, session: SessionId, inlet: Inlet) {
        self.boxes.insert(session, Mailbox::plain(inlet));
    }

    /// A session that another server has begun goes on with what is left of it. From `first` on
    /// numbers are free.
    pub fn restore(&mut self, session: SessionId, client: ClientId, left: Left, first: u64) {
        let mailbox = Mailbox::restored(History::restored(left, first));
        self.absent.went(session, client, mailbox.absent_bytes().unwrap_or(0));
        self.boxes.insert(session, mailbox);
    }

    /// From now on the session can be resumed: its events are numbered, and kept until they are
    /// acknowledged.
    pub fn number(&mut self, session: SessionId) {
        if let Some(mailbox) = self.boxes.get_mut(&session) {
            // Nothing is to be looked up for a session that has no numbers yet.
            mailbox.flush(self.durable, &|_| None);
            mailbox.number();
        }
    }

    /// Whether the mailbox of a session that can be resumed has an answer to what its client calls `id`, told
    /// or not, behind the event `since`. Goes through all that it keeps.
    pub fn has_answer_to(&mut self, session: SessionId, id: &CorrelationId, since: u64) -> bool {
        let history = self.boxes.get_mut(&session).and_then(Mailbox::history);
        history.is_some_and(|history| history.has_answer_to(id, since))
    }

    /// The client has seen all events up to this one.
    pub fn ack(&mut self, session: SessionId, seq: u64) {
        if let Some(history) = self.boxes.get_mut(&session).and_then(Mailbox::history) {
            history.ack(seq);
        }
        self.look_at_ends(session);
    }

    fn look_at_ends(&mut self, session: SessionId) {
        let history = self.boxes.get_mut(&session).and_then(Mailbox::history);
        if let Some(seq) = history.and_then(History::end_gone) {
            self.ends_gone.push((session, seq));
        }
    }

    /// The sessions of which ends of batches are not kept any more since the last time, as they were
    /// seen or there was too much, and up to which number.
    pub fn ends_gone(&mut self) -> impl Iterator<Item = (SessionId, u64)> + use<'_> {
        self.ends_gone.drain(..)
    }

    /// The session of this client has no connection any more, but goes on. Returns the way to that
    /// connection.
    pub fn detach(&mut self, session: SessionId, client: ClientId) -> Option<Inlet> {
        let mailbox = self.boxes.get_mut(&session)?;
        let inlet = mailbox.detach();
        if let Some(bytes) = mailbox.absent_bytes() {
            self.absent.went(session, client, bytes);
        }
        self.look_at_ends(session);
        inlet
    }

    /// A session goes on with a new connection, whose client has seen all up to `last`. It gets
    /// `welcome`, and all that it has missed as fast as it reads.
    pub fn attach(&mut self, session: SessionId, inlet: Inlet, last: u64, welcome: Event) {
        if let Some(mailbox) = self.boxes.get_mut(&session) {
            self.absent.left(session);
            mailbox.attach(inlet, last, welcome);
            self.unsent.push(session);
        }
        self.look_at_ends(session);
    }

    /// A session is over. Returns the way to its connection, if it has one.
    pub fn take(&mut self, session: SessionId) -> Option<Inlet> {
        self.holding.remove(&session);
        self.absent.left(session);
        self.boxes.remove(&session)?.detach()
    }

    /// If more sessions than this are without a connection, or more bytes are kept for them: the one
    /// that is to end, which has been away for longest of those of the client that has most.
    pub fn gives_way(&self, sessions_max: usize, bytes_max: usize) -> Option<SessionId> {
        self.absent.gives_way(sessions_max, bytes_max)
    }

    /// All sessions that have a connection which leads over no link, in no order.
    pub fn near_sessions(&self) -> impl Iterator<Item = SessionId> + '_ {
        let near = self.boxes.iter().filter(|(_, mailbox)| mailbox.is_near());
        near.map(|(session, _)| *session)
    }

    /// Puts an event into the mailbox of a session, if there still is one. Returns what became of
    /// it.
    pub fn put(&mut self, session: SessionId, event: Event) -> Put {
        let Some(mailbox) = self.boxes.get_mut(&session) else { return Put::Done };
        let put = mailbox.put(event);
        if let Some(bytes) = mailbox.absent_bytes() {
            self.absent.keeps(session, bytes);
        }
        if let Some(seq) = mailbox.history().and_then(History::end_gone) {
            self.ends_gone.push((session, seq));
        }
        if matches!(put, Put::Done | Put::Pressed) {
            self.unsent.push(session);
            return put;
        }
        if let Some(left_out) = self.slow_lines.line((), Instant::now()) {
            tracing::info!(
                session = session.0,
                "too much waits for a client that does not read{left_out}"
            );
        }
        if put == Put::Over {
            drop(self.take(session));
        }
        put
    }

    /// All that was sent to the connection of a session is written: there is room for more.
    pub fn emptied(&mut self, session: SessionId) {
        if let Some(mailbox) = self.boxes.get_mut(&session) {
            mailbox.emptied();
            self.unsent.push(session);
        }
    }

    /// The client of a session does not keep up with the chunks of its jobs, although the worker
    /// was held back.
    pub fn slow(&mut self, session: SessionId) {
        if let Some(mailbox) = self.boxes.get_mut(&session) {
            mailbox.slow();
        }
    }

    /// Puts an event that is about the connection, and has no number.
    pub fn put_aside(&mut self, session: SessionId, event: Event, look_up: LookUp<'_>) {
        if let Some(mailbox) = self.boxes.get_mut(&session) {
            mailbox.put_aside(event, self.durable, look_up);
        }
    }

    /// Has the client of a session asked whether it is still there.
    pub fn ping(&self, session: SessionId) {
        if let Some(mailbox) = self.boxes.get(&session) {
            mailbox.ping();
        }
    }

    /// The outcome of a job, which was just put into this mailbox, is to be told once the group is
    /// on the disk, if there is a disk; it may be kept elsewhere too. Returns the event's number, if
    /// it has one.
    pub fn hold(
        &mut self,
        session: SessionId,
        job: JobId,
        is_retained: bool,
        group: Option<u64>,
    ) -> Option<u64> {
        let history = self.boxes.get_mut(&session)?.history()?;
        if group.is_some() {
            self.holding.insert(session);
        }
        history.hold(job, is_retained, group)
    }

    /// The end of a batch, which was just put into this mailbox, is to be told once the group is on
    /// the disk, if there is a disk. Returns the event's number, if it has one.
    pub fn hold_end(&mut self, session: SessionId, name: &str, group: Option<u64>) -> Option<u64> {
        let seq = self.boxes.get_mut(&session)?.history()?.hold_end(name, group)?;
        if group.is_some() {
            self.holding.insert(session);
        }
        Some(seq)
    }

    /// So many groups of records are on the disk.
    pub fn durable(&mut self, groups: u64) {
        self.durable = groups;
        let (boxes, unsent) = (&mut self.boxes, &mut self.unsent);
        self.holding.retain(|session| {
            unsent.push(*session);
            let history = boxes.get_mut(session).and_then(Mailbox::history);
            history.is_some_and(|history| history.is_holding_beyond(groups))
        });
    }

    /// The disk takes nothing more: what waits for it is told without.
    pub fn release(&mut self) {
        for session in self.holding.drain() {
            if let Some(history) = self.boxes.get_mut(&session).and_then(Mailbox::history) {
                history.release();
                self.unsent.push(session);
            }
        }
    }

    /// Hands all that is to be sent to the writers, as far as there is room on the way. Outcomes that
    /// are not kept here are asked of `look_up`.
    pub fn flush(&mut self, look_up: LookUp<'_>) {
        for session in self.unsent.drain(..) {
            if let Some(mailbox) = self.boxes.get_mut(&session) {
                mailbox.flush(self.durable, look_up);
            }
        }
    }
}
