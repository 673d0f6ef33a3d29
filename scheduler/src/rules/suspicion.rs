//! Which job cost its workers their lives is found out apart from those that were beside it.
//!
//! What a lane held when it was lost is lost with it, and any of it may be why. Nearly always none
//! is, so a job that lost its worker runs again at once, as any other. One that did so twice is
//! *under suspicion*: it runs on a lane of a few such jobs, and after another loss on a lane of its
//! own; so the innocent are through after one run each. Only a job that was lost where it was alone
//! is convicted. A lane is *apart* while it takes such jobs and no others; it must be empty first.

use crate::ids::LaneKey;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::lines::End;
use crate::state::queue::Queue;

impl Scheduler {
    /// A job under suspicion that may run now waits until the event is through with all others.
    pub(crate) fn wait_apart(&mut self, step: &Step<'_>, key: usize) {
        self.wait(step, key, End::Back);
        self.is_suspicion_stale = true;
    }

    /// Finds lanes for those of a queue that wait under suspicion.
    fn seat_suspects(&mut self, step: &mut Step<'_>, queue: usize) {
        // One that is full comes here when a slot of it is free.
        while self.queues[queue].suspects() > 0
            && let Some(lane) = self.lanes.least_loaded(&self.queues[queue].groups, &[])
        {
            self.fill(step, lane);
            if self.lanes.is_free(lane) {
                break;
            }
        }
    }

    /// Fills the free slots of a lane that is apart, or is to be. Returns whether it is.
    pub(crate) fn fill_apart(&mut self, step: &mut Step<'_>, key: LaneKey) -> bool {
        if !self.may_be_apart(key) {
            return false;
        }
        self.lanes.set_apart(key, true);
        while let Some(job) = self.next_suspect(key) {
            self.start(step, job, key);
        }
        let is_used = self.lanes.get(key).is_some_and(|lane| lane.live > 0);
        self.lanes.set_apart(key, is_used);
        is_used
    }

    /// Whether a lane is apart and must stay so, or should become so.
    fn may_be_apart(&mut self, key: LaneKey) -> bool {
        let Some(lane) = self.lanes.get(key).filter(|lane| lane.takes_jobs()) else { return false };
        if lane.apart && lane.suspects > 0 {
            return true;
        }
        let (was_apart, is_empty, group) = (lane.apart, lane.live == 0, lane.group);
        if self.suspects == 0 || self.draining || !lane.has_room() {
            return self.comes_back(key);
        }
        let waits = [true, false].iter().any(|shares| self.suspect_for(key, *shares).is_some());
        if !waits {
            return self.comes_back(key);
        }
        // At least one, at most every other one; and no more than one is kept from work until it
        // is empty.
        let (apart, members) =
            (&self.lanes.group_of(group).apart, self.lanes.group_of(group).members);
        let empties =
            |lane: &LaneKey| self.lanes.get(*lane).is_some_and(|lane| lane.live > lane.suspects);
        was_apart || apart.len() < members.div_ceil(2) && (is_empty || !apart.iter().any(empties))
    }

    /// A lane takes any job again, if it did not.
    fn comes_back(&mut self, key: LaneKey) -> bool {
        if self.lanes.is_apart(key) {
            self.lanes.set_apart(key, false);
        }
        false
    }

    /// Takes out the next job for a lane that is apart, if it has room for one.
    fn next_suspect(&mut self, key: LaneKey) -> Option<usize> {
        let lane = self.lanes.get(key)?;
        let (live, is_empty) = (lane.live, lane.live == 0);
        if self.draining || !lane.has_room() || live > lane.suspects {
            return None;
        }
        // Those that must be alone go first, or others would take their place for ever.
        let job = match self.suspect_for(key, false) {
            Some(job) => Some(job).filter(|_| is_empty),
            None => {
                let beside = self.lanes.get(key)?.runs.front();
                let share = beside.and_then(|job| self.jobs[job].share());
                let has_share = |share: usize| live < share;
                self.suspect_for(key, true).filter(|job| {
                    let own = self.jobs[*job].share();
                    own.is_some_and(has_share) && share.is_none_or(has_share)
                })
            }
        }?;
        let queue = self.jobs[job].queue();
        self.queues[queue].remove(&mut self.jobs, job);
        self.suspects -= 1;
        // Another lane may wait for this one.
        self.is_suspicion_stale = true;
        Some(job)
    }

    /// The job under suspicion that waits for this lane, in one of its queues.
    fn suspect_for(&mut self, key: LaneKey, shares: bool) -> Option<usize> {
        let group = self.lanes.get(key)?.group;
        let (queues, jobs) = (&self.queues, &mut self.jobs);
        let of_queue = |queue: &usize| queues[*queue].suspect(jobs, key, shares);
        self.lanes.queues_of(group).iter().find_map(of_queue)
    }

    /// Lanes that are apart wait for nobody now, or those under suspicion for a lane that will not
    /// come.
    pub(crate) fn look_at_suspects(&mut self, step: &mut Step<'_>) {
        self.is_suspicion_stale = false;
        for lane in self.lanes.all_apart() {
            self.fill(step, lane);
        }
        let waits = |(key, queue): (usize, &Queue)| (queue.suspects() > 0).then_some(key);
        for queue in self.queues.keys().filter_map(waits).collect::<Vec<_>>() {
            self.seat_suspects(step, queue);
        }
    }
}
