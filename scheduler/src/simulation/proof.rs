//! What a takeover must not do, worked out from what is said and done alone, without a model of the
//! scheduler: run again what a worker goes on with, be its job one that the journal kept or one that is
//! submitted again.

use std::collections::{BTreeMap, BTreeSet};

use acequia_wire::JobId;

use super::model::Model;
use super::parts::Job;
use crate::action::Action;
use crate::event::{Event, Hold};
use crate::ids::{LaneKey, Ticket};
use crate::records::Recovered;

/// What came back from the journal and has not ended.
#[derive(Default)]
pub(super) struct Proof {
    /// Those of which no worker has spoken yet, as the journal knows them.
    unclaimed: BTreeMap<JobId, Recovered>,
    /// Those that the journal did not have and that may be submitted again: which lane has them, and
    /// whether its worker has said its last word.
    unknown: BTreeMap<JobId, (LaneKey, bool)>,
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
    /// One did whose job was submitted only then; so did the last word on one.
    pub(super) claimed: [u64; 2],
    /// One was void at last, or a last word too late, since the job was not submitted.
    pub(super) not_claimed: [u64; 2],
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
    fn counts(&mut self) -> [&mut u64; 13] {
        let Self { adopted, adopted_late, adopted_fresh, said_again, released, .. } = self;
        let [goes_on, is_over] = &mut self.claimed;
        let [void, too_late] = &mut self.not_claimed;
        let [unknown, known] = &mut self.void;
        let [live, ended] = &mut self.submitted_again;
        let runs = [adopted, adopted_late, adopted_fresh, goes_on, is_over, void, too_late];
        let others = [said_again, unknown, known, live, ended, released];
        let mut all = runs.into_iter().chain(others);
        std::array::from_fn(|_| all.next().unwrap())
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
        self.unknown.clear();
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
            Event::Done { lane, job, .. }
            | Event::Fail { lane, job, .. }
            | Event::BadMessage { lane, job, last: true, .. } => {
                if let Some((of, is_over)) = self.unknown.get_mut(job) {
                    *is_over |= of == lane;
                }
            }
            Event::LaneClosed { lane } => self.unknown.retain(|_, (of, _)| of != lane),
            Event::LaneReady { lane, offer } => {
                for hold in &offer.holds {
                    let job = model.jobs.get(&hold.job);
                    if job.is_none() && model.may_come(hold.job) {
                        self.unknown.entry(hold.job).or_insert((*lane, false));
                        continue;
                    }
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
                Action::Record { ticket, job, .. } => {
                    let Some((_, is_over)) = self.unknown.remove(job) else { continue };
                    self.seen.claimed[usize::from(is_over)] += 1;
                    self.goes_on.insert(*job, *ticket);
                    let ends = |of: &Action| match of {
                        Action::Settle { job: of, .. } => of == job,
                        Action::Count { ticket: of, failures, .. } => of == ticket && *failures > 0,
                        _ => false,
                    };
                    assert_eq!(actions.iter().any(ends), is_over, "its last word counts");
                }
                Action::EndLane { lane } => self.unknown.retain(|_, (of, _)| of != lane),
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
        let is_void = |action: &Action| match action {
            Action::CancelRun { job, .. } => Some(*job),
            _ => None,
        };
        let void: BTreeSet<JobId> = actions.iter().filter_map(is_void).collect();
        if !in_time {
            for (job, (_, is_over)) in std::mem::take(&mut self.unknown) {
                assert_ne!(void.contains(&job), is_over, "no submit will come");
                self.seen.not_claimed[usize::from(is_over)] += 1;
            }
        }
        let Event::LaneReady { lane, offer } = event else { return };
        let is_kept =
            |(job, (of, _)): (&JobId, &(LaneKey, bool))| of != lane || !void.contains(job);
        assert!(self.unknown.iter().all(is_kept), "a submit may still come");
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
