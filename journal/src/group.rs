//! Entries that wait for the disk, and what cancels out among them.

use std::collections::BTreeMap;
use std::sync::Arc;

use acequia_wire::{JobId, QueueName};
use rustc_hash::FxHashMap;

use crate::entry::{Admitted, BatchEnd, Counts, DeadLetter, Entry, Kept, Session, Tally};

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
/// letter that is exhumed before it was written leaves nothing at all, nor does the end of a batch
/// that was seen; and an outcome that is given up no more than its name.
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
    /// Ends of batches by session and number.
    pub(crate) ends: BTreeMap<(u64, u64), Box<BatchEnd>>,
    /// Up to which number those that were written before may leave, by session.
    pub(crate) ends_seen: FxHashMap<u64, u64>,
    /// Outcomes by their places, in the order in which their jobs ended.
    pub(crate) outcomes: BTreeMap<u64, Box<Kept>>,
    /// Outcomes written before that are given up.
    pub(crate) given_up: Vec<GivenUp>,
    /// The highest ticket that came, also of a job that has ended or a letter that has left by now.
    pub(crate) up_to: Option<u64>,
    bytes: usize,
}

/// An outcome that leaves before its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GivenUp {
    pub(crate) ticket: u64,
    pub(crate) job: JobId,
    /// Whether its name stays.
    pub(crate) is_missed: bool,
}

impl Group {
    /// Takes one more entry.
    pub(crate) fn add(&mut self, entry: Entry) {
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
                self.take_ends(session, u64::MAX);
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
                    self.bytes += kept.weight();
                    self.outcomes.insert(kept.ticket, kept);
                }
            }
            Entry::GivenUp { ticket, job, is_missed } => self.give_up(ticket, job, is_missed),
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
            Entry::EndTold(end) => {
                self.bytes += end.weight();
                self.ends.insert((end.session, end.seq), end);
            }
            Entry::EndsSeen { session, up_to } => {
                self.take_ends(session, up_to);
                if self.ends_seen.insert(session, up_to).is_none() {
                    self.bytes += SMALL;
                }
            }
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

    /// What waits here leaves at once, so that a disk that does not answer cannot pile it up.
    fn give_up(&mut self, ticket: u64, job: JobId, is_missed: bool) {
        let Some(kept) = self.outcomes.get_mut(&ticket) else {
            self.given_up.push(GivenUp { ticket, job, is_missed });
            self.bytes += SMALL;
            return;
        };
        self.bytes -= kept.weight();
        if is_missed {
            kept.give_up();
            self.bytes += kept.weight();
        } else {
            self.outcomes.remove(&ticket);
        }
    }

    /// Takes out the ends of batches of a session up to this number.
    fn take_ends(&mut self, session: u64, up_to: u64) {
        let seen = |ends: &BTreeMap<(u64, u64), _>| {
            ends.range((session, 0)..=(session, up_to)).next().map(|(key, _)| *key)
        };
        while let Some(end) = seen(&self.ends).and_then(|key| self.ends.remove(&key)) {
            self.bytes -= end.weight();
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
            && self.ends.is_empty()
            && self.ends_seen.is_empty()
            && self.outcomes.is_empty()
            && self.given_up.is_empty())
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
            ends,
            ends_seen,
            outcomes,
            given_up,
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
        ends.clear();
        ends_seen.clear();
        ends_seen.shrink_to(ROOM_KEPT);
        outcomes.clear();
        given_up.clear();
        given_up.shrink_to(ROOM_KEPT);
        (*up_to, *bytes) = (None, 0);
    }
}
