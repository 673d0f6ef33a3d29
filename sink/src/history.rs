//! The events of a session that can be resumed: numbered, and kept until its client has seen them.
//!
//! ```text
//!   forgotten, or    told, and not yet seen      not yet told: held until they are durable,
//!   to be looked up  as far as is known          no room on the way, or nobody is connected
//!  ─────────────────┬───────────────────────────┬──────────────────────────▶ seq
//!                   │◀──────────── kept ───────────────────────────────────▶│ next
//! ```
//!
//! An outcome that the scheduler retains need not be kept here to be told: it is looked up when its
//! turn comes. So what a session holds is bounded, however much its client has missed.

use std::collections::{BTreeMap, VecDeque};

use acequia_wire::client::{Batch, Event};
use acequia_wire::limits::{MAILBOX_BYTES_MAX, MAILBOX_EVENTS_MAX};
use acequia_wire::{CorrelationId, JobId};

use crate::kept::{Entry, Kept, Line, is_outcome};
use crate::outlet::{Room, weight};

/// Outcomes that a session may have to look up when it comes back, at most.
const TO_LOOK_UP_MAX: usize = 100_000;

/// What each of these takes here, in bytes, about.
const TO_LOOK_UP_BYTES: usize = 128;

/// An outcome that was forgotten here since it is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptElsewhere {
    /// The client's name for the job.
    pub id: CorrelationId,
    /// The job.
    pub job: JobId,
}

/// What is left of a session that another server has begun, with the numbers of the events that told
/// it.
#[derive(Debug, Default)]
pub struct Left {
    /// Outcomes, which are kept elsewhere or were. One without a number was never told.
    pub outcomes: Vec<(Option<u64>, CorrelationId, JobId)>,
    /// Ends of batches, in the order of their numbers.
    pub ends: Vec<(u64, Batch)>,
}

/// Finds the outcome of a job that is kept elsewhere, as an event.
pub type LookUp<'a> = &'a dyn Fn(&KeptElsewhere) -> Option<Event>;

/// See the module's picture.
#[derive(Debug)]
pub(crate) struct History {
    kept: Kept,
    next_seq: u64,
    /// Events up to this one went to the connection that there is.
    sent: u64,
    /// Bytes that are kept of those which did not.
    unsent: Weight,
    /// Events that wait for the disk: the number of each, and the group that it waits for.
    held: VecDeque<(u64, u64)>,
    /// By their numbers.
    elsewhere: BTreeMap<u64, KeptElsewhere>,
    /// How many of those this server has numbered.
    elsewhere_own: u64,
    /// The number of the first event that this server has numbered.
    first_seq: u64,
    /// No client has seen a number since this server began.
    is_unseen: bool,
    /// The number of the last end of a batch that is not kept any more, if one is not since somebody
    /// asked.
    end_gone: Option<u64>,
}

/// How much there is of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl History {
    /// That of a new session.
    pub(crate) fn new() -> Self {
        Self::starting_at(1, BTreeMap::new(), false)
    }

    /// That of a session which another server has begun. Its own numbers begin at `first`, which
    /// that server has not come to: the number of an outcome or of the end of a batch is on the disk
    /// before the client hears of it, so it has to be the last word.
    pub(crate) fn restored(left: Left, first: u64) -> Self {
        let Left { outcomes, ends } = left;
        let told = outcomes.iter().filter_map(|(seq, ..)| *seq);
        let highest = told.chain(ends.iter().map(|(seq, _)| *seq)).max().unwrap_or(0);
        let first_seq = first.max(highest + 1);
        let mut next_seq = first_seq;
        let mut elsewhere = BTreeMap::new();
        for (seq, id, job) in outcomes {
            let seq = seq.unwrap_or_else(|| {
                next_seq += 1;
                next_seq - 1
            });
            elsewhere.insert(seq, KeptElsewhere { id, job });
        }
        let elsewhere_own = next_seq - first_seq;
        let mut restored =
            Self { first_seq, elsewhere_own, ..Self::starting_at(next_seq, elsewhere, true) };
        for (seq, batch) in ends {
            restored.keep(seq, Event::Batch(Box::new(batch)));
        }
        restored
    }

    fn starting_at(
        next_seq: u64,
        elsewhere: BTreeMap<u64, KeptElsewhere>,
        is_unseen: bool,
    ) -> Self {
        Self {
            kept: Kept::default(),
            next_seq,
            sent: 0,
            unsent: Weight::default(),
            held: VecDeque::new(),
            elsewhere,
            elsewhere_own: 0,
            first_seq: next_seq,
            is_unseen,
            end_gone: None,
        }
    }

    /// Numbers an event and keeps it.
    pub(crate) fn push(&mut self, event: Event) {
        self.keep(self.next_seq, event);
        self.next_seq += 1;
    }

    fn keep(&mut self, seq: u64, event: Event) {
        self.unsent.events += 1;
        self.unsent.bytes += weight(&event);
        self.kept.push(seq, event);
    }

    /// The outcome of a job, one of the last events, waits until this group is on the disk, and may
    /// be kept elsewhere too. Returns its number.
    pub(crate) fn hold(&mut self, of: JobId, is_retained: bool, group: Option<u64>) -> Option<u64> {
        let seq = self.kept.outcome_of(of, is_retained)?;
        self.wait_for(seq, group);
        Some(seq)
    }

    /// The end of a batch, the last event, waits until this group is on the disk. Returns its number.
    pub(crate) fn hold_end(&mut self, name: &str, group: Option<u64>) -> Option<u64> {
        let seq = self.kept.end_of(name)?;
        self.wait_for(seq, group);
        Some(seq)
    }

    fn wait_for(&mut self, seq: u64, group: Option<u64>) {
        if let Some(group) = group {
            self.held.push_back((seq, group));
        }
    }

    /// The number up to which ends of batches are not kept any more, if that has changed since the
    /// last time.
    pub(crate) fn end_gone(&mut self) -> Option<u64> {
        self.end_gone.take()
    }

    /// Whether it has an answer to what its client calls `id`, behind the event `since`: an outcome, told or to
    /// be looked up, or that it was not taken. Goes through all that it keeps.
    pub(crate) fn has_answer_to(&self, id: &CorrelationId, since: u64) -> bool {
        let mut elsewhere = self.elsewhere.range(since.saturating_add(1)..);
        self.kept.has_answer_to(id, since) || elsewhere.any(|(_, of)| of.id == *id)
    }

    /// Bytes that are kept here.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.bytes() + self.elsewhere.len() * TO_LOOK_UP_BYTES
    }

    /// What waits here, and has not gone to a connection.
    pub(crate) fn unsent(&self) -> Weight {
        self.unsent
    }

    /// Whether something can be sent once so many groups are on the disk.
    pub(crate) fn has_more(&self, durable: u64) -> bool {
        let held = self.held.front().filter(|(_, group)| *group > durable);
        self.next_unsent().is_some_and(|next| held.is_none_or(|(seq, _)| next < *seq))
    }

    fn next_unsent(&self) -> Option<u64> {
        let kept = self.kept.after(self.sent).peek().map(|entry| entry.seq);
        let elsewhere = self.elsewhere.range(self.sent + 1..).next().map(|(seq, _)| *seq);
        kept.into_iter().chain(elsewhere).min()
    }

    /// Has events to send once so many groups are on the disk, as many as there is room for on the
    /// way: the number of the first, and the run of them whose numbers follow on it.
    pub(crate) fn next_run(
        &mut self,
        durable: u64,
        mut room: Room,
        look_up: LookUp<'_>,
    ) -> Option<(u64, Vec<Event>)> {
        while self.held.front().is_some_and(|(_, group)| *group <= durable) {
            self.held.pop_front();
        }
        let end = self.held.front().map_or(self.next_seq, |(seq, _)| *seq);
        let first = self.next_unsent().filter(|first| *first < end)?;
        let mut run = Vec::new();
        let mut kept = self.kept.after(self.sent);
        let mut elsewhere = self.elsewhere.range(first..end).peekable();
        for seq in first..end {
            if !room.is_there() {
                break;
            }
            let event = if let Some(entry) = kept.peek().filter(|entry| entry.seq == seq) {
                kept.next();
                self.unsent.events -= 1;
                self.unsent.bytes -= weight(&entry.event);
                entry.event.clone()
            } else if let Some((_, of)) = elsewhere.next_if(|(of, _)| **of == seq) {
                // Forgotten there too, which is told in its place.
                let gone = || Event::Gap { missed: 1, outcome_of: Some((of.id.clone(), of.job)) };
                look_up(of).unwrap_or_else(gone)
            } else {
                break;
            };
            room.take(&event);
            run.push(event);
        }
        if run.is_empty() {
            return None;
        }
        self.sent = first + run.len() as u64 - 1;
        Some((first, run))
    }

    /// Nothing waits for the disk any more.
    pub(crate) fn release(&mut self) {
        self.held.clear();
    }

    /// Whether something waits for a group after these.
    pub(crate) fn is_holding_beyond(&self, groups: u64) -> bool {
        self.held.back().is_some_and(|(_, group)| *group > groups)
    }

    /// The client has seen all events up to this one.
    pub(crate) fn ack(&mut self, seq: u64) {
        // A number that is not out yet proves nothing.
        let seq = seq.min(self.next_seq - 1);
        while let Some(entry) = self.kept.oldest_up_to(seq).and_then(|line| self.kept.pop(line)) {
            self.forget(&entry);
        }
        while let Some(first) = self.elsewhere.first_entry().filter(|first| *first.key() <= seq) {
            self.elsewhere_own -= u64::from(*first.key() >= self.first_seq);
            first.remove();
        }
        while self.held.front().is_some_and(|(of, _)| *of <= seq) {
            self.held.pop_front();
        }
        self.first_seq = self.first_seq.max(seq + 1);
        self.sent = self.sent.max(seq);
    }

    /// An event that was kept is not any more.
    fn forget(&mut self, entry: &Entry) {
        if entry.seq > self.sent {
            self.unsent.events -= 1;
            self.unsent.bytes -= weight(&entry.event);
        }
        if matches!(entry.event, Event::Batch(_)) {
            self.end_gone = Some(entry.seq);
        }
    }

    /// A client comes back that has seen all up to `last`: everything after it is to be sent anew.
    /// Returns how many events of this server nobody has any more.
    pub(crate) fn resume(&mut self, last: u64) -> u64 {
        // Else somebody has set the clock back, which the numbers come from.
        if std::mem::take(&mut self.is_unseen) && last >= self.first_seq {
            self.renumber_from(last + 1);
        }
        self.ack(last);
        self.sent = last.min(self.next_seq - 1);
        self.unsent = Weight { events: self.kept.len(), bytes: self.kept.bytes() };
        let there = self.kept.len_from(self.first_seq) as u64 + self.elsewhere_own;
        (self.next_seq - self.first_seq).saturating_sub(there)
    }

    /// The server before this one had used the numbers below `first`.
    fn renumber_from(&mut self, first: u64) {
        let (was, by) = (self.first_seq, first - self.first_seq);
        self.kept.renumber(by);
        self.held.iter_mut().for_each(|(seq, _)| *seq += by);
        let own = self.elsewhere.split_off(&was);
        self.elsewhere.extend(own.into_iter().map(|(seq, of)| (seq + by, of)));
        self.next_seq += by;
        self.first_seq = first;
    }

    /// Makes room, if there is more than should be kept: with a connection, of what it got already
    /// and of what can be looked up in time; without one, of all but outcomes that are kept nowhere
    /// else.
    pub(crate) fn make_room(&mut self, is_connected: bool) {
        while self.kept.len() > MAILBOX_EVENTS_MAX || self.kept.bytes() > MAILBOX_BYTES_MAX {
            let victim = if is_connected { self.oldest_sent() } else { self.least_missed() };
            let Some(entry) = victim.and_then(|line| self.kept.pop(line)) else { return };
            self.forget(&entry);
            self.look_up_later(entry);
        }
    }

    fn look_up_later(&mut self, entry: Entry) {
        let of = match entry.event {
            event if !is_outcome(&event) => return,
            Event::Job { id, job, .. } => KeptElsewhere { id, job },
            Event::Gap { outcome_of: Some((id, job)), .. } => KeptElsewhere { id, job },
            _ => return,
        };
        self.elsewhere.insert(entry.seq, of);
        self.elsewhere_own += 1;
        if self.elsewhere.len() > TO_LOOK_UP_MAX
            && let Some((seq, _)) = self.elsewhere.pop_first()
        {
            self.elsewhere_own -= u64::from(seq >= self.first_seq);
        }
    }

    /// With a connection: what it got, the oldest first; else an outcome that can be looked up when
    /// its turn comes.
    fn oldest_sent(&self) -> Option<Line> {
        let retained = || self.kept.first(Line::Retained).map(|_| Line::Retained);
        self.kept.oldest_up_to(self.sent).or_else(retained)
    }

    /// Of a client that is not there: what is no outcome, else an outcome that can be looked up,
    /// else one that it may have got.
    fn least_missed(&self) -> Option<Line> {
        let may_have_got = |entry: &&Entry| entry.seq <= self.sent;
        let sure = [Line::News, Line::Retained];
        let sure = sure.into_iter().find(|line| self.kept.first(*line).is_some());
        let got = || self.kept.first(Line::Outcomes).filter(may_have_got).map(|_| Line::Outcomes);
        sure.or_else(got)
    }
}
