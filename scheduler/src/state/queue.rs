//! Queues: what waits, and whose turn it is.

use acequia_wire::QueueName;
use acequia_wire::limits::PRIORITY_MAX;
use hashbrown::HashMap;
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::ids::LaneKey;
use crate::state::chunks::Chunks;
use crate::state::job::Job;
#[cfg(test)]
use crate::state::list::members;
use crate::state::list::{Links, List};
use crate::time::Time;

const LEVELS: usize = PRIORITY_MAX as usize + 1;

/// Of so many jobs that a queue hands out, one is the job that has waited longest, whatever its
/// priority. So the lowest priority moves too, at least at this fraction of the queue's pace.
const AGEING_TAKES: u32 = 16;

/// One named queue, as long as a job or a lane has to do with it.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: QueueName,
    /// The clients that take turns, a ring for each priority.
    rings: [List; LEVELS],
    turns: Slab<Turn>,
    turn_of: FxHashMap<(usize, u8), usize>,
    /// All that waits here, in the order in which it came to wait.
    arrival: List,
    /// Those that wait under suspicion, which take no turns, in the order in which they came to
    /// wait: those that may share a lane, and those that may not.
    apart: [List; 2],
    /// How many these are.
    pub(crate) suspects: usize,
    /// Jobs handed out since the last that went by its age.
    takes: u32,
    pub(crate) waiting: usize,
    /// Live jobs, waiting or not.
    pub(crate) live: usize,
    pub(crate) running: usize,
    /// The groups of lanes that serve this queue. `Queues` changes them.
    pub(crate) groups: Vec<usize>,
    /// No job of it begins. `Queues` changes it.
    pub(crate) is_paused: bool,
}

/// What one client has waiting in one queue at one priority.
#[derive(Debug)]
struct Turn {
    client: usize,
    priority: u8,
    jobs: List,
    in_ring: Links,
}

impl Turn {
    fn in_ring(&mut self) -> &mut Links {
        &mut self.in_ring
    }
}

/// Which end of the line a job joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// Which of the lines of those under suspicion a job waits in, if in any.
fn apart(job: &Job) -> Option<usize> {
    job.share().map(|share| usize::from(share == 1))
}

impl Queue {
    fn new(name: QueueName) -> Self {
        Self {
            name,
            rings: [List::default(); LEVELS],
            turns: Slab::new(),
            turn_of: FxHashMap::default(),
            arrival: List::default(),
            apart: [List::default(); 2],
            suspects: 0,
            takes: 0,
            waiting: 0,
            live: 0,
            running: 0,
            groups: Vec::new(),
            is_paused: false,
        }
    }

    /// Puts a job into line. A job that comes back, at the front, also brings its client's turn, if
    /// that client has none here.
    pub(crate) fn push(&mut self, jobs: &mut Chunks<Job>, job: usize, end: End) {
        self.waiting += 1;
        if let Some(line) = apart(&jobs[job]) {
            self.suspects += 1;
            return self.apart[line].push_back(jobs, job, Job::in_arrival);
        }
        let (client, priority) = (jobs[job].client(), jobs[job].priority);
        let ring = &mut self.rings[usize::from(priority)];
        let turn = *self.turn_of.entry((client, priority)).or_insert_with(|| {
            let (jobs, in_ring) = (List::default(), Links::default());
            let turn = self.turns.insert(Turn { client, priority, jobs, in_ring });
            match end {
                End::Front => ring.push_front(&mut self.turns, turn, Turn::in_ring),
                End::Back => ring.push_back(&mut self.turns, turn, Turn::in_ring),
            }
            turn
        });
        match end {
            End::Front => self.turns[turn].jobs.push_front(jobs, job, Job::in_turn),
            End::Back => self.turns[turn].jobs.push_back(jobs, job, Job::in_turn),
        }
        self.arrival.push_back(jobs, job, Job::in_arrival);
    }

    /// Takes a job out of line.
    pub(crate) fn remove(&mut self, jobs: &mut Chunks<Job>, job: usize) {
        self.waiting -= 1;
        if let Some(line) = apart(&jobs[job]) {
            self.suspects -= 1;
            return self.apart[line].remove(jobs, job, Job::in_arrival);
        }
        let key = (jobs[job].client(), jobs[job].priority);
        let turn = self.turn_of[&key];
        self.turns[turn].jobs.remove(jobs, job, Job::in_turn);
        self.arrival.remove(jobs, job, Job::in_arrival);
        if self.turns[turn].jobs.is_empty() {
            self.rings[usize::from(key.1)].remove(&mut self.turns, turn, Turn::in_ring);
            self.turns.remove(turn);
            self.turn_of.remove(&key);
        }
    }

    /// How many wait for their turn.
    pub(crate) fn in_line(&self) -> usize {
        self.waiting - self.suspects
    }

    /// Takes out the job whose turn it is and that may run on `lane`, unless the queue is paused;
    /// its client goes to the end of the ring.
    pub(crate) fn take(&mut self, jobs: &mut Chunks<Job>, lane: LaneKey) -> Option<usize> {
        if self.is_paused {
            return None;
        }
        let takes = (self.takes + 1) % AGEING_TAKES;
        let (turn, job) =
            if takes == 0 { self.find_oldest(jobs, lane) } else { self.find(jobs, lane) }?;
        self.takes = takes;
        let (ring, client) = (usize::from(self.turns[turn].priority), self.turns[turn].client);
        self.remove(jobs, job);
        if self.turn_of.get(&(client, jobs[job].priority)) == Some(&turn) {
            self.rings[ring].remove(&mut self.turns, turn, Turn::in_ring);
            self.rings[ring].push_back(&mut self.turns, turn, Turn::in_ring);
        }
        Some(job)
    }

    /// Passes over jobs that have a void run on `lane`. Each of those holds a slot of it, so they
    /// are fewer than its slots.
    fn find(&mut self, jobs: &mut Chunks<Job>, lane: LaneKey) -> Option<(usize, usize)> {
        for ring in self.rings.iter().rev() {
            let mut turn = ring.front();
            while let Some(at) = turn {
                let mut job = self.turns[at].jobs.front();
                while let Some(candidate) = job {
                    if !jobs[candidate].void_on().contains(&lane) {
                        return Some((at, candidate));
                    }
                    job = List::after(jobs, candidate, Job::in_turn);
                }
                turn = List::after(&mut self.turns, at, Turn::in_ring);
            }
        }
        None
    }

    /// The job that has waited longest of those that may run on `lane`; passes over as few as
    /// [`find`](Self::find).
    fn find_oldest(&mut self, jobs: &mut Chunks<Job>, lane: LaneKey) -> Option<(usize, usize)> {
        let mut next = self.arrival.front();
        while let Some(candidate) = next {
            let job = &jobs[candidate];
            if !job.void_on().contains(&lane) {
                return Some((self.turn_of[&(job.client(), job.priority)], candidate));
            }
            next = List::after(jobs, candidate, Job::in_arrival);
        }
        None
    }

    /// The job under suspicion that has waited longest of those that may run on `lane`: that may
    /// share it, or may not. Passes over as few as [`find`](Self::find).
    pub(crate) fn suspect(
        &self,
        jobs: &mut Chunks<Job>,
        lane: LaneKey,
        shares: bool,
    ) -> Option<usize> {
        let mut next = self.apart[usize::from(!shares)].front().filter(|_| !self.is_paused);
        while let Some(candidate) = next {
            if !jobs[candidate].void_on().contains(&lane) {
                return Some(candidate);
            }
            next = List::after(jobs, candidate, Job::in_arrival);
        }
        None
    }

    /// The job that waits behind another, or the first: of all in the order in which they came to
    /// wait, of one client by priority; those under suspicion last.
    pub(crate) fn waiting_after(
        &self,
        jobs: &mut Chunks<Job>,
        client: Option<usize>,
        after: Option<usize>,
    ) -> Option<usize> {
        match after.and_then(|job| apart(&jobs[job]).map(|line| (job, line))) {
            Some((job, line)) => {
                let behind = List::after(jobs, job, Job::in_arrival);
                self.suspect_of(jobs, client, behind, line + 1)
            }
            None => {
                let in_line = self.in_line_after(jobs, client, after);
                in_line.or_else(|| self.suspect_of(jobs, client, None, 0))
            }
        }
    }

    /// The first of those under suspicion that is one of this client, from here or from the
    /// beginning of one of the lines.
    fn suspect_of(
        &self,
        jobs: &mut Chunks<Job>,
        client: Option<usize>,
        from: Option<usize>,
        line: usize,
    ) -> Option<usize> {
        let lines = self.apart.get(line..).unwrap_or_default();
        from.into_iter().chain(lines.iter().filter_map(List::front)).find_map(|first| {
            let mut next = Some(first);
            while let Some(job) = next {
                if client.is_none_or(|client| client == jobs[job].client()) {
                    return Some(job);
                }
                next = List::after(jobs, job, Job::in_arrival);
            }
            None
        })
    }

    fn in_line_after(
        &self,
        jobs: &mut Chunks<Job>,
        client: Option<usize>,
        after: Option<usize>,
    ) -> Option<usize> {
        let Some(client) = client else {
            return match after {
                Some(job) => List::after(jobs, job, Job::in_arrival),
                None => self.arrival.front(),
            };
        };
        let behind = after.and_then(|job| List::after(jobs, job, Job::in_turn));
        let below = after.map_or(LEVELS, |job| usize::from(jobs[job].priority));
        let first = |priority: u8| {
            let turn = self.turn_of.get(&(client, priority))?;
            self.turns[*turn].jobs.front()
        };
        behind.or_else(|| (0..=PRIORITY_MAX).take(below).rev().find_map(first))
    }

    /// Since when the job that has waited longest waits.
    pub(crate) fn oldest_waiting(&self, jobs: &Chunks<Job>) -> Option<Time> {
        let firsts = [&self.arrival].into_iter().chain(&self.apart).filter_map(List::front);
        firsts.filter_map(|job| jobs[job].waiting_since()).min()
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
    /// That rings, lines and counts agree with `jobs`.
    fn assert_consistent(&mut self, key: usize, jobs: &mut Chunks<Job>) {
        use crate::state::job::State;

        assert!(!self.unused(), "{} is kept for nothing", self.name);
        let mine = |job: &Job| job.queue() == key;
        let count = |is: fn(State) -> bool| {
            jobs.iter().filter(|(_, job)| mine(job) && is(job.state)).count()
        };
        assert_eq!(self.live, count(|_| true));
        assert_eq!(self.waiting, count(|state| matches!(state, State::Waiting { .. })));
        assert_eq!(self.running, count(|state| matches!(state, State::Running { .. })));
        let arrival = members(&self.arrival, jobs, Job::in_arrival);
        let apart = self.apart.map(|line| members(&line, jobs, Job::in_arrival));
        for (nth, line) in apart.iter().enumerate() {
            assert!(line.iter().all(|job| super::queue::apart(&jobs[*job]) == Some(nth)));
            assert!(line.is_sorted_by_key(|job| jobs[*job].waiting_since()));
        }
        assert_eq!(self.suspects, apart.concat().len());
        assert_eq!(arrival.len() + self.suspects, self.waiting);
        assert!(arrival.is_sorted_by_key(|job| jobs[*job].waiting_since()));
        assert_eq!(self.turns.len(), self.turn_of.len());
        let (mut in_rings, mut in_lines) = (0, 0);
        for (priority, ring) in (0_u8..).zip(self.rings) {
            for at in members(&ring, &mut self.turns, Turn::in_ring) {
                let turn = &self.turns[at];
                assert_eq!(turn.priority, priority);
                assert_eq!(self.turn_of[&(turn.client, priority)], at);
                assert!(!turn.jobs.is_empty());
                in_rings += 1;
                for job in members(&turn.jobs, jobs, Job::in_turn) {
                    let job = &jobs[job];
                    assert_eq!(job.queue(), key);
                    assert!(job.waiting_since().is_some());
                    assert_eq!((job.client(), job.priority), (turn.client, priority));
                    in_lines += 1;
                }
            }
        }
        assert_eq!((in_rings, in_lines), (self.turns.len(), self.waiting - self.suspects));
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
