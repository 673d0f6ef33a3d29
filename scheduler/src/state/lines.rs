//! Who waits in one queue, in line: by priority, by client and by age.

use acequia_wire::limits::PRIORITY_MAX;
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

/// The lines of one queue.
#[derive(Debug, Default)]
pub(crate) struct Lines {
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

impl Lines {
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

    /// All that waits in other lines of the same queue joins, behind what waits here: each client's
    /// jobs behind its own, and who has no turn here behind those who have.
    pub(crate) fn append(&mut self, jobs: &mut Chunks<Job>, mut other: Self) {
        for (priority, ring) in other.rings.iter().enumerate() {
            let mut next = ring.front();
            while let Some(at) = next {
                next = List::after(&mut other.turns, at, Turn::in_ring);
                let Turn { client, priority: level, jobs: line, .. } = other.turns[at];
                if let Some(turn) = self.turn_of.get(&(client, level)) {
                    self.turns[*turn].jobs.append(jobs, line, Job::in_turn);
                    continue;
                }
                let in_ring = Links::default();
                let turn = Turn { client, priority: level, jobs: line, in_ring };
                let turn = self.turns.insert(turn);
                self.rings[priority].push_back(&mut self.turns, turn, Turn::in_ring);
                self.turn_of.insert((client, level), turn);
            }
        }
        let lists = [&mut self.arrival].into_iter().chain(&mut self.apart);
        for (list, other) in lists.zip([other.arrival].into_iter().chain(other.apart)) {
            list.merge(jobs, other, Job::in_arrival, Job::waiting_since);
        }
        self.suspects += other.suspects;
        self.waiting += other.waiting;
        self.takes = other.takes;
    }

    /// How many wait for their turn.
    pub(crate) fn in_line(&self) -> usize {
        self.waiting - self.suspects
    }

    /// Takes out the job whose turn it is and that may run on `lane`; its client goes to the end of
    /// the ring.
    pub(crate) fn take(&mut self, jobs: &mut Chunks<Job>, lane: LaneKey) -> Option<usize> {
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
        let mut next = self.apart[usize::from(!shares)].front();
        while let Some(candidate) = next {
            if !jobs[candidate].void_on().contains(&lane) {
                return Some(candidate);
            }
            next = List::after(jobs, candidate, Job::in_arrival);
        }
        None
    }

    /// The job that waits behind another of these, or the first: of all in the order in which they came to
    /// wait, of one client by priority; those under suspicion last.
    pub(crate) fn after(
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
    pub(crate) fn oldest(&self, jobs: &Chunks<Job>) -> Option<Time> {
        let firsts = [&self.arrival].into_iter().chain(&self.apart).filter_map(List::front);
        firsts.filter_map(|job| jobs[job].waiting_since()).min()
    }
}

#[cfg(test)]
impl Lines {
    /// That rings, lines and counts agree with `jobs`. Returns all that wait here.
    pub(super) fn assert_consistent(&mut self, queue: usize, jobs: &mut Chunks<Job>) -> Vec<usize> {
        let mut all = members(&self.arrival, jobs, Job::in_arrival);
        assert!(all.is_sorted_by_key(|job| jobs[*job].waiting_since()));
        let in_line = all.len();
        for (nth, line) in self.apart.iter().enumerate() {
            let line = members(line, jobs, Job::in_arrival);
            assert!(line.iter().all(|job| apart(&jobs[*job]) == Some(nth)));
            assert!(line.is_sorted_by_key(|job| jobs[*job].waiting_since()));
            all.extend(line);
        }
        assert_eq!((self.waiting, self.suspects), (all.len(), all.len() - in_line));
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
                    assert_eq!(job.queue(), queue);
                    assert!(job.waiting_since().is_some());
                    assert_eq!((job.client(), job.priority), (turn.client, priority));
                    in_lines += 1;
                }
            }
        }
        assert_eq!((in_rings, in_lines), (self.turns.len(), in_line));
        all
    }
}
