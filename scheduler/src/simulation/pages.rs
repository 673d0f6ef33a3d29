//! Pages of jobs and workers, held against the model.

use acequia_wire::{JobId, QueueName};

use super::model::Model;
use super::parts::{Held, Job, Lane, State};
use crate::ids::{ClientId, LaneKey};
use crate::scheduler::Scheduler;
use crate::views::inspect::{JobFilter, JobState};
use crate::views::lookup::{LiveJob, LiveState};

impl Model {
    /// That each filter finds the jobs that it should, page by page, and each worker is found.
    pub(super) fn compare_pages(&self, scheduler: &mut Scheduler) {
        let some = self.jobs.values().nth(self.jobs.len() / 2);
        let queues = [None, some.map(|job| job.spec.queue.clone())];
        let clients = [None, some.map(|job| job.client)];
        for state in [JobState::Delayed, JobState::Waiting, JobState::Running] {
            for (queue, client) in queues.iter().flat_map(|queue| clients.map(|of| (queue, of))) {
                self.compare_jobs(scheduler, &JobFilter { state, queue: queue.clone(), client });
            }
        }
        self.compare_lanes(scheduler, None);
        self.compare_lanes(scheduler, queues[1].as_ref());
    }

    fn compare_jobs(&self, scheduler: &mut Scheduler, filter: &JobFilter) {
        let mut found: Vec<LiveJob> = Vec::new();
        let mut after = None;
        loop {
            let page = scheduler.jobs(filter, after.as_ref(), 2).expect("nothing left meanwhile");
            assert!(page.jobs.len() == 2 || page.end.is_none(), "a page is full, or the last");
            found.extend(page.jobs);
            after = page.end;
            if after.is_none() {
                break;
            }
        }
        let time = |job: &LiveJob| match job.state {
            LiveState::Waiting { since } => since,
            LiveState::Delayed { until } => until,
            LiveState::Running { .. } => job.submitted,
        };
        // Those under suspicion come last, and all that waits for adoption first.
        let line = |job: &LiveJob| (!self.jobs[&job.job].held_back, job.losses.clamp(1, 3));
        let by_queue = |job: &LiveJob| (job.queue.clone(), line(job), time(job));
        match (filter.state, filter.client) {
            (JobState::Waiting, None) => assert!(found.is_sorted_by_key(by_queue)),
            (JobState::Delayed, _) => assert!(found.is_sorted_by_key(time)),
            _ => {}
        }
        let mut ids: Vec<JobId> = found.iter().map(|job| job.job).collect();
        ids.sort_unstable();
        let is_it = |job: &Job| {
            let state = match job.state {
                State::Delayed { .. } => JobState::Delayed,
                State::Waiting => JobState::Waiting,
                State::Running { .. } => JobState::Running,
                State::Between => panic!("a job is lost between two states"),
            };
            state == filter.state
                && filter.queue.as_ref().is_none_or(|queue| *queue == job.spec.queue)
                && filter.client.is_none_or(|client: ClientId| client == job.client)
        };
        let expected = self.jobs.iter().filter(|(_, job)| is_it(job)).map(|(id, _)| *id);
        assert!(ids.iter().copied().eq(expected), "{filter:?} found {ids:?}");
    }

    fn compare_lanes(&self, scheduler: &Scheduler, queue: Option<&QueueName>) {
        let serves = |lane: &Lane| queue.is_none_or(|queue| lane.queues.contains(queue));
        let mut expected = self.lanes.iter().filter(|(_, lane)| serves(lane));
        let mut after: Option<LaneKey> = None;
        loop {
            let (page, more) = scheduler.lanes(queue, after, 2);
            for told in &page {
                let (key, lane) = expected.next().expect("no lane is told that is not there");
                assert_eq!((told.stats.lane, &told.queues), (*key, &lane.queues));
                assert_eq!(scheduler.lane(*key).as_ref(), Some(told));
                for run in &told.runs {
                    let job = &self.jobs[&run.job];
                    let here = |state| matches!(state, State::Running { lane, since, .. } if (lane, since) == (*key, run.since));
                    assert!(here(job.state));
                    assert_eq!((run.attempt, &run.queue), (job.runs, &job.spec.queue));
                }
                let live = lane.held.values().filter(|held| **held == Held::Live);
                assert_eq!(told.runs.len(), live.count());
                let void = lane.held.iter().filter_map(|(id, held)| match held {
                    Held::Void(why, since) => Some((*since, *id, *why)),
                    Held::Live | Held::Unclaimed => None,
                });
                let mut void: Vec<_> = void.collect();
                void.sort_unstable_by_key(|(since, job, _)| (*since, *job));
                let held = told.held.iter().map(|held| (held.since, held.job, held.why));
                assert!(held.eq(void));
            }
            after = page.last().map(|last| last.stats.lane);
            if !more {
                break;
            }
        }
        assert!(expected.next().is_none(), "each lane is told");
    }
}
