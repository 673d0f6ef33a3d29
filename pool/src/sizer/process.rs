//! One process as the sizer sees it.

use std::time::Duration;

use super::facts::{Action, Hang, Lane, LaneState, ProcessId, STEADY, Time};
use super::patience::Hanging;

/// How long a process may take to its first lane before it is stopped without one. Sooner it may
/// get lane and job just while it is looked at.
const BOOT: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Process {
    pub(super) place: usize,
    pub(super) started: Time,
    /// Whether it has ever had a lane.
    pub(super) was_ready: bool,
    /// Whether it has, or has run for long without one.
    pub(super) is_proven: bool,
    pub(super) stage: Stage,
    /// As of the last observation.
    pub(super) lanes: Vec<Lane>,
    /// Whether that shows that it hangs.
    hanging: Option<Hanging>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Starting, or at work.
    Serving,
    /// It is to go once it holds no job, and in any case at `until`.
    Draining { since: Time, until: Option<Time> },
    /// It has got SIGTERM.
    Told { kill_at: Time },
    /// It has got SIGKILL.
    Killed,
}

impl Process {
    pub(super) fn new(place: usize, now: Time) -> Self {
        Self {
            place,
            started: now,
            was_ready: false,
            is_proven: false,
            stage: Stage::Serving,
            lanes: Vec::new(),
            hanging: None,
        }
    }

    /// Takes its lanes in as they are now; whether a job has ended there since.
    pub(super) fn see(&mut self, now: Time, lanes: Vec<Lane>) -> bool {
        let before = |lane: &Lane| self.lanes.iter().find(|old| old.worker == lane.worker);
        let worked = lanes.iter().any(|lane| lane.ended > before(lane).map_or(0, |old| old.ended));
        self.was_ready |= !lanes.is_empty();
        self.hanging = Hanging::of(now, &lanes, self.was_ready, self.hanging);
        self.lanes = lanes;
        worked
    }

    /// What it is seen as while nobody looks counts neither for it nor against it.
    pub(super) fn is_unseen(&mut self) {
        self.hanging = None;
    }

    /// What shows that it has hung for too long, unless it was told to go for that already.
    pub(super) fn hangs(&self, now: Time) -> Option<Hang> {
        let is_at_work = matches!(self.stage, Stage::Serving | Stage::Draining { .. });
        let hanging = self.hanging.filter(|hanging| hanging.is_over(now));
        hanging.filter(|_| is_at_work).map(|hanging| hanging.why)
    }

    pub(super) fn is_serving(&self) -> bool {
        self.stage == Stage::Serving
    }

    /// Whether it will stay for a while as it is.
    pub(super) fn is_settled(&self) -> bool {
        match self.stage {
            Stage::Serving => self.is_proven,
            Stage::Draining { .. } => self.live() > 0,
            Stage::Told { .. } | Stage::Killed => false,
        }
    }

    pub(super) fn age(&self, now: Time) -> Duration {
        now.saturating_sub(self.started)
    }

    /// Takes in whether it has started well by now; whether that is new.
    pub(super) fn prove(&mut self, now: Time) -> bool {
        let is_new = !self.is_proven && (self.was_ready || self.age(now) >= STEADY);
        self.is_proven |= is_new;
        is_new
    }

    /// Whether all its lanes take no more jobs, though it was not told to go: it wants to, or an
    /// operator has drained it.
    pub(super) fn goes_by_itself(&self) -> bool {
        let drains = |lane: &Lane| lane.state == LaneState::Draining;
        self.is_serving() && !self.lanes.is_empty() && self.lanes.iter().all(drains)
    }

    /// Whether it hangs, so that no job goes to any of its lanes.
    pub(super) fn is_silent(&self) -> bool {
        !self.lanes.is_empty() && self.lanes.iter().all(|lane| lane.state == LaneState::Silent)
    }

    /// The slots of its lanes, if it has one that takes jobs.
    pub(super) fn slots(&self) -> Option<u64> {
        let ready = self.lanes.iter().filter(|lane| lane.state == LaneState::Ready);
        let slots: u64 = ready.map(|lane| u64::from(lane.slots)).sum();
        (slots > 0).then_some(slots)
    }

    /// How many of its slots are taken.
    pub(super) fn busy(&self) -> u64 {
        self.lanes.iter().map(|lane| u64::from(lane.busy)).sum()
    }

    /// How many jobs it holds that somebody waits for.
    pub(super) fn live(&self) -> u64 {
        self.lanes.iter().map(|lane| u64::from(lane.busy.saturating_sub(lane.void))).sum()
    }

    /// Has it take no more jobs, and go at `until` at the latest.
    pub(super) fn drain(&mut self, now: Time, until: Option<Time>, actions: &mut Vec<Action>) {
        match &mut self.stage {
            Stage::Serving => {
                self.stage = Stage::Draining { since: now, until };
                self.drain_lanes(actions);
            }
            Stage::Draining { until: limit, .. } => *limit = limit.or(until),
            Stage::Told { .. } | Stage::Killed => {}
        }
    }

    pub(super) fn drain_lanes(&self, actions: &mut Vec<Action>) {
        let open = self.lanes.iter().filter(|lane| lane.state != LaneState::Draining);
        actions.extend(open.map(|lane| Action::Drain { worker: lane.worker }));
    }

    /// Whether it was seen to hold no job, nor a lane that may get one, since it drains. The slots of
    /// void runs are waited for as long as there is patience with it.
    pub(super) fn is_drained(&self, now: Time, asked: Time) -> bool {
        let hangs = self.hangs(now).is_some();
        let empty = |lane: &Lane| {
            let held = if hangs { lane.busy.saturating_sub(lane.void) } else { lane.busy };
            lane.state == LaneState::Draining && held == 0
        };
        let could_have_one = self.was_ready || self.age(asked) >= BOOT;
        matches!(self.stage, Stage::Draining { since, .. } if since <= asked)
            && could_have_one
            && self.lanes.iter().all(empty)
    }

    pub(super) fn terminate(&mut self, id: ProcessId, kill_at: Time, actions: &mut Vec<Action>) {
        self.stage = Stage::Told { kill_at };
        actions.push(Action::Terminate { process: id });
    }

    pub(super) fn kill(&mut self, id: ProcessId, actions: &mut Vec<Action>) {
        self.stage = Stage::Killed;
        actions.push(Action::Kill { process: id });
    }
}
