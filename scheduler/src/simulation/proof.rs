//! What a takeover must not do, worked out from what is said and done alone, without a model of the
//! scheduler: run again what a worker goes on with.

use std::collections::{BTreeMap, BTreeSet};

use acequia_wire::JobId;

use super::model::Model;
use super::parts::Job;
use crate::action::Action;
use crate::event::{Event, Hold};
use crate::ids::Ticket;
use crate::records::Recovered;

/// What came back from the journal and has not ended.
#[derive(Default)]
pub(super) struct Proof {
    /// Those of which no worker has spoken yet, as the journal knows them.
    unclaimed: BTreeMap<JobId, Recovered>,
    /// Those that a worker goes on with.
    goes_on: BTreeMap<JobId, Ticket>,
    pub(super) seen: Seen,
}

/// How often what matters was seen to happen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// A run went on.
    pub(super) adopted: u64,
    /// One did whose worker came after the wait, since the job had not begun again.
    pub(super) adopted_late: u64,
    /// One did of a job that had been submitted again, and that the journal did not have.
    pub(super) adopted_fresh: u64,
    /// A last word was said again, and counted.
    pub(super) said_again: u64,
    /// A run was void, for a job that was not there, or that was.
    pub(super) void: [u64; 2],
    /// A submit was said again, of a job that was live, or had ended.
    pub(super) submitted_again: [u64; 2],
    /// A job that had waited for adoption in vain began.
    pub(super) released: u64,
}

impl Seen {
    fn counts(&mut self) -> [&mut u64; 9] {
        let Self { adopted, adopted_late, adopted_fresh, said_again, released, .. } = self;
        let [unknown, known] = &mut self.void;
        let [live, ended] = &mut self.submitted_again;
        [adopted, adopted_late, adopted_fresh, said_again, unknown, known, live, ended, released]
    }

    pub(super) fn add(&mut self, other: &mut Self) {
        self.counts().into_iter().zip(other.counts()).for_each(|(sum, of)| *sum += *of);
    }

    /// Whether all of it has.
    pub(super) fn is_all(&mut self) -> bool {
        self.counts().iter().all(|count| **count > 0)
    }
}

impl Proof {
    /// Another server goes on with these jobs.
    pub(super) fn begin(&mut self, jobs: impl Iterator<Item = Recovered>) {
        self.unclaimed = jobs.map(|job| (job.job, job)).collect();
        self.goes_on.clear();
    }

    /// Counts what an event brings about that is about to be taken in.
    pub(super) fn look(&mut self, event: &Event, model: &Model) {
        let is_live = |job: &JobId| model.jobs.contains_key(job);
        match event {
            Event::Submit { session, job, .. } if model.sessions.contains_key(session) => {
                let has_ended = model.retained.iter().any(|of| of.job == *job);
                self.seen.submitted_again[0] += u64::from(is_live(job));
                self.seen.submitted_again[1] += u64::from(has_ended);
            }
            Event::LaneReady { offer, .. } => {
                for hold in &offer.holds {
                    let job = model.jobs.get(&hold.job);
                    let waits = |job: &&Job| !job.begun;
                    let is_fresh = |job: &&Job| !job.recovered;
                    let of = usize::from(job.is_some());
                    self.seen.void[of] += u64::from(job.filter(waits).is_none());
                    let fresh = job.filter(waits).filter(is_fresh);
                    self.seen.adopted_fresh += u64::from(fresh.is_some());
                }
            }
            _ => {}
        }
    }

    /// Takes in an event that was handled, after which jobs wait for adoption or not any more.
    pub(super) fn see(&mut self, event: &Event, in_time: bool, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Run { job, .. } => {
                    assert!(!self.goes_on.contains_key(&job.job), "it runs twice");
                    let was_unclaimed = self.unclaimed.remove(&job.job).is_some();
                    assert!(!in_time || !was_unclaimed, "a worker may still have it");
                    self.seen.released += u64::from(was_unclaimed);
                }
                // It is tried again, and has ended that way or for good.
                Action::Count { ticket, failures, losses, .. } if failures + losses > 0 => {
                    self.goes_on.retain(|_, of| of != ticket);
                }
                Action::Settle { job, .. } => {
                    self.goes_on.remove(job);
                    self.unclaimed.remove(job);
                }
                _ => {}
            }
        }
        let Event::LaneReady { offer, .. } = event else { return };
        let is_void = |action: &Action| match action {
            Action::CancelRun { job, .. } => Some(*job),
            _ => None,
        };
        let void: BTreeSet<JobId> = actions.iter().filter_map(is_void).collect();
        let mut named = BTreeSet::new();
        for Hold { job, attempt, .. } in offer.holds.iter().filter(|hold| named.insert(hold.job)) {
            let Some(kept) = self.unclaimed.remove(job) else { continue };
            // One that the journal knows to have failed or to be lost is over.
            if *attempt > kept.runs || kept.failures + kept.losses == 0 {
                assert!(!void.contains(job), "it was to go on");
                self.goes_on.insert(*job, kept.ticket);
                self.seen.adopted += u64::from(in_time);
                self.seen.adopted_late += u64::from(!in_time);
            } else {
                assert!(void.contains(job), "it was over");
                self.unclaimed.insert(*job, kept);
            }
        }
    }
}
