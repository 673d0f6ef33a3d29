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
    /// What waits for the worker that holds it from before a takeover, until that wait is over.
    held_back: Option<Box<Lines>>,
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
        Self {
            name,
            lines: Lines::default(),
            held_back: None,
            live: 0,
            running: 0,
            groups: Vec::new(),
            is_paused: false,
        }
    }

    /// How many wait, held back or not.
    pub(crate) fn waiting(&self) -> usize {
        self.lines.waiting + self.held_back.as_ref().map_or(0, |lines| lines.waiting)
    }

    /// How many of those that may begin are under suspicion.
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

    /// Has a job wait, and not begin.
    pub(crate) fn hold_back(&mut self, jobs: &mut Chunks<Job>, job: usize) {
        self.held_back.get_or_insert_default().push(jobs, job, End::Back);
    }

    /// Whether a job that waits here is held back.
    pub(crate) fn holds_back(&self, job: &Job) -> bool {
        self.held_back.is_some() && job.recovered
    }

    /// What was held back may begin, before what came to wait meanwhile. Returns how many of those
    /// are under suspicion. Costs a walk over what came meanwhile, at most.
    pub(crate) fn release(&mut self, jobs: &mut Chunks<Job>) -> usize {
        let Some(held_back) = self.held_back.take() else { return 0 };
        let suspects = held_back.suspects;
        let meanwhile = std::mem::replace(&mut self.lines, *held_back);
        self.lines.append(jobs, meanwhile);
        suspects
    }

    /// Takes a job out of line.
    pub(crate) fn remove(&mut self, jobs: &mut Chunks<Job>, job: usize) {
        match &mut self.held_back {
            Some(lines) if jobs[job].recovered => lines.remove(jobs, job),
            _ => self.lines.remove(jobs, job),
        }
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

    /// The job that waits behind another, or the first; see [`Lines::after`]. Those that are held
    /// back come first.
    pub(crate) fn waiting_after(
        &self,
        jobs: &mut Chunks<Job>,
        client: Option<usize>,
        after: Option<usize>,
    ) -> Option<usize> {
        let Some(held_back) = &self.held_back else {
            return self.lines.after(jobs, client, after);
        };
        let after_open = after.filter(|job| !jobs[*job].recovered);
        let next = match after_open {
            Some(_) => None,
            None => held_back.after(jobs, client, after),
        };
        next.or_else(|| self.lines.after(jobs, client, after_open))
    }

    /// Since when the job that has waited longest waits.
    pub(crate) fn oldest_waiting(&self, jobs: &Chunks<Job>) -> Option<Time> {
        let held_back = self.held_back.as_ref().and_then(|lines| lines.oldest(jobs));
        self.lines.oldest(jobs).into_iter().chain(held_back).min()
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

    /// Has all begin that was held back; see [`Queue::release`].
    pub(crate) fn release(&mut self, jobs: &mut Chunks<Job>) -> usize {
        self.queues.iter_mut().map(|(_, queue)| queue.release(jobs)).sum()
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
        let open = self.lines.assert_consistent(key, jobs);
        if let Some(lines) = &mut self.held_back {
            assert!(open.iter().all(|job| !jobs[*job].recovered));
            let held_back = lines.assert_consistent(key, jobs);
            assert!(held_back.iter().all(|job| jobs[*job].recovered));
        }
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
