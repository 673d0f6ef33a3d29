//! The scheduler's state, held against the model's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::{JobId, QueueName};

use super::model::Model;
use super::parts::{Held, Lane, State};
use crate::ids::LaneKey;
use crate::records::Retained;
use crate::scheduler::Scheduler;
use crate::views::lookup::{Found, LiveJob, LiveState};

impl Model {
    /// That the scheduler and its numbers are in the state that its actions tell of.
    pub(super) fn compare(&self, scheduler: &mut Scheduler) {
        scheduler.assert_consistent();
        let stats = scheduler.stats(self.now);
        let apart = stats.lanes.iter().filter(|lane| lane.apart).map(|lane| lane.lane);
        let apart: BTreeSet<LaneKey> = apart.collect();
        for (key, lane) in &self.lanes {
            let may_be_more = || lane.held.keys().all(|id| lane.declared.contains(id));
            assert!(lane.held.len() <= lane.slots as usize || may_be_more());
            for (id, _) in lane.held.iter().filter(|(_, held)| **held == Held::Live) {
                let state = self.jobs[id].state;
                assert!(matches!(state, State::Running { lane, .. } if lane == *key));
            }
            let holds = |id: JobId| lane.held.contains_key(&id);
            let is_open = |queue| lane.queues.contains(queue) && !self.paused.contains(queue);
            let mut suspects = self.jobs.iter().filter(|(id, job)| {
                let waits = job.share().is_some() && job.state == State::Waiting && !job.held_back;
                waits && is_open(&job.spec.queue) && !holds(**id)
            });
            if apart.contains(key) {
                let live = lane.held.iter().filter(|(_, held)| **held == Held::Live);
                let mut runs = live.map(|(id, _)| &self.jobs[id]);
                let is_needed = suspects.next().is_some() || runs.any(|job| job.share().is_some());
                assert!(is_needed && lane.takes_jobs(), "a lane is apart for nobody");
                continue;
            }
            let of_group = |key: &LaneKey| self.lanes[key].queues == lane.queues;
            if lane.is_free() && lane.is_idle() && !self.draining && !apart.iter().any(of_group) {
                assert!(suspects.next().is_none(), "one under suspicion waits beside a free lane");
            }
            if lane.is_free() && !self.draining {
                let open = lane.queues.iter().filter(|queue| !self.paused.contains(*queue));
                self.turns.assert_none_waits(open, holds);
            }
        }
        self.compare_found(scheduler);
        self.compare_letters(scheduler);
        self.compare_pages(scheduler);
        assert_eq!(stats.sessions, self.sessions.len());
        assert_eq!(stats.live_jobs, self.jobs.len());
        assert_eq!(stats.payload_bytes, self.payload_bytes());
        let totals = scheduler.totals();
        assert_eq!((totals.sessions, totals.live_jobs), (stats.sessions, stats.live_jobs));
        assert_eq!(totals.lanes, stats.lanes.len());
        let slots = stats.lanes.iter().map(|lane| (u64::from(lane.slots), lane.busy as u64));
        let slots = slots.fold((0, 0), |sum, lane| (sum.0 + lane.0, sum.1 + lane.1));
        assert_eq!((totals.slots, totals.slots_busy), slots);
        let takes_jobs = |lane: &&Lane| lane.takes_jobs();
        for queue in &stats.queues {
            let serves = |lane: &&Lane| lane.queues.contains(&queue.name);
            let lanes = || self.lanes.values().filter(takes_jobs).filter(serves);
            assert_eq!(queue.is_paused, self.paused.contains(&queue.name));
            assert_eq!(scheduler.queue(self.now, &queue.name).as_ref(), Some(queue));
            assert_eq!(queue.slots, lanes().map(|lane| u64::from(lane.slots)).sum::<u64>());
            assert_eq!(queue.slots_busy, lanes().map(|lane| lane.held.len() as u64).sum::<u64>());
        }
        let mut queues: BTreeMap<&QueueName, (usize, usize, Option<Duration>)> = BTreeMap::new();
        for name in self.lanes.values().flat_map(|lane| &lane.queues).chain(&self.paused) {
            queues.entry(name).or_default();
        }
        for job in self.jobs.values() {
            let (waiting, running, oldest) = queues.entry(&job.spec.queue).or_default();
            match job.state {
                State::Waiting => {
                    *waiting += 1;
                    *oldest = (*oldest).max(Some(self.now - job.ready));
                }
                State::Running { lane, .. } => {
                    *running += 1;
                    assert!(self.lanes.contains_key(&lane));
                }
                State::Delayed { .. } => {}
                State::Between => panic!("a job is lost between two states"),
            }
        }
        let told = stats.queues.iter().map(|q| (&q.name, (q.waiting, q.running, q.oldest)));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), queues);
        for told in &stats.lanes {
            let lane = &self.lanes[&told.lane];
            assert_eq!((told.slots, told.busy), (lane.slots, lane.held.len()));
            assert_eq!((told.draining, &told.name), (lane.draining, &lane.name));
            assert_eq!(told.silent, lane.silent);
        }
        assert_eq!(stats.lanes.len(), self.lanes.len());
        assert_eq!(scheduler.is_idle(), self.lanes.values().all(|lane| lane.held.is_empty()));
        // A lane may be looked at before its time; that is all that is due too early.
        let (due, deadline) = (self.first_timer().map(|(at, _)| at), scheduler.next_deadline());
        let may_look = !self.lanes.is_empty();
        let due = due.into_iter().chain(self.retained_until()).min();
        let is_early = may_look && deadline < due.or(deadline.map(|at| at.plus_ms(1)));
        assert!(due == deadline || is_early, "{deadline:?}, and due is {due:?}");
    }

    /// That each job is found where it is, or with what became of it.
    fn compare_found(&self, scheduler: &Scheduler) {
        for (id, job) in &self.jobs {
            let state = match job.state {
                State::Delayed { until } => LiveState::Delayed { until },
                State::Waiting => LiveState::Waiting { since: job.ready },
                State::Running { since, .. } => {
                    LiveState::Running { worker: job.worker.clone(), since }
                }
                State::Between => panic!("a job is lost between two states"),
            };
            let live = LiveJob {
                job: *id,
                id: job.spec.id.clone(),
                priority: job.spec.priority,
                queue: job.spec.queue.clone(),
                client: job.client,
                submitted: job.submitted,
                runs: job.runs,
                failures: job.failures,
                losses: job.losses,
                state,
                traceparent: self.span(*id, job),
            };
            assert_eq!(scheduler.find(self.now, *id), Some(Found::Live(live)));
        }
        let is_kept = |of: &&Arc<Retained>| of.ended + self.config.retention > self.now;
        let kept = self.retained.iter().filter(is_kept).map(|of| (of.job, of));
        let kept: BTreeMap<JobId, &Arc<Retained>> = kept.collect();
        for id in &self.ended {
            let kept = kept.get(id).map(|of| Found::Ended(Arc::clone(of)));
            assert_eq!(scheduler.find(self.now, *id), kept);
        }
    }
}
