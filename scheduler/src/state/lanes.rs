//! Lanes: the workers' slots, what is in them, and which lane is the least loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::JobId;
use rustc_hash::FxHashMap;
use slab::Slab;

use crate::ids::LaneKey;
use crate::state::chunks::Chunks;
use crate::state::job::Job;
use crate::state::list::List;
use crate::time::Time;
use crate::void::VoidReason;

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
    /// What is in the slots, by the id that the worker will name. What it has from before a takeover
    /// may be more than its slots.
    pub(crate) held: FxHashMap<JobId, Run>,
    /// Those of them that a job waits for.
    pub(crate) live: usize,
    /// The jobs of these, the longest with it first.
    pub(crate) runs: List,
    /// Those that are under suspicion, see [`Job::share`].
    pub(crate) suspects: usize,
    /// The runs that are void, by since when, and why.
    pub(crate) void: BTreeMap<(Time, JobId), VoidReason>,
    /// Since when it has had void runs.
    void_since: Time,
    /// It takes none but jobs under suspicion, or will, once it is empty.
    pub(crate) apart: bool,
    /// The worker wants no more jobs.
    pub(crate) draining: bool,
    /// The worker has beaten, so its silence means something.
    pub(crate) beats: bool,
    /// Its lease ran out and nothing was heard since: it gets no job.
    pub(crate) silent: bool,
    /// When the worker was last heard, or when it got something to do after it had nothing.
    heard: Time,
    /// When the worker was last heard.
    spoken: Time,
    /// It was reminded of what it does not give back, and nothing was heard since.
    reminded: bool,
    /// When it is looked at again: for its lease, or for void runs in its slots. That something was
    /// heard of it is found out then and not before, so that a message costs no timer.
    pub(crate) look_at: Option<Time>,
    /// Its place among the free lanes of its group, while it has a free slot.
    place: Option<Place>,
}

impl Lane {
    /// Whether jobs go to its free slots, if it has any.
    pub(crate) fn takes_jobs(&self) -> bool {
        !self.draining && !self.silent
    }

    /// Whether it has another slot.
    pub(crate) fn has_room(&self) -> bool {
        self.held.len() < self.slots as usize
    }

    /// When its lease ends, if it holds a job that it could lose.
    fn lease_end(&self, lease: Duration) -> Option<Time> {
        (self.beats && self.live > 0).then(|| self.heard + lease)
    }

    /// When it is to be reminded of its void runs, or to be ended.
    fn patience_end(&self, patience: Patience) -> Option<Time> {
        let answer = if self.reminded { patience.answer } else { Duration::ZERO };
        let quiet_since = self.spoken.max(self.void_since);
        (!self.void.is_empty()).then(|| quiet_since + patience.remind + answer)
    }
}

/// How long a lane may say nothing that holds void runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until it is reminded.
    pub(crate) remind: Duration,
    /// From then on, until it is ended.
    pub(crate) answer: Duration,
}

/// What a lane is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its lease is over.
    Lease,
    /// It is to be reminded of a void run.
    Remind,
    /// It does not answer.
    End,
}

/// A run in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// The job waits for this run.
    Live { job: usize },
    /// The job has moved on, or is not live, since this time.
    Void { since: Time },
    /// It is not known yet whether a job waits for it.
    Unclaimed,
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
    pub(crate) members: usize,
    free: BTreeSet<Place>,
    /// Those that take, or will take, none but jobs under suspicion.
    pub(crate) apart: Vec<LaneKey>,
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
    /// How many lanes take none but jobs under suspicion.
    pub(crate) apart: usize,
    /// Slots that void runs hold, by why.
    pub(crate) void: [u64; VoidReason::ALL.len()],
    /// The lanes that hold void runs of jobs that are not live, by job. One may be submitted once
    /// more, under its old id. The server makes the ids of jobs, so a quick hasher is safe.
    strays: FxHashMap<JobId, Vec<LaneKey>>,
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
            let apart = Vec::new();
            let group = Group { queues: queues.clone(), cursor: 0, members: 0, free, apart };
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
            runs: List::default(),
            suspects: 0,
            void: BTreeMap::new(),
            void_since: now,
            apart: false,
            draining: false,
            beats: false,
            silent: false,
            heard: now,
            spoken: now,
            reminded: false,
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
        lane.void.values().for_each(|why| self.void[*why as usize] -= 1);
        let group = &mut self.groups[lane.group];
        group.members -= 1;
        if let Some(place) = lane.place {
            group.free.remove(&place);
        }
        group.apart.retain(|apart| *apart != key);
        self.apart -= usize::from(lane.apart);
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

    /// Those lanes that take none but jobs under suspicion, in order.
    pub(crate) fn all_apart(&self) -> Vec<LaneKey> {
        let apart = self.groups.iter().flat_map(|(_, group)| &group.apart);
        let mut apart: Vec<LaneKey> = apart.copied().collect();
        apart.sort_unstable();
        apart
    }

    pub(crate) fn group_of(&self, group: usize) -> &Group {
        &self.groups[group]
    }

    pub(crate) fn group(&mut self, group: usize) -> &mut Group {
        &mut self.groups[group]
    }

    /// All groups.
    pub(crate) fn groups(&self) -> Vec<usize> {
        self.groups.iter().map(|(group, _)| group).collect()
    }

    /// The queues that the lanes of a group serve.
    pub(crate) fn queues_of(&self, group: usize) -> &[usize] {
        &self.groups[group].queues
    }

    /// Puts a run of the job of this key into a slot. Returns whether a lease begins with it.
    pub(crate) fn hold(
        &mut self,
        key: LaneKey,
        jobs: &mut Chunks<Job>,
        job: usize,
        now: Time,
    ) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        if lane.live == 0 {
            // Whoever has nothing to do may be silent.
            lane.heard = now;
        }
        let (id, is_suspect) = (jobs[job].id, jobs[job].share().is_some());
        lane.held.insert(id, Run::Live { job });
        lane.live += 1;
        lane.runs.push_back(jobs, job, Job::in_turn);
        lane.suspects += usize::from(is_suspect);
        let is_first = lane.beats && lane.live == 1;
        self.busy += 1;
        self.refresh(key);
        is_first
    }

    /// Makes the run of a job void; its slot stays taken. Returns whether the lane holds it.
    pub(crate) fn make_void(
        &mut self,
        key: LaneKey,
        jobs: &mut Chunks<Job>,
        job: usize,
        (since, why): (Time, VoidReason),
    ) -> bool {
        let id = jobs[job].id;
        if let Some(lane) = self.lanes.get_mut(&key)
            && let Some(run) = lane.held.get_mut(&id)
            && matches!(run, Run::Live { .. })
        {
            *run = Run::Void { since };
            lane.has_void(id, (since, why));
            self.void[why as usize] += 1;
            lane.is_left_by(jobs, job);
            return true;
        }
        false
    }

    /// Puts a void run into a slot: its worker has it from before a takeover.
    pub(crate) fn hold_void(&mut self, key: LaneKey, id: JobId, (since, why): (Time, VoidReason)) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.held.insert(id, Run::Void { since });
        lane.has_void(id, (since, why));
        self.void[why as usize] += 1;
        self.busy += 1;
        self.refresh(key);
    }

    /// Puts a run into a slot whose job is not known yet: its worker has it from before a takeover.
    pub(crate) fn hold_unclaimed(&mut self, key: LaneKey, id: JobId) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.held.insert(id, Run::Unclaimed);
        self.busy += 1;
        self.refresh(key);
    }

    /// A lane holds a void run of a job that is not live.
    pub(crate) fn add_stray(&mut self, id: JobId, lane: LaneKey) {
        self.strays.entry(id).or_default().push(lane);
    }

    /// It does so no longer.
    pub(crate) fn forget_stray(&mut self, id: JobId, lane: LaneKey) {
        if let Some(lanes) = self.strays.get_mut(&id) {
            lanes.retain(|held| *held != lane);
            if lanes.is_empty() {
                self.strays.remove(&id);
            }
        }
    }

    /// A job ends of which these lanes hold void runs.
    pub(crate) fn set_strays(&mut self, id: JobId, lanes: Vec<LaneKey>) {
        if !lanes.is_empty() {
            self.strays.insert(id, lanes);
        }
    }

    /// A job begins. Returns the lanes that hold void runs of it.
    pub(crate) fn take_strays(&mut self, id: JobId) -> Vec<LaneKey> {
        if self.strays.is_empty() {
            Vec::new()
        } else {
            self.strays.remove(&id).unwrap_or_default()
        }
    }

    /// Frees the slot of a run, and counts the word that it ends with, if it ends with one.
    pub(crate) fn release(
        &mut self,
        key: LaneKey,
        jobs: &mut Chunks<Job>,
        id: JobId,
        word: Option<Word>,
    ) -> Option<Run> {
        let lane = self.lanes.get_mut(&key)?;
        let run = lane.held.remove(&id)?;
        match run {
            Run::Live { job } => lane.is_left_by(jobs, job),
            Run::Void { since } => {
                if let Some(why) = lane.void.remove(&(since, id)) {
                    self.void[why as usize] -= 1;
                }
            }
            Run::Unclaimed => {}
        }
        match word {
            Some(Word::Done) => lane.done += 1,
            Some(Word::Failed) => lane.failed += 1,
            None => {}
        }
        self.busy -= 1;
        self.refresh(key);
        Some(run)
    }

    /// No job goes to this lane any more.
    pub(crate) fn drain(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.draining = true;
            self.set_apart(key, false);
        }
    }

    /// From now on the lane takes none but jobs under suspicion, or any again.
    pub(crate) fn set_apart(&mut self, key: LaneKey, apart: bool) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        if std::mem::replace(&mut lane.apart, apart) != apart {
            let all = &mut self.groups[lane.group].apart;
            match apart {
                true => all.push(key),
                false => all.retain(|other| *other != key),
            }
            self.apart = if apart { self.apart + 1 } else { self.apart - 1 };
        }
        self.refresh(key);
    }

    /// Something came from the worker. Returns whether it was silent and takes jobs again.
    pub(crate) fn hear(&mut self, key: LaneKey, now: Time) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        (lane.heard, lane.spoken, lane.reminded) = (now, now, false);
        let was_silent = std::mem::take(&mut lane.silent);
        if was_silent {
            self.keep_apart(key);
        }
        was_silent
    }

    /// A lane that holds jobs under suspicion, and takes any, takes none but such.
    pub(crate) fn keep_apart(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get(&key) else { return };
        let is_apart = lane.suspects > 0 && !lane.draining;
        self.set_apart(key, is_apart);
    }

    /// The worker beats. Returns whether a lease begins with it.
    pub(crate) fn beat(&mut self, key: LaneKey) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        !std::mem::replace(&mut lane.beats, true) && lane.live > 0
    }

    /// When a lane is to be looked at, at the latest, and what for.
    pub(crate) fn next_look(
        &self,
        key: LaneKey,
        lease: Duration,
        patience: Patience,
    ) -> Option<(Time, Look)> {
        let lane = self.lanes.get(&key)?;
        let lease = lane.lease_end(lease).map(|at| (at, Look::Lease));
        let look = if lane.reminded { Look::End } else { Look::Remind };
        let patience = lane.patience_end(patience).map(|at| (at, look));
        lease.into_iter().chain(patience).min_by_key(|(at, _)| *at)
    }

    pub(crate) fn look_at(&mut self, key: LaneKey, at: Option<Time>) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.look_at = at;
        }
    }

    /// Nothing is heard of a worker that should be: no job goes there until something is.
    pub(crate) fn silence(&mut self, key: LaneKey) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.silent = true;
            self.set_apart(key, false);
        }
    }

    /// The worker is told once more of a void run that it holds: of the oldest one.
    pub(crate) fn remind(&mut self, key: LaneKey) -> Option<JobId> {
        let lane = self.lanes.get_mut(&key)?;
        lane.reminded = true;
        lane.void.keys().next().map(|(_, job)| *job)
    }

    /// Nobody has listened to the workers for so long, until now: that is not their silence.
    pub(crate) fn forgive(&mut self, gap: Duration, now: Time) {
        for lane in self.lanes.values_mut() {
            for time in [&mut lane.heard, &mut lane.spoken, &mut lane.void_since] {
                *time = (*time + gap).min(now);
            }
        }
    }

    /// Whether a job may be put into a slot of this lane.
    pub(crate) fn is_free(&self, key: LaneKey) -> bool {
        self.lanes.get(&key).is_some_and(|lane| lane.place.is_some())
    }

    /// Whether a lane takes none but jobs under suspicion.
    pub(crate) fn is_apart(&self, key: LaneKey) -> bool {
        self.lanes.get(&key).is_some_and(|lane| lane.apart)
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
        if held < slots && lane.takes_jobs() && !lane.apart {
            self.uses += 1;
            let place = ((held << 32) / slots, self.uses, key);
            free.insert(place);
            lane.place = Some(place);
        }
    }
}

impl Lane {
    /// A run in one of the slots is void, since when and why.
    fn has_void(&mut self, id: JobId, (since, why): (Time, VoidReason)) {
        if self.void.is_empty() {
            self.void_since = since;
        }
        self.void.insert((since, id), why);
    }

    /// A job waits no longer for its run here.
    fn is_left_by(&mut self, jobs: &mut Chunks<Job>, job: usize) {
        self.live -= 1;
        self.suspects -= usize::from(jobs[job].share().is_some());
        self.runs.remove(jobs, job, Job::in_turn);
    }
}

#[cfg(test)]
impl Lanes {
    /// That counts, places and groups agree with the lanes.
    pub(crate) fn assert_consistent(
        &self,
        queues: &crate::state::queue::Queues,
        jobs: &mut Chunks<Job>,
        lease: Duration,
        patience: Patience,
    ) {
        let held = self.lanes.values().map(|lane| lane.held.len() as u64);
        assert_eq!(self.busy, held.sum::<u64>());
        assert_eq!(self.slots, self.lanes.values().map(|lane| u64::from(lane.slots)).sum::<u64>());
        for why in VoidReason::ALL {
            let void = self.lanes.values().flat_map(|lane| lane.void.values());
            assert_eq!(self.void[why as usize], void.filter(|of| **of == why).count() as u64);
        }
        assert_eq!(self.apart, self.lanes.values().filter(|lane| lane.apart).count());
        assert_eq!(self.groups.len(), self.by_queues.len());
        for (key, group) in &self.groups {
            assert_eq!(self.by_queues[&group.queues], key);
            let members = || self.lanes.iter().filter(|(_, lane)| lane.group == key);
            assert_eq!(group.members, members().count());
            assert!(group.members > 0);
            assert!(group.queues.iter().all(|queue| queues[*queue].groups.contains(&key)));
            let places: BTreeSet<Place> = members().filter_map(|(_, lane)| lane.place).collect();
            assert_eq!(group.free, places);
            let apart = members().filter(|(_, lane)| lane.apart).map(|(key, _)| *key);
            assert_eq!(group.apart.iter().copied().collect::<BTreeSet<_>>(), apart.collect());
        }
        for (key, lane) in &self.lanes {
            let is_free = lane.takes_jobs() && !lane.apart && lane.has_room();
            let live = lane.held.values().filter(|run| matches!(run, Run::Live { .. }));
            assert_eq!(lane.live, live.count());
            let unclaimed = lane.held.values().filter(|run| **run == Run::Unclaimed).count();
            assert_eq!(lane.held.len(), lane.live + lane.void.len() + unclaimed);
            let mut runs = Vec::new();
            let mut next = lane.runs.front();
            while let Some(job) = next {
                assert!(matches!(lane.held[&jobs[job].id], Run::Live { job: of } if of == job));
                runs.push(job);
                next = List::after(jobs, job, Job::in_turn);
            }
            assert_eq!(runs.len(), lane.live);
            let suspects = runs.iter().filter(|job| jobs[**job].share().is_some());
            assert_eq!(suspects.count(), lane.suspects);
            let latest = self.next_look(*key, lease, patience).map(|(at, _)| at);
            assert!(latest.is_none_or(|latest| lane.look_at.is_some_and(|at| at <= latest)));
            assert_eq!(lane.place.is_some(), is_free);
            assert!(lane.place.is_none_or(|(.., of)| of == *key));
        }
        let is_live = |id: JobId| jobs.iter().any(|(_, job)| job.id == id);
        let mut strays: FxHashMap<JobId, BTreeSet<LaneKey>> = FxHashMap::default();
        for (key, lane) in &self.lanes {
            for (_, id) in lane.void.keys().filter(|(_, id)| !is_live(*id)) {
                strays.entry(*id).or_default().insert(*key);
            }
        }
        let kept = self.strays.iter().map(|(id, lanes)| (*id, lanes.iter().copied().collect()));
        assert_eq!(strays, kept.collect());
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.lanes.is_empty() && self.groups.is_empty() && self.by_queues.is_empty());
        assert_eq!((self.slots, self.busy, self.void), (0, 0, [0; VoidReason::ALL.len()]));
        assert!(self.strays.is_empty());
    }
}
