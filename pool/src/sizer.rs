//! How many processes a pool has, and which of them go: a state machine without IO.
//!
//! ```text
//!            first lane             drain             its lanes hold nothing        grace
//!  starting ───────────▶ serving ───────────▶ draining ───────────────────▶ told ─────────▶ killed
//!      └────────────────────────────────────────▲
//! ```
//!
//! A process that hangs is replaced: one that holds void runs drains, so that its other jobs end; one that
//! is silent or has lost its lanes is told to go at once. Nobody waits then for void runs.
//!
//! A process may end by itself at any stage. One that does so before it is to go has its place
//! filled anew, after a pause that grows while it keeps ending.

mod facts;
mod need;
mod patience;
mod place;
mod process;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod trouble;

use std::collections::BTreeMap;

use self::facts::STEADY;
pub(crate) use self::facts::{
    Action, Counts, End, Event, Hang, Lane, LaneState, Observation, ProcessId, Time,
};
pub use self::facts::{Bounds, Rules};
use self::need::Need;
use self::place::Place;
use self::process::{Process, Stage};
use self::trouble::Trouble;

/// To grow within so many times the idle time after some were stopped: one too many was stopped.
const REGRETS: u32 = 4;

/// Decides.
#[derive(Debug)]
pub(crate) struct Sizer {
    rules: Rules,
    bounds: Bounds,
    processes: BTreeMap<ProcessId, Process>,
    next: u64,
    places: Vec<Place>,
    need: Need,
    /// How many processes there are to be.
    target: usize,
    waiting: u64,
    /// Slots of a process.
    slots: u64,
    /// When some were stopped for not being needed.
    shrunk: Option<Time>,
    /// Whether that was regretted: then a few more than needed are kept, as long as there is work.
    spares: bool,
    trouble: Trouble,
    /// Whether the last that was heard of the server is an observation.
    seen: bool,
    /// Whether there has been one at all; nothing is started before.
    begun: bool,
    stopping: bool,
}

impl Sizer {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            bounds: rules.bounds,
            slots: rules.slots.max(1).into(),
            need: Need::new(rules.idle),
            rules,
            processes: BTreeMap::new(),
            next: 0,
            places: Vec::new(),
            target: 0,
            waiting: 0,
            shrunk: None,
            spares: false,
            trouble: Trouble::default(),
            seen: false,
            begun: false,
            stopping: false,
        }
    }

    /// Takes an event in and appends what is to be done.
    pub(crate) fn handle(&mut self, now: Time, event: Event, actions: &mut Vec<Action>) {
        match event {
            Event::Observed(observation) => self.observe(now, &observation, actions),
            Event::Away { gone } => self.miss(now, gone, actions),
            Event::Scaled(bounds) => self.scale(bounds),
            Event::Moved => self.drain_all(now, None, actions),
            Event::Ended { process, end } => self.end(now, process, end),
            Event::Stop => self.stop(now, actions),
            Event::Tick => {}
        }
        self.keep_time(now, actions);
        self.start(now, actions);
    }

    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    pub(crate) fn counts(&self) -> Counts {
        let stopping = self.processes.values().filter(|process| !process.is_serving()).count();
        let starting = self.serving().filter(|process| !process.was_ready).count();
        Counts { processes: self.processes.len(), starting, stopping }
    }

    /// Whether a process has ever had a lane.
    pub(crate) fn was_ready(&self, process: ProcessId) -> bool {
        self.processes.get(&process).is_some_and(|process| process.was_ready)
    }

    /// Why the program is left alone, and for how long, if it is.
    pub(crate) fn failing(&self, now: Time) -> Option<String> {
        self.trouble.describe(now)
    }

    /// Whether something may be over or needed in a moment, so that the server should be looked at
    /// often.
    pub(crate) fn is_changing(&self) -> bool {
        let count = self.processes.len();
        let grows = count < self.target || self.waiting > 0 && count < self.bounds.max;
        let may_grow = self.trouble.left_alone_until().is_none();
        grows && may_grow || !self.processes.values().all(Process::is_settled)
    }

    /// Whether the pool was told to stop and has no process any more.
    pub(crate) fn is_over(&self) -> bool {
        self.stopping && self.processes.is_empty()
    }

    fn serving(&self) -> impl Iterator<Item = &Process> {
        self.processes.values().filter(|process| process.is_serving())
    }

    fn observe(&mut self, now: Time, observation: &Observation, actions: &mut Vec<Action>) {
        let mut worked = false;
        for (id, process) in &mut self.processes {
            let lanes = observation.lanes.iter().filter(|lane| lane.process == *id).copied();
            worked |= process.see(now, lanes.collect());
        }
        let shown = self.serving().filter_map(Process::slots).max();
        self.slots = shown.unwrap_or(self.slots);
        self.waiting = observation.waiting;
        self.let_go(now, observation.asked, actions);
        self.give_up(now, actions);
        self.aim(now, worked);
        self.shrink(now, actions);
    }

    /// Works out how many processes there are to be. If any `worked` since the last observation,
    /// however briefly, that is one at least.
    fn aim(&mut self, now: Time, worked: bool) {
        if self.begun && !self.seen {
            // What was needed meanwhile is not known: as much as before.
            self.need.add(now, self.target);
        }
        (self.begun, self.seen) = (true, true);
        let busy: u64 = self.serving().map(Process::busy).sum();
        let wanted = busy.saturating_add(self.waiting).div_ceil(self.slots);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        self.need.add(now, wanted.max(worked.into()).min(self.bounds.max));
        let most = self.need.most();
        self.target = most.clamp(self.bounds.min, self.bounds.max);
        let regretted = |at: Time| now <= at + REGRETS * self.rules.idle;
        if most == 0 {
            (self.spares, self.shrunk) = (false, None);
        } else if self.able() < self.target && self.shrunk.is_some_and(regretted) {
            self.spares = true;
        }
    }

    /// How many can be counted on.
    fn able(&self) -> usize {
        self.serving().filter(|process| !process.is_silent()).count()
    }

    /// Has those drain that are too many: of those without a job the newest. Those with jobs only
    /// if an operator allows fewer; they end them first.
    fn shrink(&mut self, now: Time, actions: &mut Vec<Action>) {
        let spares = if self.spares { 1 + self.target / 10 } else { 0 };
        let unneeded = self.able().saturating_sub(self.target + spares);
        let forbidden = self.serving().count().saturating_sub(self.bounds.max);
        let mut serving: Vec<_> =
            self.processes.iter_mut().filter(|(_, process)| process.is_serving()).collect();
        serving.sort_by_key(|(id, process)| (process.busy(), std::cmp::Reverse(**id)));
        let go = |(nth, (_, process)): &(usize, (_, &mut Process))| {
            *nth < forbidden || *nth < unneeded && process.busy() == 0
        };
        for (_, (_, process)) in serving.into_iter().enumerate().take_while(go) {
            process.drain(now, None, actions);
            self.shrunk = Some(now);
        }
    }

    /// Has those go that have hung for too long.
    fn give_up(&mut self, now: Time, actions: &mut Vec<Action>) {
        let kill_at = now + self.rules.grace;
        for (id, process) in &mut self.processes {
            let Some(why) = process.hangs(now) else { continue };
            let was_serving = process.is_serving();
            if was_serving {
                actions.push(Action::GiveUp { process: *id, why });
            }
            match why {
                // No job goes there, and none that is there will come to anything.
                Hang::Silent | Hang::Gone => process.terminate(*id, kill_at, actions),
                Hang::Void if was_serving => process.drain(now, None, actions),
                Hang::Void => {}
            }
        }
    }

    /// Ends those that drain and hold no job any more.
    fn let_go(&mut self, now: Time, asked: Time, actions: &mut Vec<Action>) {
        let kill_at = now + self.rules.grace;
        for (id, process) in &mut self.processes {
            if process.goes_by_itself() {
                process.drain(now, None, actions);
            } else if process.is_drained(now, asked) {
                process.terminate(*id, kill_at, actions);
            } else if matches!(process.stage, Stage::Draining { since, .. } if since <= asked) {
                // The server did not hear of it, or the process has a new lane.
                process.drain_lanes(actions);
            }
        }
    }

    fn miss(&mut self, now: Time, gone: bool, actions: &mut Vec<Action>) {
        self.seen = false;
        self.processes.values_mut().for_each(Process::is_unseen);
        if !(gone && self.stopping) {
            return;
        }
        // Nobody waits for what they do.
        let kill_at = now + self.rules.grace;
        for (id, process) in &mut self.processes {
            if matches!(process.stage, Stage::Draining { .. }) {
                process.terminate(*id, kill_at, actions);
            }
        }
    }

    fn scale(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        if self.begun {
            self.target = self.target.clamp(bounds.min, bounds.max);
        }
    }

    fn stop(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.stopping = true;
        self.drain_all(now, Some(now + self.rules.grace), actions);
    }

    fn drain_all(&mut self, now: Time, until: Option<Time>, actions: &mut Vec<Action>) {
        for process in self.processes.values_mut() {
            process.drain(now, until, actions);
        }
    }

    fn end(&mut self, now: Time, id: ProcessId, end: End) {
        let Some(process) = self.processes.remove(&id) else { return };
        if !process.is_serving() {
            return;
        }
        let lived = process.age(now);
        self.places[process.place].ended(now, lived, end.success && process.was_ready);
        if !process.is_proven && lived < STEADY {
            self.trouble.died(now, process.started, end.why);
        }
    }

    /// Does what is due.
    fn keep_time(&mut self, now: Time, actions: &mut Vec<Action>) {
        let kill_at = now + self.rules.grace;
        for (id, process) in &mut self.processes {
            if process.prove(now) {
                self.trouble.clear();
            }
            match process.stage {
                Stage::Draining { until: Some(until), .. } if until <= now => {
                    process.terminate(*id, kill_at, actions);
                }
                Stage::Told { kill_at } if kill_at <= now => process.kill(*id, actions),
                _ => {}
            }
        }
    }

    fn start(&mut self, now: Time, actions: &mut Vec<Action>) {
        if self.stopping {
            return;
        }
        let room = self.bounds.max.saturating_sub(self.processes.len());
        let mut missing = self.target.saturating_sub(self.able()).min(room);
        if let Some(until) = self.trouble.left_alone_until() {
            // Then one, and no other before it has done well.
            let alone = now < until || self.serving().any(|process| !process.is_proven);
            missing = if alone { 0 } else { missing.min(1) };
        }
        let mut place = 0;
        while missing > 0 {
            if place == self.places.len() {
                self.places.push(Place::default());
            }
            if !self.processes.values().any(|process| process.place == place) {
                missing -= 1;
                if self.places[place].may_start(now) {
                    let process = ProcessId(self.next);
                    self.next += 1;
                    self.processes.insert(process, Process::new(place, now));
                    actions.push(Action::Start { process, place });
                }
            }
            place += 1;
        }
    }
}
