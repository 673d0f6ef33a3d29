//! The journal of a world: what the scheduler has written, and how much of it outlives a server.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::JobId;
use acequia_wire::client::Submit;

use crate::action::Action;
use crate::ids::{ClientId, SessionId, Ticket};
use crate::records::{DeadLetter, Recovered, Retained, Tally};
use crate::time::Time;

/// What is written of one action.
#[derive(Clone)]
enum Change {
    Record(Recovered),
    Count(Ticket, [u32; 3], Option<Time>),
    Settle(Ticket, Option<Arc<Retained>>),
    GiveUp(JobId),
    Bury(Arc<DeadLetter>),
    Exhume(Ticket),
    Tally(Tally),
    BatchOver(ClientId, Arc<str>),
}

/// What is on disk for certain, and what is on its way there.
pub(super) struct Journal {
    pub(super) kept: Kept,
    /// What each step wrote, which is there as a whole or not at all.
    pending: Vec<(u32, Vec<Change>)>,
    /// All up to this step is on disk.
    pub(super) durable: u32,
    /// For how long outcomes are kept.
    retention: Duration,
}

/// What is on disk.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) jobs: BTreeMap<Ticket, Recovered>,
    pub(super) outcomes: BTreeMap<Ticket, Arc<Retained>>,
    pub(super) letters: BTreeMap<Ticket, Arc<DeadLetter>>,
    pub(super) tallies: BTreeMap<(ClientId, Arc<str>), Tally>,
}

impl Journal {
    pub(super) fn new(retention: Duration) -> Self {
        Self { kept: Kept::default(), pending: Vec::new(), durable: 0, retention }
    }

    /// Takes in what a step did.
    pub(super) fn write(&mut self, step: u32, actions: &[Action]) {
        let changes: Vec<Change> = actions.iter().filter_map(change).collect();
        if !changes.is_empty() {
            self.pending.push((step, changes));
        }
    }

    /// All records up to this one are on disk.
    pub(super) fn flush(&mut self, up_to: Ticket) {
        let is_in = |change: &Change| ticket(change).is_some_and(|ticket| ticket <= up_to);
        let last = self.pending.iter().rfind(|(_, changes)| changes.iter().any(is_in));
        if let Some((step, _)) = last {
            self.flush_steps(*step);
        }
    }

    /// All up to this step is on disk.
    pub(super) fn flush_steps(&mut self, up_to: u32) {
        let still = self.pending.iter().position(|(step, _)| *step > up_to);
        let still = self.pending.split_off(still.unwrap_or(self.pending.len()));
        for change in std::mem::replace(&mut self.pending, still).into_iter().flat_map(|of| of.1) {
            self.kept.apply(change, self.retention);
        }
        self.durable = self.durable.max(up_to);
    }

    /// What is not on disk is lost.
    pub(super) fn lose_rest(&mut self) {
        self.pending.clear();
    }
}

impl Kept {
    fn apply(&mut self, change: Change, retention: Duration) {
        match change {
            Change::Record(job) => {
                let is_other = |of: &Recovered| of.job != job.job;
                assert!(self.jobs.values().all(is_other), "one job is recorded twice");
                let is_kept = |of: &Retained| of.ended + retention > job.submitted;
                let mut ended = self.outcomes.values().filter(|of| is_kept(of));
                assert!(ended.all(|of| of.job != job.job), "one that has ended is recorded");
                assert!(self.jobs.insert(job.ticket, job).is_none(), "a ticket is one job's");
            }
            Change::Count(ticket, [runs, failures, losses], not_before) => {
                let job = self.jobs.get_mut(&ticket).expect("what is counted is there");
                (job.runs, job.failures, job.losses) = (runs, failures, losses);
                job.not_before = not_before;
            }
            Change::Settle(ticket, retain) => {
                self.jobs.remove(&ticket).expect("a job that is there has one outcome");
                self.outcomes.extend(retain.map(|retain| (retain.ticket, retain)));
            }
            Change::GiveUp(job) => self.outcomes.retain(|_, of| of.job != job),
            Change::Bury(letter) => _ = self.letters.insert(letter.ticket, letter),
            Change::Exhume(ticket) => _ = self.letters.remove(&ticket).expect("it was buried"),
            Change::Tally(tally) => {
                self.tallies.insert((tally.client, tally.name.clone()), tally);
            }
            Change::BatchOver(client, name) => {
                if let Entry::Occupied(over) = self.tallies.entry((client, name)) {
                    over.remove();
                }
            }
        }
    }
}

fn change(action: &Action) -> Option<Change> {
    Some(match action {
        Action::Record { ticket, job, client, session, submitted, spec } => {
            Change::Record(recorded(*ticket, *job, (*client, *session), *submitted, spec))
        }
        Action::Count { ticket, runs, failures, losses, not_before } => {
            Change::Count(*ticket, [*runs, *failures, *losses], *not_before)
        }
        Action::Settle { ticket, retain, .. } => Change::Settle(*ticket, retain.clone()),
        Action::GiveUp { retained } => Change::GiveUp(retained.job),
        Action::Bury { letter } => Change::Bury(letter.clone()),
        Action::Exhume { ticket } => Change::Exhume(*ticket),
        Action::Tally(tally) => Change::Tally(tally.clone()),
        Action::BatchOver { tally, .. } => Change::BatchOver(tally.client, tally.name.clone()),
        _ => return None,
    })
}

fn recorded(
    ticket: Ticket,
    job: JobId,
    (client, session): (ClientId, Option<SessionId>),
    submitted: Time,
    spec: &Arc<Submit>,
) -> Recovered {
    let (spec, not_before) = (spec.clone(), None);
    let (runs, failures, losses) = (0, 0, 0);
    Recovered { job, client, session, ticket, spec, submitted, runs, failures, losses, not_before }
}

fn ticket(change: &Change) -> Option<Ticket> {
    match change {
        Change::Record(job) => Some(job.ticket),
        Change::Settle(_, Some(retain)) => Some(retain.ticket),
        Change::Bury(letter) => Some(letter.ticket),
        _ => None,
    }
}
