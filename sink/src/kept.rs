//! The events of a session that are kept here, in three lines by how soon each may be forgotten.
//! Within a line they are in the order of their numbers, so whatever is done here costs the same
//! however many there are.

use std::collections::VecDeque;

use acequia_wire::client::{Event, JobEvent};
use acequia_wire::limits::WATCHERS_MAX;
use acequia_wire::{CorrelationId, JobId};

use crate::outlet::weight;

/// An event and its number.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) event: Event,
}

/// Which line, in the order in which a client would miss its events least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// What is no outcome.
    News,
    /// Outcomes that can be looked up elsewhere.
    Retained,
    /// What nobody else has: all other outcomes, and the ends of batches.
    Outcomes,
}

const LINES: [Line; 3] = [Line::News, Line::Retained, Line::Outcomes];

/// All three lines.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    lines: [VecDeque<Entry>; LINES.len()],
    bytes: usize,
}

impl Kept {
    /// Keeps the event with the highest number so far.
    pub(crate) fn push(&mut self, seq: u64, event: Event) {
        self.bytes += weight(&event);
        let is_last_word = is_outcome(&event) || matches!(event, Event::Batch(_));
        let line = if is_last_word { Line::Outcomes } else { Line::News };
        self.lines[line as usize].push_back(Entry { seq, event });
    }

    /// The outcome of a job, one of the last that were pushed, can be looked up from now on if
    /// `is_retained`. Returns its number.
    pub(crate) fn outcome_of(&mut self, of: JobId, is_retained: bool) -> Option<u64> {
        let is_it = |(_, entry): &(usize, &Entry)| matches!(&entry.event, Event::Job { job, .. } if *job == of);
        let line = &self.lines[Line::Outcomes as usize];
        // The others who are told of the same job come behind it.
        let latest = line.iter().enumerate().rev().take(1 + WATCHERS_MAX);
        let (at, entry) = latest.skip_while(|entry| !is_it(entry)).take_while(is_it).last()?;
        let seq = entry.seq;
        if is_retained && let Some(entry) = self.lines[Line::Outcomes as usize].remove(at) {
            let retained = &mut self.lines[Line::Retained as usize];
            let at = retained.partition_point(|other| other.seq < seq);
            retained.insert(at, entry);
        }
        Some(seq)
    }

    /// Whether the outcome of what its client calls `id`, or that it was not taken, is among those behind
    /// `since`.
    pub(crate) fn has_answer_to(&self, id: &CorrelationId, since: u64) -> bool {
        self.after(since).any(|entry| match &entry.event {
            Event::Job { id: of, .. } => of == id && is_outcome(&entry.event),
            Event::Rejected { id: of, .. } => of == id,
            _ => false,
        })
    }

    /// The number of the end of a batch of this name, if it is the last that was pushed of what
    /// nobody else has.
    pub(crate) fn end_of(&self, name: &str) -> Option<u64> {
        let last = self.lines[Line::Outcomes as usize].back()?;
        matches!(&last.event, Event::Batch(batch) if *batch.name == *name).then_some(last.seq)
    }

    /// How many there are with numbers from `seq` on.
    pub(crate) fn len_from(&self, seq: u64) -> usize {
        let from =
            |line: &VecDeque<Entry>| line.len() - line.partition_point(|entry| entry.seq < seq);
        self.lines.iter().map(from).sum()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.iter().map(VecDeque::len).sum()
    }

    /// What they weigh.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The oldest of a line.
    pub(crate) fn first(&self, line: Line) -> Option<&Entry> {
        self.lines[line as usize].front()
    }

    /// Takes the oldest of a line.
    pub(crate) fn pop(&mut self, line: Line) -> Option<Entry> {
        let entry = self.lines[line as usize].pop_front()?;
        self.bytes -= weight(&entry.event);
        Some(entry)
    }

    /// The line that the oldest of all is in, if its number is not above `seq`.
    pub(crate) fn oldest_up_to(&self, seq: u64) -> Option<Line> {
        let first = |line: Line| Some((self.first(line)?.seq, line));
        let oldest = LINES.into_iter().filter_map(first).min_by_key(|(seq, _)| *seq);
        oldest.filter(|(of, _)| *of <= seq).map(|(_, line)| line)
    }

    /// All with numbers above `seq`, in their order.
    pub(crate) fn after(&self, seq: u64) -> After<'_> {
        let rest = |line: &VecDeque<Entry>| line.partition_point(|entry| entry.seq <= seq);
        After {
            kept: self,
            next: [rest(&self.lines[0]), rest(&self.lines[1]), rest(&self.lines[2])],
        }
    }

    /// All numbers go up by so much.
    pub(crate) fn renumber(&mut self, by: u64) {
        self.lines.iter_mut().flatten().for_each(|entry| entry.seq += by);
    }
}

/// Goes through the lines in the order of the numbers.
pub(crate) struct After<'a> {
    kept: &'a Kept,
    /// Where each line goes on.
    next: [usize; LINES.len()],
}

impl<'a> After<'a> {
    fn at(&self, line: usize) -> Option<&'a Entry> {
        self.kept.lines[line].get(self.next[line])
    }

    fn next_line(&self) -> Option<(usize, &'a Entry)> {
        let entries = (0..LINES.len()).filter_map(|line| Some((line, self.at(line)?)));
        entries.min_by_key(|(_, entry)| entry.seq)
    }

    /// The next one, which stays.
    pub(crate) fn peek(&self) -> Option<&'a Entry> {
        self.next_line().map(|(_, entry)| entry)
    }
}

impl<'a> Iterator for After<'a> {
    type Item = &'a Entry;

    fn next(&mut self) -> Option<&'a Entry> {
        let (line, entry) = self.next_line()?;
        self.next[line] += 1;
        Some(entry)
    }
}

/// Whether an event tells how a job ended, or that this is not known any more.
pub(crate) fn is_outcome(event: &Event) -> bool {
    matches!(
        event,
        Event::Gap { outcome_of: Some(_), .. }
            | Event::Job {
                what: JobEvent::Done { .. } | JobEvent::Failed { .. } | JobEvent::Cancelled,
                ..
            }
    )
}
