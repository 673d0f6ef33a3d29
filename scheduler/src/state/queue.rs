//! Queues by name, and what waits in each.

use acequia_wire::QueueName;
use hashbrown::HashMap;
use slab::Slab;

use crate::ids::LaneKey;
use crate::state::chunks::Chunks;
use crate::state::job::Job;
use crate::state::lines::{End, Lines};
use crate::time::Time;

/// One named queue, as long as a job or a lane has to do with it.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: QueueName,
    /// What waits for a slot.
    lines: Lines,
    /// Live jobs, waiting or not.
    pub(crate) live: usize,
    pub(crate) running: usize,
    /// The groups of lanes that serve this queue. `Queues` changes them.
    pub(crate) groups: Vec<usize>,
    /// No job of it begins. `Queues` changes it.
    pub(crate) is_paused: bool,
}

impl Queue {
    fn new(name: QueueName) -> Self {
        let lines = Lines::default();
        Self { name, lines, live: 0, running: 0, groups: Vec::new(), is_paused: false }
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lines.waiting
    }

    /// How many of these are under suspicion.
    pub(crate) fn suspects(&self) -> usize {
        self.lines.suspects
    }

    /// How many wait for their turn.
    pub(crate) fn in_line(&self) -> usize {
        self.lines.in_line()
    }

    /// Puts a job into line.
    pub(crate) fn push(&mut self, jobs: &mut Chunks<Job>, job: usize, end: End) {
        self.lines.push(jobs, job, end);
    }

    /// Takes a job out of line.
    pub(crate) fn remove(&mut self, jobs: &mut Chunks<Job>, job: usize) {
        self.lines.remove(jobs, job);
    }

    /// Takes out the job whose turn it is and that may run on `lane`, unless the queue is paused.
    pub(crate) fn take(&mut self, jobs: &mut Chunks<Job>, lane: LaneKey) -> Option<usize> {
        if self.is_paused {
            return None;
        }
        self.lines.take(jobs, lane)
    }

    /// The job under suspicion that may run on `lane` next, unless the queue is paused; see
    /// [`Lines::suspect`].
    pub(crate) fn suspect(
        &self,
        jobs: &mut Chunks<Job>,
        lane: LaneKey,
        shares: bool,
    ) -> Option<usize> {
        if self.is_paused {
            return None;
        }
        self.lines.suspect(jobs, lane, shares)
    }

    /// The job that waits behind another, or the first; see [`Lines::after`].
    pub(crate) fn waiting_after(
        &self,
        jobs: &mut Chunks<Job>,
        client: Option<usize>,
        after: Option<usize>,
    ) -> Option<usize> {
        self.lines.after(jobs, client, after)
    }

    /// Since when the job that has waited longest waits.
    pub(crate) fn oldest_waiting(&self, jobs: &Chunks<Job>) -> Option<Time> {
        self.lines.oldest(jobs)
    }

    fn unused(&self) -> bool {
        self.live == 0 && self.is_made_up()
    }

    /// Only clients speak of it: no worker serves it, and no operator has paused it.
    fn is_made_up(&self) -> bool {
        self.groups.is_empty() && !self.is_paused
    }
}

/// All queues by name.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: Slab<Queue>,
    /// The names are the clients' choice, so the hasher is one that cannot be played against.
    by_name: HashMap<QueueName, usize>,
    /// Those that only clients speak of.
    made_up: usize,
    paused: usize,
}

impl Queues {
    /// How many only clients speak of.
    pub(crate) fn made_up(&self) -> usize {
        self.made_up
    }

    /// How many an operator has paused.
    pub(crate) fn paused(&self) -> usize {
        self.paused
    }

    pub(crate) fn find(&self, name: &QueueName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn find_or_open(&mut self, name: &QueueName) -> usize {
        if let Some(queue) = self.find(name) {
            return queue;
        }
        let queue = self.queues.insert(Queue::new(name.clone()));
        self.by_name.insert(name.clone(), queue);
        self.made_up += 1;
        queue
    }

    /// A group of lanes serves this queue from now on.
    pub(crate) fn serve(&mut self, queue: usize, group: usize) {
        self.change(queue, |queue| queue.groups.push(group));
    }

    /// A group of lanes serves this queue no longer.
    pub(crate) fn desert(&mut self, queue: usize, group: usize) {
        self.change(queue, |queue| queue.groups.retain(|of| *of != group));
    }

    pub(crate) fn set_paused(&mut self, queue: usize, is_paused: bool) {
        self.paused -= usize::from(self.queues[queue].is_paused);
        self.change(queue, |queue| queue.is_paused = is_paused);
        self.paused += usize::from(is_paused);
    }

    fn change(&mut self, queue: usize, change: impl FnOnce(&mut Queue)) {
        let queue = &mut self.queues[queue];
        self.made_up -= usize::from(queue.is_made_up());
        change(queue);
        self.made_up += usize::from(queue.is_made_up());
    }

    /// Forgets a queue with which nothing has to do any more.
    pub(crate) fn forget_if_unused(&mut self, queue: usize) {
        if self.queues[queue].unused() {
            let queue = self.queues.remove(queue);
            self.made_up -= 1;
            self.by_name.remove(&queue.name);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Queue> {
        self.queues.iter().map(|(_, queue)| queue)
    }

    /// The queues with their keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (usize, &Queue)> {
        self.queues.iter()
    }
}

impl std::ops::Index<usize> for Queues {
    type Output = Queue;

    fn index(&self, queue: usize) -> &Queue {
        &self.queues[queue]
    }
}

impl std::ops::IndexMut<usize> for Queues {
    fn index_mut(&mut self, queue: usize) -> &mut Queue {
        &mut self.queues[queue]
    }
}

#[cfg(test)]
impl Queue {
    /// That lines and counts agree with `jobs`.
    fn assert_consistent(&mut self, key: usize, jobs: &mut Chunks<Job>) {
        use crate::state::job::State;

        assert!(!self.unused(), "{} is kept for nothing", self.name);
        let mine = |job: &Job| job.queue() == key;
        let count = |is: fn(State) -> bool| {
            jobs.iter().filter(|(_, job)| mine(job) && is(job.state)).count()
        };
        assert_eq!(self.live, count(|_| true));
        assert_eq!(self.waiting(), count(|state| matches!(state, State::Waiting { .. })));
        assert_eq!(self.running, count(|state| matches!(state, State::Running { .. })));
        self.lines.assert_consistent(key, jobs);
    }
}

#[cfg(test)]
impl Queues {
    pub(crate) fn assert_consistent(&mut self, jobs: &mut Chunks<Job>) {
        assert_eq!(self.queues.len(), self.by_name.len());
        assert_eq!(self.made_up, self.iter().filter(|queue| queue.is_made_up()).count());
        assert_eq!(self.paused, self.iter().filter(|queue| queue.is_paused).count());
        for (key, queue) in &mut self.queues {
            assert_eq!(self.by_name[&queue.name], key);
            queue.assert_consistent(key, jobs);
        }
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.queues.is_empty() && self.by_name.is_empty());
    }
}
