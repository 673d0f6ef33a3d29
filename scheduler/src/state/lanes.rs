//! Lanes: the workers' slots, what is in them, and which lane is the least loaded.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::JobId;
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::ids::LaneKey;
use crate::time::Time;

/// The lane of a worker that takes, or took, jobs.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) name: Arc<str>,
    /// When its worker was ready.
    pub(crate) since: Time,
    /// Runs that its worker said to be done, and to have failed.
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) slots: u32,
    /// The group of lanes that serve the same queues.
    pub(crate) group: usize,
    /// What is in the slots, by the id that the worker will name.
    pub(crate) held: FxHashMap<JobId, Run>,
    /// Those of them that a job waits for.
    live: usize,
    /// The worker wants no more jobs.
    pub(crate) draining: bool,
    /// The worker has beaten, so its silence means something.
    pub(crate) beats: bool,
    /// Its lease ran out and nothing was heard since: it gets no job.
    pub(crate) silent: bool,
    /// When the worker was last heard, or when it got something to do after it had nothing.
    heard: Time,
    /// When its lease is looked at again. A lease that was renewed is found out then and not
    /// before, so that a message costs no timer.
    pub(crate) look_at: Option<Time>,
    /// Its place among the free lanes of its group, while it has a free slot.
    place: Option<Place>,
}

impl Lane {
    /// Whether jobs go to its free slots, if it has any.
    fn takes_jobs(&self) -> bool {
        !self.draining && !self.silent
    }
}

/// A run in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// The job waits for this run.
    Live { job: usize },
    /// The job has moved on, or ended; the key is the job's as it was, so the id must be compared.
    Void { job: usize },
}

/// A worker's last word on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    Done,
    Failed,
}

/// The order of free lanes: the share of slots taken, then the longest unused.
type Place = (u64, u64, LaneKey);

/// Lanes that serve the same queues.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) queues: Vec<usize>,
    /// Where the next search for a job begins, so that the queues take turns.
    pub(crate) cursor: usize,
    members: usize,
    free: BTreeSet<Place>,
}

/// Slots of the lanes of a group that take jobs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupSlots {
    pub(crate) all: u64,
    pub(crate) busy: u64,
}

/// A lane that was taken away.
pub(crate) struct Removed {
    pub(crate) lane: Lane,
    /// The queues of its group, if the group went with it.
    pub(crate) orphaned: Vec<usize>,
}

/// All lanes.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: FxHashMap<LaneKey, Lane>,
    groups: Slab<Group>,
    by_queues: FxHashMap<Vec<usize>, usize>,
    /// Counts the uses of lanes.
    uses: u64,
    pub(crate) slots: u64,
    pub(crate) busy: u64,
}

impl Lanes {
    /// Adds a lane that serves `queues`, which are sorted. Returns its group, and whether the
    /// group is new.
    pub(crate) fn add(
        &mut self,
        key: LaneKey,
        name: Arc<str>,
        slots: u32,
        queues: Vec<usize>,
        now: Time,
    ) -> (usize, bool) {
        let known = self.by_queues.get(&queues).copied();
        let group = known.unwrap_or_else(|| {
            let free = BTreeSet::new();
            let group = Group { queues: queues.clone(), cursor: 0, members: 0, free };
            let group = self.groups.insert(group);
            self.by_queues.insert(queues, group);
            group
        });
        self.groups[group].members += 1;
        let held = FxHashMap::default();
        let lane = Lane {
            name,
            since: now,
            done: 0,
            failed: 0,
            slots,
            group,
            held,
            live: 0,
            draining: false,
            beats: false,
            silent: false,
            heard: Time::default(),
            look_at: None,
            place: None,
        };
        self.lanes.insert(key, lane);
        self.slots += u64::from(slots);
        self.refresh(key);
        (group, known.is_none())
    }

    /// Takes a lane away.
    pub(crate) fn remove(&mut self, key: LaneKey) -> Option<Removed> {
        let lane = self.lanes.remove(&key)?;
        self.slots -= u64::from(lane.slots);
        self.busy -= lane.held.len() as u64;
        let group = &mut self.groups[lane.group];
        group.members -= 1;
        if let Some(place) = lane.place {
            group.free.remove(&place);
        }
        let orphaned = if group.members == 0 {
            let group = self.groups.remove(lane.group);
            self.by_queues.remove(&group.queues);
            group.queues
        } else {
            Vec::new()
        };
        Some(Removed { lane, orphaned })
    }

    pub(crate) fn get(&self, key: LaneKey) -> Option<&Lane> {
        self.lanes.get(&key)
    }

    pub(crate) fn len(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LaneKey, &Lane)> {
        self.lanes.iter()
    }

    /// The slots of each group in which a lane takes jobs.
    pub(crate) fn slots_of_groups(&self) -> FxHashMap<usize, GroupSlots> {
        let mut groups: FxHashMap<usize, GroupSlots> = FxHashMap::default();
        for lane in self.lanes.values().filter(|lane| lane.takes_jobs()) {
            let group = groups.entry(lane.group).or_default();
            group.all += u64::from(lane.slots);
            group.busy += lane.held.len() as u64;
        }
        groups
    }

    pub(crate) fn group(&mut self, group: usize) -> &mut Group {
        &mut self.groups[group]
    }

    /// The queues that the lanes of a group serve.
    pub(crate) fn queues_of(&self, group: usize) -> &[usize] {
        &self.groups[group].queues
    }

    /// Puts a run of `job` into a slot. Returns whether the lane has a lease that nobody looks at.
    pub(crate) fn hold(&mut self, key: LaneKey, id: JobId, job: usize, now: Time) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        if lane.live == 0 {
            // Whoever has nothing to do may be silent.
            lane.heard = now;
        }
        lane.held.insert(id, Run::Live { job });
        lane.live += 1;
        let unwatched = lane.beats && lane.look_at.is_none();
        self.busy += 1;
        self.refresh(key);
        unwatched
    }

    /// Makes a run void; its slot stays taken. Returns whether the lane holds it.
    pub(crate) fn make_void(&mut self, key: LaneKey, id: JobId) -> bool {
        if let Some(lane) = self.lanes.get_mut(&key)
            && let Some(run) = lane.held.get_mut(&id)
            && let Run::Live { job } = *run
        {
            *run = Run::Void { job };
            lane.live -= 1;
            return true;
        }
        false
    }

    /// Frees the slot of a run.
    pub(crate) fn release(&mut self, key: LaneKey, id: JobId, word: Word) -> Option<Run> {
        let lane = self.lanes.get_mut(&key)?;
        let run = lane.held.remove(&id)?;
        if matches!(run, Run::Live { .. }) {
            lane.live -= 1;
        }
        match word {
            Word::Done => lane.done += 1,
            Word::Failed => lane.failed += 1,
        }
        self.busy -= 1;
        self.refresh(key);
        Some(run)
    }

    /// No job goes to this lane any more.
    pub(crate) fn drain(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.draining = true;
            self.refresh(key);
        }
    }

    /// Something came from the worker. Returns whether it was silent and takes jobs again.
    pub(crate) fn hear(&mut self, key: LaneKey, now: Time) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        lane.heard = now;
        let was_silent = std::mem::take(&mut lane.silent);
        if was_silent {
            self.refresh(key);
        }
        was_silent
    }

    /// The worker beats. Returns whether its lane has a lease now that nobody looks at.
    pub(crate) fn beat(&mut self, key: LaneKey) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        lane.beats = true;
        lane.live > 0 && lane.look_at.is_none()
    }

    /// When the lease of a lane ends, if it holds a job that it could lose.
    pub(crate) fn lease_end(&self, key: LaneKey, lease: Duration) -> Option<Time> {
        let lane = self.lanes.get(&key)?;
        (lane.beats && lane.live > 0).then(|| lane.heard + lease)
    }

    pub(crate) fn look_at(&mut self, key: LaneKey, at: Option<Time>) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.look_at = at;
        }
    }

    /// The lease of a lane has ended: no job goes there until its worker is heard.
    pub(crate) fn silence(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.silent = true;
            self.refresh(key);
        }
    }

    /// Whether a job may be put into a slot of this lane.
    pub(crate) fn is_free(&self, key: LaneKey) -> bool {
        self.lanes.get(&key).is_some_and(|lane| lane.place.is_some())
    }

    /// The free lane among `groups` that is the least loaded and not one of `but`.
    pub(crate) fn least_loaded(&self, groups: &[usize], but: &[LaneKey]) -> Option<LaneKey> {
        let best =
            |group: &usize| self.groups[*group].free.iter().find(|(.., lane)| !but.contains(lane));
        groups.iter().filter_map(best).min().map(|(.., lane)| *lane)
    }

    /// Puts a lane where its load belongs.
    fn refresh(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let free = &mut self.groups[lane.group].free;
        if let Some(place) = lane.place.take() {
            free.remove(&place);
        }
        let (held, slots) = (lane.held.len() as u64, u64::from(lane.slots));
        if held < slots && lane.takes_jobs() {
            self.uses += 1;
            let place = ((held << 32) / slots, self.uses, key);
            free.insert(place);
            lane.place = Some(place);
        }
    }
}

#[cfg(test)]
impl Lanes {
    /// That counts, places and groups agree with the lanes.
    pub(crate) fn assert_consistent(&self, queues: &crate::state::queue::Queues, lease: Duration) {
        let held = self.lanes.values().map(|lane| lane.held.len() as u64);
        assert_eq!(self.busy, held.sum::<u64>());
        assert_eq!(self.slots, self.lanes.values().map(|lane| u64::from(lane.slots)).sum::<u64>());
        assert_eq!(self.groups.len(), self.by_queues.len());
        for (key, group) in &self.groups {
            assert_eq!(self.by_queues[&group.queues], key);
            let members = || self.lanes.iter().filter(|(_, lane)| lane.group == key);
            assert_eq!(group.members, members().count());
            assert!(group.members > 0);
            assert!(group.queues.iter().all(|queue| queues[*queue].groups.contains(&key)));
            let places: BTreeSet<Place> = members().filter_map(|(_, lane)| lane.place).collect();
            assert_eq!(group.free, places);
        }
        for (key, lane) in &self.lanes {
            let is_free = !lane.draining && !lane.silent && lane.held.len() < lane.slots as usize;
            let live = lane.held.values().filter(|run| matches!(run, Run::Live { .. }));
            assert_eq!(lane.live, live.count());
            let on_lease = lane.beats && lane.live > 0;
            assert!(!on_lease || lane.look_at.is_some_and(|at| at <= lane.heard + lease));
            assert_eq!(lane.place.is_some(), is_free);
            assert!(lane.place.is_none_or(|(.., of)| of == *key));
        }
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.lanes.is_empty() && self.groups.is_empty() && self.by_queues.is_empty());
        assert_eq!((self.slots, self.busy), (0, 0));
    }
}
