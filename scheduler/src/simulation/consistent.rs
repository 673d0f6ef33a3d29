//! What the scheduler keeps twice, held against itself.

use crate::scheduler::Scheduler;
use crate::state::adoption::Adoption;
use crate::state::job::State;
use crate::state::lanes::Run;

impl Scheduler {
    /// That everything that is kept twice is the same in both places.
    pub(crate) fn assert_consistent(&mut self) {
        self.by_id.assert_consistent(&self.jobs);
        self.queues.assert_consistent(&mut self.jobs);
        self.clients.assert_consistent(&self.jobs);
        let patience = self.patience();
        self.lanes.assert_consistent(&self.queues, &mut self.jobs, self.config.lease, patience);
        let client_of = |client| self.clients.id_of(client);
        self.keys.assert_consistent(&self.jobs, client_of, &self.outcomes);
        self.outcomes.assert_consistent(&self.config);
        self.dead_letters.assert_consistent(&self.config);
        let attends = |session, batch| self.clients.attends(session, batch);
        self.batches.assert_consistent(&self.jobs, attends);
        assert_eq!(self.batches.sessions(), self.clients.attended());
        let (mut running, mut timers) = (0, 0);
        for (key, job) in self.jobs.iter() {
            timers += usize::from(job.expires().is_some());
            timers += usize::from(job.forsaken().is_some());
            match job.state {
                State::Delayed { .. } => timers += 1,
                State::Waiting { .. } => {}
                State::Running { lane, .. } => {
                    running += 1;
                    timers += usize::from(job.deadline(&self.config).is_some());
                    let run = self.lanes.get(lane).and_then(|lane| lane.held.get(&job.id));
                    assert_eq!(run, Some(&Run::Live { job: key }));
                }
            }
            for lane in job.void_on() {
                let run = self.lanes.get(*lane).and_then(|lane| lane.held.get(&job.id));
                assert!(matches!(run, Some(Run::Void { .. })));
            }
        }
        let waiting = self.jobs.iter().filter(|(_, job)| job.waiting_since().is_some());
        let begins = waiting.filter(|(_, job)| !self.queues[job.queue()].holds_back(job));
        assert_eq!(self.suspects, begins.filter(|(_, job)| job.share().is_some()).count());
        let held_back = self.jobs.iter().filter(|(_, job)| {
            job.recovered && job.waiting_since().is_some() && self.adoption.is_on()
        });
        assert!(held_back.into_iter().all(|(_, job)| self.queues[job.queue()].holds_back(job)));
        assert_eq!(self.timers.adoption.is_some(), self.adoption == Adoption::On);
        assert!(self.unclaimed.is_empty() || self.adoption.is_on());
        for (id, unclaimed) in &self.unclaimed {
            assert!(self.by_id.find(&self.jobs, *id).is_none(), "its job is there");
            let lane = self.lanes.get(unclaimed.lane).expect("a lane takes its own along");
            let run = unclaimed.word.is_none().then_some(&Run::Unclaimed);
            assert_eq!(lane.held.get(id), run);
        }
        for (key, lane) in self.lanes.iter() {
            let unclaimed = lane.held.iter().filter(|(_, run)| **run == Run::Unclaimed);
            assert!(unclaimed.into_iter().all(|(id, _)| self.unclaimed[id].lane == *key));
        }
        assert!(!self.is_suspicion_stale);
        let behind = |key: &usize| self.jobs[*key].in_arrival.behind();
        let runs = std::iter::successors(self.runs.front(), behind);
        let since = |key: usize| match self.jobs[key].state {
            State::Running { since, .. } => since,
            state => panic!("a job is among those that run: {state:?}"),
        };
        let runs: Vec<_> = runs.map(since).collect();
        assert!(runs.len() == running && runs.is_sorted());
        let leases = self.lanes.iter().filter(|(_, lane)| lane.look_at.is_some()).count();
        assert_eq!((self.running, self.timers.len()), (running, (timers, leases)));
        let payloads = self.jobs.iter().map(|(_, job)| job.payload.bytes().len());
        assert_eq!(self.payload_bytes, payloads.sum::<usize>());
        for (_, lane) in self.lanes.iter() {
            for (id, run) in &lane.held {
                let Run::Live { job } = run else { continue };
                assert_eq!(self.jobs[*job].id, *id);
            }
        }
    }

    /// That nothing is left of anybody.
    pub(crate) fn assert_empty(&self) {
        assert!(self.jobs.len() == 0 && self.undurable.is_empty());
        assert!(self.unclaimed.is_empty());
        assert_eq!(self.timers.len(), (0, 0));
        assert_eq!((self.payload_bytes, self.running), (0, 0));
        self.queues.assert_empty();
        self.clients.assert_empty();
        self.keys.assert_empty();
        self.outcomes.assert_empty();
        self.dead_letters.assert_empty();
        self.batches.assert_empty();
        self.lanes.assert_empty();
    }
}
