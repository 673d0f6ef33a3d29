//! The events of a session that can be resumed: numbered, and kept until its client has seen them.
//!
//! ```text
//!   forgotten, or    told, and not yet seen      not yet told: held until they are durable,
//!   to be looked up  as far as is known          or nobody is connected
//!  ─────────────────┬───────────────────────────┬──────────────────────────▶ seq
//!                   │◀──────────── kept ───────────────────────────────────▶│ next
//! ```

use std::collections::VecDeque;

use acequia_wire::client::{Event, JobEvent};
use acequia_wire::limits::{MAILBOX_BYTES_MAX, MAILBOX_EVENTS_MAX, WATCHERS_MAX};
use acequia_wire::{CorrelationId, JobId};

use crate::outlet::weight;

/// Outcomes that a session may have to look up when it comes back, at most.
const TO_LOOK_UP_MAX: usize = 100_000;

/// An outcome that was forgotten here since it is kept elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptElsewhere {
    /// Its number.
    pub seq: u64,
    /// The client's name for the job.
    pub id: CorrelationId,
    /// The job.
    pub job: JobId,
}

#[derive(Debug)]
struct Entry {
    seq: u64,
    event: Event,
    /// It is an outcome that is kept elsewhere too.
    is_retained: bool,
}

/// See the module's picture.
#[derive(Debug)]
pub(crate) struct History {
    kept: VecDeque<Entry>,
    bytes: usize,
    next_seq: u64,
    /// Events up to this one went to the connection that there is.
    sent: u64,
    /// Events that wait for the disk: the number of each, and the group that it waits for.
    held: VecDeque<(u64, u64)>,
    /// In the order of their numbers.
    elsewhere: VecDeque<KeptElsewhere>,
    /// The number of the first event that this server has numbered.
    first_seq: u64,
    /// No client has seen a number since this server began.
    is_unseen: bool,
}

impl History {
    /// That of a new session.
    pub(crate) fn new() -> Self {
        Self::starting_at(1, VecDeque::new(), false)
    }

    /// That of a session which another server has begun. It left these outcomes, of which one
    /// without a number was never told. Its own numbers begin at `first`, which that server has not
    /// come to: the number of an outcome is on the disk before the client hears of it, so it has to
    /// be the last word.
    pub(crate) fn restored(left: Vec<(Option<u64>, CorrelationId, JobId)>, first: u64) -> Self {
        let highest = left.iter().filter_map(|(seq, ..)| *seq).max().unwrap_or(0);
        let mut next_seq = first.max(highest + 1);
        let first_seq = next_seq;
        let mut elsewhere = Vec::with_capacity(left.len());
        for (seq, id, job) in left {
            let seq = seq.unwrap_or_else(|| {
                next_seq += 1;
                next_seq - 1
            });
            elsewhere.push(KeptElsewhere { seq, id, job });
        }
        elsewhere.sort_by_key(|of| of.seq);
        Self { first_seq, ..Self::starting_at(next_seq, elsewhere.into(), true) }
    }

    fn starting_at(next_seq: u64, elsewhere: VecDeque<KeptElsewhere>, is_unseen: bool) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            next_seq,
            sent: 0,
            held: VecDeque::new(),
            elsewhere,
            first_seq: next_seq,
            is_unseen,
        }
    }

    /// Numbers an event and keeps it.
    pub(crate) fn push(&mut self, event: Event) {
        self.bytes += weight(&event);
        self.kept.push_back(Entry { seq: self.next_seq, event, is_retained: false });
        self.next_seq += 1;
    }

    /// The outcome of a job, one of the last events, waits until this group is on the disk, and may
    /// be kept elsewhere too. Returns its number.
    pub(crate) fn hold(&mut self, of: JobId, is_retained: bool, group: Option<u64>) -> Option<u64> {
        let is_it = |entry: &&mut Entry| {
            is_outcome(&entry.event) && matches!(&entry.event, Event::Job { job, .. } if *job == of)
        };
        // The others who are told of the same job come behind it.
        let latest = self.kept.iter_mut().rev().take(1 + WATCHERS_MAX);
        let entry = latest.skip_while(|entry| !is_it(entry)).take_while(is_it).last()?;
        entry.is_retained = is_retained;
        if let Some(group) = group {
            self.held.push_back((entry.seq, group));
        }
        Some(entry.seq)
    }

    /// What waits here for a connection: how many events, and how many bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }

    /// Has events to send once so many groups are on the disk.
    pub(crate) fn next_run(&mut self, durable: u64) -> Option<(u64, Vec<Event>)> {
        while self.held.front().is_some_and(|(_, group)| *group <= durable) {
            self.held.pop_front();
        }
        let end = self.held.front().map_or(self.next_seq, |(seq, _)| *seq);
        let start = self.kept.partition_point(|entry| entry.seq <= self.sent);
        let first = self.kept.get(start).filter(|entry| entry.seq < end)?.seq;
        let run: Vec<Event> = (first..end)
            .zip(self.kept.range(start..))
            .take_while(|(seq, entry)| *seq == entry.seq)
            .map(|(_, entry)| entry.event.clone())
            .collect();
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
        while let Some(entry) = self.kept.front().filter(|entry| entry.seq <= seq) {
            self.bytes -= weight(&entry.event);
            self.kept.pop_front();
        }
        while self.elsewhere.front().is_some_and(|of| of.seq <= seq) {
            self.elsewhere.pop_front();
        }
        while self.held.front().is_some_and(|(of, _)| *of <= seq) {
            self.held.pop_front();
        }
        self.first_seq = self.first_seq.max(seq + 1);
    }

    /// A client comes back that has seen all up to `last`: everything after it is to be sent anew.
    /// Outcomes that are kept elsewhere are asked of `look_up`; one that is not even there is told as a
    /// gap. Returns how many other events nobody has any more.
    pub(crate) fn resume(
        &mut self,
        last: u64,
        look_up: impl Fn(&KeptElsewhere) -> Option<Event>,
    ) -> u64 {
        // Else somebody has set the clock back, which the numbers come from.
        if std::mem::take(&mut self.is_unseen) && last >= self.first_seq {
            self.renumber_from(last + 1);
        }
        self.ack(last);
        self.sent = 0;
        let of_this_server = |seq: u64| seq >= self.first_seq;
        let mut there = self.kept.iter().filter(|entry| of_this_server(entry.seq)).count() as u64;
        for of in std::mem::take(&mut self.elsewhere) {
            match look_up(&of) {
                Some(event) => {
                    there += u64::from(of_this_server(of.seq));
                    self.bytes += weight(&event);
                    self.kept.push_back(Entry { seq: of.seq, event, is_retained: true });
                }
                // Forgotten there too, which is told in its place.
                None => {
                    let gone = Event::Gap { missed: 1, outcome_of: Some((of.id, of.job)) };
                    there += u64::from(of_this_server(of.seq));
                    self.bytes += weight(&gone);
                    self.kept.push_back(Entry { seq: of.seq, event: gone, is_retained: false });
                }
            }
        }
        self.kept.make_contiguous().sort_by_key(|entry| entry.seq);
        (self.next_seq - self.first_seq).saturating_sub(there)
    }

    /// The server before this one had used the numbers below `first`.
    fn renumber_from(&mut self, first: u64) {
        let (was, by) = (self.first_seq, first - self.first_seq);
        self.kept.iter_mut().for_each(|entry| entry.seq += by);
        self.held.iter_mut().for_each(|(seq, _)| *seq += by);
        let of_this_server = self.elsewhere.iter_mut().filter(|of| of.seq >= was);
        of_this_server.for_each(|of| of.seq += by);
        self.next_seq += by;
        self.first_seq = first;
    }

    /// All that is kept, in order.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.kept.iter().map(|entry| &entry.event)
    }

    /// Makes room, if there is more than should be kept: with a connection, of what it got already;
    /// without one, of all but outcomes that are kept nowhere else.
    pub(crate) fn make_room(&mut self, is_connected: bool) {
        while self.kept.len() > MAILBOX_EVENTS_MAX || self.bytes > MAILBOX_BYTES_MAX {
            let victim = if is_connected { self.oldest_sent() } else { self.least_missed() };
            let Some(Entry { seq, event, .. }) = victim.and_then(|at| self.kept.remove(at)) else {
                return;
            };
            self.bytes -= weight(&event);
            let outcome_of = is_outcome(&event).then(|| whose(event)).flatten();
            if let Some((id, job)) = outcome_of {
                let at = self.elsewhere.partition_point(|of| of.seq < seq);
                self.elsewhere.insert(at, KeptElsewhere { seq, id, job });
                if self.elsewhere.len() > TO_LOOK_UP_MAX {
                    self.elsewhere.pop_front();
                }
            }
        }
    }

    fn oldest_sent(&self) -> Option<usize> {
        self.kept.front().filter(|entry| entry.seq <= self.sent).map(|_| 0)
    }

    /// Of a client that is not there: what is no outcome, else an outcome that can be looked up,
    /// else one that it may have got. As many entries are looked at as it has live jobs at most.
    fn least_missed(&self) -> Option<usize> {
        let (mut retained, mut sent) = (None, None);
        for (at, entry) in self.kept.iter().enumerate() {
            if !is_outcome(&entry.event) {
                return Some(at);
            }
            if entry.is_retained {
                retained.get_or_insert(at);
            }
            if entry.seq <= self.sent {
                sent.get_or_insert(at);
            }
        }
        retained.or(sent)
    }
}

/// Whether an event tells how a job ended, or that this is not known any more.
fn is_outcome(event: &Event) -> bool {
    matches!(
        event,
        Event::Gap { outcome_of: Some(_), .. }
            | Event::Job {
                what: JobEvent::Done { .. } | JobEvent::Failed { .. } | JobEvent::Cancelled,
                ..
            }
    )
}

/// The job that an event is about.
fn whose(event: Event) -> Option<(CorrelationId, JobId)> {
    match event {
        Event::Job { id, job, .. } => Some((id, job)),
        Event::Gap { outcome_of, .. } => outcome_of,
        _ => None,
    }
}
