//! Entries that wait for the disk, and what cancels out among them.

use std::collections::VecDeque;
use std::sync::Arc;

use acequia_wire::QueueName;
use rustc_hash::FxHashMap;

use crate::entry::{Admitted, Counts, DeadLetter, Entry, Kept, Session, Tally};
use crate::options::Retention;

/// Bytes that a settled or counted job, an exhumed letter, a session or a queue holds while it
/// waits, about.
const SMALL: usize = 64;
/// An emptied group keeps the room for so many jobs; one that grew while the disk was slow gives
/// the rest back.
const ROOM_KEPT: usize = 16 << 10;

/// All that the next transaction writes.
///
/// A job that is settled here before it was written leaves nothing behind but its outcome, if
/// that is to be kept; and counts of a job that waits here become part of its first record. A
/// letter that is exhumed before it was written leaves nothing at all.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// New jobs by ticket.
    pub(crate) admitted: FxHashMap<u64, Admitted>,
    /// The latest counts of jobs, new or written before.
    pub(crate) counted: FxHashMap<u64, Counts>,
    /// Jobs written before that have ended.
    pub(crate) settled: Vec<u64>,
    /// New dead letters by ticket.
    pub(crate) buried: FxHashMap<u64, Box<DeadLetter>>,
    /// Letters written before that leave.
    pub(crate) exhumed: Vec<u64>,
    /// Sessions that began, and those that were written before and have ended.
    pub(crate) sessions: FxHashMap<u64, Option<Session>>,
    /// Batches of which jobs have ended, and those that are over.
    pub(crate) batches: FxHashMap<(u64, Arc<str>), Option<Box<Tally>>>,
    /// Queues that were paused or resumed, and what they are now.
    pub(crate) paused: FxHashMap<QueueName, bool>,
    /// Outcomes in the order in which their jobs ended.
    pub(crate) outcomes: VecDeque<Box<Kept>>,
    outcomes_bytes: usize,
    /// The highest ticket that came, also of a job that has ended or a letter that has left by now.
    pub(crate) up_to: Option<u64>,
    bytes: usize,
}

impl Group {
    /// Takes one more entry.
    pub(crate) fn add(&mut self, entry: Entry, retention: &Retention) {
        match entry {
            Entry::Admitted(admitted) => {
                self.take_ticket(admitted.ticket);
                self.bytes += admitted.weight();
                self.admitted.insert(admitted.ticket, admitted);
            }
            Entry::SessionBegan(session) => {
                self.sessions.insert(session.session, Some(session));
                self.bytes += SMALL;
            }
            Entry::SessionEnded { session } => {
                match self.sessions.remove(&session) {
                    // It began in this group, and leaves nothing behind.
                    Some(_) => self.bytes -= SMALL,
                    None => {
                        self.sessions.insert(session, None);
                        self.bytes += SMALL;
                    }
                }
            }
            Entry::Counted { ticket, counts } => {
                if self.counted.insert(ticket, counts).is_none() {
                    self.bytes += SMALL;
                }
            }
            Entry::Settled { ticket, outcome } => {
                if self.counted.remove(&ticket).is_some() {
                    self.bytes -= SMALL;
                }
                if let Some(admitted) = self.admitted.remove(&ticket) {
                    self.bytes -= admitted.weight();
                } else {
                    self.settled.push(ticket);
                    self.bytes += SMALL;
                }
                if let Some(kept) = outcome {
                    self.keep(kept, retention);
                }
            }
            Entry::Buried(letter) => {
                self.take_ticket(letter.job.ticket);
                self.bytes += letter.weight();
                self.buried.insert(letter.job.ticket, letter);
            }
            Entry::Exhumed { ticket } => {
                if let Some(letter) = self.buried.remove(&ticket) {
                    self.bytes -= letter.weight();
                } else {
                    self.exhumed.push(ticket);
                    self.bytes += SMALL;
                }
            }
            Entry::Tallied(tally) => {
                let key = (tally.client, tally.name.clone());
                self.take_batch(key, Some(tally));
            }
            Entry::BatchOver { client, name } => self.take_batch((client, name), None),
            Entry::Paused { queue, is_paused } => {
                if self.paused.insert(queue, is_paused).is_none() {
                    self.bytes += SMALL;
                }
            }
        }
    }

    fn take_batch(&mut self, key: (u64, Arc<str>), tally: Option<Box<Tally>>) {
        let name_bytes = key.1.len();
        if self.batches.insert(key, tally).is_none() {
            self.bytes += SMALL + name_bytes;
        }
    }

    fn take_ticket(&mut self, ticket: u64) {
        debug_assert!(self.up_to < Some(ticket), "tickets go up");
        self.up_to = Some(ticket);
    }

    /// Outcomes that the store would give up at once are given up here already, so that a disk
    /// that does not answer cannot pile them up.
    fn keep(&mut self, kept: Box<Kept>, retention: &Retention) {
        self.outcomes_bytes += kept.weight();
        self.bytes += kept.weight();
        self.outcomes.push_back(kept);
        while self.outcomes_bytes > retention.bytes_max
            || self.outcomes.len() > retention.outcomes_max
        {
            let Some(oldest) = self.outcomes.pop_front() else { break };
            self.outcomes_bytes -= oldest.weight();
            self.bytes -= oldest.weight();
        }
    }

    /// Bytes that wait here, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is anything to write.
    pub(crate) fn has_writes(&self) -> bool {
        !(self.admitted.is_empty()
            && self.counted.is_empty()
            && self.settled.is_empty()
            && self.buried.is_empty()
            && self.exhumed.is_empty()
            && self.sessions.is_empty()
            && self.batches.is_empty()
            && self.paused.is_empty()
            && self.outcomes.is_empty())
    }

    /// Whether there is anything to write or to report.
    pub(crate) fn is_empty(&self) -> bool {
        self.up_to.is_none() && !self.has_writes()
    }

    /// Makes it empty, for use again.
    pub(crate) fn clear(&mut self) {
        let Self {
            admitted,
            counted,
            settled,
            buried,
            exhumed,
            sessions,
            batches,
            paused,
            outcomes,
            outcomes_bytes,
            up_to,
            bytes,
        } = self;
        admitted.clear();
        admitted.shrink_to(ROOM_KEPT);
        counted.clear();
        counted.shrink_to(ROOM_KEPT);
        settled.clear();
        settled.shrink_to(ROOM_KEPT);
        buried.clear();
        buried.shrink_to(ROOM_KEPT);
        exhumed.clear();
        exhumed.shrink_to(ROOM_KEPT);
        sessions.clear();
        sessions.shrink_to(ROOM_KEPT);
        batches.clear();
        batches.shrink_to(ROOM_KEPT);
        paused.clear();
        outcomes.clear();
        outcomes.shrink_to(ROOM_KEPT);
        (*outcomes_bytes, *up_to, *bytes) = (0, None, 0);
    }
}
