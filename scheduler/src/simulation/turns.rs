//! Whose turn it is, as a rule that can be checked without rings and cursors: of those that wait,
//! the one whose last turn is longest ago.

use std::collections::BTreeMap;

use acequia_wire::{JobId, QueueName};

use super::parts::Job;
use crate::ids::{ClientId, Ticket};
use crate::time::Time;

/// One of so many that a queue hands out goes by its age.
const AGEING: u32 = 16;

/// The jobs of one client that wait in one queue at one priority.
struct Line {
    /// In the order in which they go; the flag says whether any lane may run the job.
    jobs: BTreeMap<(i64, Ticket), Waiting>,
    /// When the client came into line or was last served. What comes back from a lost worker
    /// brings the turn that it had, so it counts from before all others.
    last_turn: i64,
}

struct Waiting {
    job: JobId,
    /// Since when it could run.
    since: Time,
    /// When it came into line.
    joined: i64,
    /// Whether no lane has a void run of it, so that all may run it.
    is_clean: bool,
}

type LineKey = (QueueName, u8, ClientId);

#[derive(Default)]
pub(super) struct Turns {
    /// Counts all that happens.
    count: i64,
    /// Counts the scheduler's steps and the losses of lanes within them, downwards.
    step: i64,
    lines: BTreeMap<LineKey, Line>,
    /// When the lanes of the same queues last took from each of them.
    served: BTreeMap<Vec<QueueName>, BTreeMap<QueueName, i64>>,
    places: BTreeMap<JobId, (i64, Ticket)>,
    /// What each queue in use has handed out.
    takes: BTreeMap<QueueName, u32>,
}

fn key_of(job: &Job) -> LineKey {
    (job.spec.queue.clone(), job.spec.priority, job.client)
}

impl Turns {
    pub(super) fn step(&mut self) {
        self.step -= 1;
    }

    pub(super) fn join_back(&mut self, id: JobId, job: &Job, is_clean: bool) {
        self.count += 1;
        self.join(id, job, is_clean, self.count);
    }

    pub(super) fn join_front(&mut self, id: JobId, job: &Job, is_clean: bool) {
        self.count += 1;
        self.join(id, job, is_clean, self.step);
    }

    fn join(&mut self, id: JobId, job: &Job, is_clean: bool, turn: i64) {
        let new = || Line { jobs: BTreeMap::new(), last_turn: turn };
        let line = self.lines.entry(key_of(job)).or_insert_with(new);
        let place = (turn, job.ticket);
        let (since, joined) = (job.ready, self.count);
        line.jobs.insert(place, Waiting { job: id, since, joined, is_clean });
        self.places.insert(id, place);
    }

    /// What waits in a queue counts for its turn from now on.
    pub(super) fn resume(&mut self, queue: &QueueName) {
        self.count += 1;
        let lines = self.lines.iter_mut().filter(|((of, ..), _)| of == queue);
        let waiting = lines.flat_map(|(_, line)| line.jobs.values_mut());
        waiting.for_each(|waiting| waiting.joined = self.count);
    }

    /// What was held back comes into line before all that came meanwhile, in its order; those who came
    /// to their turns meanwhile go behind it, in theirs.
    pub(super) fn release(&mut self, held_back: Self) {
        let meanwhile = std::mem::take(&mut self.lines);
        self.append(held_back.lines);
        self.count += 1;
        for line in self.lines.values_mut() {
            line.jobs.values_mut().for_each(|waiting| waiting.joined = self.count);
        }
        self.append(meanwhile);
    }

    fn append(&mut self, lines: BTreeMap<LineKey, Line>) {
        let mut lines: Vec<_> = lines.into_iter().collect();
        lines.sort_by_key(|(_, line)| line.last_turn);
        let (mut last, mut turn) = (None, 0);
        for (key, line) in lines {
            if last.replace(line.last_turn) != Some(line.last_turn) {
                self.count += 1;
                turn = self.count;
            }
            let new = || Line { jobs: BTreeMap::new(), last_turn: turn };
            let into = self.lines.entry(key).or_insert_with(new);
            for ((_, ticket), waiting) in line.jobs {
                self.count += 1;
                self.places.insert(waiting.job, (self.count, ticket));
                into.jobs.insert((self.count, ticket), waiting);
            }
        }
    }

    /// A lane has a void run of a job that may wait.
    pub(super) fn soil(&mut self, id: JobId) {
        let Some(place) = self.places.get(&id) else { return };
        let waiting = self.lines.values_mut().filter_map(|line| line.jobs.get_mut(place));
        waiting.filter(|of| of.job == id).for_each(|of| of.is_clean = false);
    }

    pub(super) fn leave(&mut self, id: JobId, job: &Job) {
        let (key, place) = (key_of(job), self.places.remove(&id).unwrap());
        let line = self.lines.get_mut(&key).unwrap();
        line.jobs.remove(&place).unwrap();
        if line.jobs.is_empty() {
            self.lines.remove(&key);
        }
    }

    /// The client of this job has its turn, and so has the queue with lanes of these queues.
    pub(super) fn serve(&mut self, job: &Job, queues: &[QueueName]) {
        self.serve_client(job);
        let served = self.served.entry(queues.to_vec()).or_default();
        served.insert(job.spec.queue.clone(), self.count);
    }

    /// The client of this job has its turn, whichever queue had.
    pub(super) fn serve_client(&mut self, job: &Job) {
        self.count += 1;
        self.lines.get_mut(&key_of(job)).unwrap().last_turn = self.count;
        *self.takes.entry(job.spec.queue.clone()).or_default() += 1;
    }

    /// Whether the next job out of this queue goes by its age.
    pub(super) fn is_aged(&self, queue: &QueueName) -> bool {
        self.takes.get(queue).is_some_and(|takes| (takes + 1).is_multiple_of(AGEING))
    }

    /// A queue that nobody uses is forgotten, and how far it had counted with it.
    pub(super) fn forget_queues_but(&mut self, used: impl Fn(&QueueName) -> bool) {
        self.takes.retain(|queue, _| used(queue));
    }

    /// That nothing waits in the queue, whatever its priority, that waits for longer and that the
    /// lane might run.
    pub(super) fn assert_oldest(&self, job: &Job, holds: impl Fn(JobId) -> bool) {
        for (key, line) in self.of_queue(&job.spec.queue, 0..=9) {
            let mut others = line.jobs.values().filter(|waiting| !holds(waiting.job));
            let passed_over = others.any(|waiting| waiting.since < job.ready);
            assert!(!passed_over, "an older job of priority {} is passed over", key.1);
        }
    }

    pub(super) fn forget_lanes_of(&mut self, queues: &[QueueName]) {
        self.served.remove(queues);
    }

    fn of_queue(
        &self,
        queue: &QueueName,
        priorities: std::ops::RangeInclusive<u8>,
    ) -> impl Iterator<Item = (&LineKey, &Line)> {
        let first = (queue.clone(), *priorities.start(), ClientId(0));
        let last = (queue.clone(), *priorities.end(), ClientId(u64::MAX));
        // An empty range of priorities would be a reversed range of keys.
        let lines = (!priorities.is_empty()).then(|| self.lines.range(first..=last));
        lines.into_iter().flatten()
    }

    /// That no job of a higher priority waits that the lane might run instead.
    pub(super) fn assert_priority(&self, job: &Job, holds: impl Fn(JobId) -> bool) {
        for (key, line) in self.of_queue(&job.spec.queue, job.spec.priority + 1..=9) {
            let passed_over = line.jobs.values().find(|waiting| !holds(waiting.job));
            assert!(passed_over.is_none(), "priority {} of {:?} is passed over", key.1, key.2);
        }
    }

    /// That it is this job's turn: its client's, and its own.
    pub(super) fn assert_turn(&self, id: JobId, job: &Job, holds: impl Fn(JobId) -> bool) {
        let mine = &self.lines[&key_of(job)];
        let first = mine.jobs.values().find(|waiting| !holds(waiting.job));
        assert_eq!(
            first.map(|waiting| waiting.job),
            Some(id),
            "the client's oldest job goes first"
        );
        let priority = job.spec.priority;
        for (key, line) in self.of_queue(&job.spec.queue, priority..=priority) {
            if line.jobs.values().any(|waiting| !holds(waiting.job)) {
                assert!(mine.last_turn <= line.last_turn, "it is the turn of {:?}", key.2);
            }
        }
    }

    /// That it is the turn of this job's queue among those of a lane that are not paused.
    pub(super) fn assert_queue_turn<'a>(
        &self,
        job: &Job,
        queues: &[QueueName],
        open: impl Iterator<Item = &'a QueueName>,
    ) {
        let Some(served) = self.served.get(queues) else { return };
        let Some(last) = served.get(&job.spec.queue) else { return };
        for queue in open.filter(|queue| **queue != job.spec.queue) {
            let waits = |waiting: &Waiting| waiting.is_clean && waiting.joined < *last;
            let mut lines = self.of_queue(queue, 0..=9);
            let waits = lines.any(|(_, line)| line.jobs.values().any(waits));
            let had_its_turn = served.get(queue).is_some_and(|at| at > last);
            assert!(!waits || had_its_turn, "it is the turn of the queue {queue}");
        }
    }

    /// That nothing waits in these queues that the lane might run.
    pub(super) fn assert_none_waits<'a>(
        &self,
        queues: impl Iterator<Item = &'a QueueName>,
        holds: impl Fn(JobId) -> bool,
    ) {
        for queue in queues {
            for (_, line) in self.of_queue(queue, 0..=9) {
                let waits = line.jobs.values().find(|waiting| !holds(waiting.job));
                assert!(waits.is_none(), "a job waits in {queue} beside a free slot");
            }
        }
    }
}
