//! Whole lives of a pool from a seed: bursts, slow starts, crashes, hangs, a server that goes and comes.
//!
//! `ACEQUIA_SIM_SEED` replays the one world of that seed, `ACEQUIA_SIM_RUNS` sets how many are tried.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::*;

const RUNS_DEFAULT: u64 = 200;
const STEP: Duration = Duration::from_millis(50);

/// What the world is like in a part of its life.
#[derive(Clone, Copy, Debug)]
enum Weather {
    /// As many jobs, all at once.
    Burst(u32),
    /// A job each so many steps.
    Steady(u32),
    /// No job comes; all that there are end.
    Quiet,
    /// Processes crash now and then, among a burst.
    Crashes,
    /// Processes that have a lane hang now and then, among a burst, each in one of three ways.
    Hangs,
    /// Processes die as soon as they are started.
    Broken,
    /// The server does not answer, and work goes on.
    Unheard,
    /// The server is killed, and back at the end.
    Gone,
}

#[derive(Debug)]
struct Worker {
    place: usize,
    ready_at: Time,
    /// The number of its lane, once it has one.
    lane: Option<u64>,
    drains: bool,
    /// When the jobs that it holds end.
    jobs: Vec<Time>,
    /// How many have.
    ended: u64,
    /// When it ends, since it was told to.
    ends_at: Option<Time>,
    /// It does not hear SIGTERM.
    stubborn: bool,
    /// It hangs, since then.
    hangs: Option<(Hang, Time)>,
    /// Slots that it does not give back.
    void: u32,
}

struct World {
    seed: u64,
    rng: fastrand::Rng,
    sizer: Sizer,
    now: Time,
    slots: u32,
    weather: Weather,
    waiting: u32,
    job: Duration,
    workers: BTreeMap<ProcessId, Worker>,
    lanes: u64,
    /// Observations on their way.
    seen: VecDeque<Observation>,
    look_at: Time,
    starts: u32,
    stops: u32,
    stopped: Option<Time>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let min = *rng.choice(&[0, 0, 1, 2]).expect("some");
        let bounds = Bounds { min, max: min + rng.usize(1..8) };
        let slots = *rng.choice(&[1, 1, 2, 4]).expect("some");
        let rules = Rules {
            bounds,
            idle: Duration::from_secs(rng.u64(1..12)),
            grace: Duration::from_secs(5),
            slots: 1,
        };
        Self {
            seed,
            sizer: Sizer::new(rules),
            now: Time::ZERO,
            slots,
            weather: Weather::Quiet,
            waiting: 0,
            job: Duration::from_millis(rng.u64(10..3_000)),
            workers: BTreeMap::new(),
            lanes: 0,
            seen: VecDeque::new(),
            look_at: Time::ZERO,
            starts: 0,
            stops: 0,
            stopped: None,
            rng,
        }
    }

    fn bounds(&self) -> Bounds {
        self.sizer.bounds()
    }

    fn check(&self, holds: bool, what: &str) {
        assert!(
            holds,
            "ACEQUIA_SIM_SEED={}: {what} at {:?} in {:?}\n{:#?}\n{:#?}",
            self.seed, self.now, self.weather, self.workers, self.sizer
        );
    }

    fn handle(&mut self, event: Event) {
        let mut actions = Vec::new();
        self.sizer.handle(self.now, event, &mut actions);
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Start { process, place } => {
                self.starts += 1;
                self.check(self.workers.len() < self.bounds().max, "one too many was started");
                self.check(self.workers.values().all(|w| w.place != place), "a place is taken");
                self.check(self.stopped.is_none(), "one was started after the stop");
                let ready_at = self.now + Duration::from_millis(self.rng.u64(20..2_500));
                let stubborn = self.rng.u8(..) < 20;
                let worker = Worker {
                    place,
                    ready_at,
                    lane: None,
                    drains: false,
                    jobs: Vec::new(),
                    ended: 0,
                    ends_at: None,
                    stubborn,
                    hangs: None,
                    void: 0,
                };
                let twice = self.workers.insert(process, worker);
                self.check(twice.is_none(), "a process came twice");
            }
            Action::Drain { worker } => {
                let lane = self.workers.values_mut().find(|w| w.lane == Some(worker));
                if let (
                    Weather::Burst(_)
                    | Weather::Steady(_)
                    | Weather::Quiet
                    | Weather::Crashes
                    | Weather::Hangs
                    | Weather::Broken,
                    Some(lane),
                ) = (self.weather, lane)
                {
                    lane.drains = true;
                }
            }
            Action::GiveUp { process, .. } => {
                let hangs = self.workers[&process].hangs.is_some();
                let was_gone = self.workers[&process].lane.is_none();
                self.check(hangs || was_gone, "one that is well was given up");
            }
            Action::Terminate { process } => {
                self.stops += 1;
                let (now, grace) = (self.now, self.sizer.rules.grace);
                let holds = self.workers[&process].jobs.len();
                let is_late = self.stopped.is_some_and(|at| at + grace <= now);
                let is_void = matches!(self.weather, Weather::Gone);
                self.check(holds == 0 || is_late || is_void, "one that works was stopped");
                let ends_at = now + Duration::from_millis(self.rng.u64(0..300));
                let worker = self.workers.get_mut(&process).expect("it is there");
                worker.ends_at = (!worker.stubborn).then_some(ends_at);
            }
            Action::Kill { process } => {
                let worker = self.workers.get_mut(&process).expect("it is there");
                worker.ends_at = Some(self.now);
            }
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        self.rain();
        self.work();
        self.hang();
        self.die();
        self.look();
        self.handle(Event::Tick);
    }

    fn rain(&mut self) {
        let step = (self.now.as_millis() / STEP.as_millis()) as u32;
        match self.weather {
            Weather::Steady(every) if step.is_multiple_of(every) => self.waiting += 1,
            Weather::Crashes | Weather::Hangs if step.is_multiple_of(7) => self.waiting += 1,
            _ => {}
        }
    }

    /// What the workers and the server's scheduler do.
    fn work(&mut self) {
        let now = self.now;
        for worker in self.workers.values_mut() {
            if matches!(worker.hangs, Some((Hang::Silent | Hang::Gone, _))) {
                continue;
            }
            let held = worker.jobs.len();
            worker.jobs.retain(|end| *end > now);
            worker.ended += (held - worker.jobs.len()) as u64;
            if worker.lane.is_none()
                && worker.ready_at <= now
                && !matches!(self.weather, Weather::Gone)
            {
                self.lanes += 1;
                (worker.lane, worker.drains) = (Some(self.lanes), false);
            }
            let takes = worker.lane.is_some() && !worker.drains && worker.ends_at.is_none();
            while takes
                && self.waiting > 0
                && worker.jobs.len() + (worker.void as usize) < self.slots as usize
            {
                self.waiting -= 1;
                worker.jobs.push(now + self.job);
            }
        }
    }

    /// Some begin to hang. The server gives what they hold to others, or ends it.
    fn hang(&mut self) {
        let hangs = matches!(self.weather, Weather::Hangs);
        for worker in self.workers.values_mut() {
            if !hangs || worker.lane.is_none() || self.rng.u32(..) > u32::MAX / 400 {
                continue;
            }
            let why = *self.rng.choice(&[Hang::Silent, Hang::Void, Hang::Gone]).expect("some");
            if worker.hangs.is_some() || why == Hang::Void && worker.jobs.is_empty() {
                continue;
            }
            worker.hangs = Some((why, self.now));
            match why {
                Hang::Void => {
                    worker.jobs.pop();
                    worker.void = 1;
                    self.waiting += 1;
                }
                Hang::Silent | Hang::Gone => {
                    self.waiting += worker.jobs.len() as u32;
                    if why == Hang::Silent {
                        worker.void = worker.jobs.len() as u32;
                    } else {
                        worker.lane = None;
                    }
                    worker.jobs.clear();
                }
            }
        }
    }

    fn die(&mut self) {
        let mut dead = Vec::new();
        for (id, worker) in &self.workers {
            let told = worker.ends_at.is_some_and(|at| at <= self.now);
            let crash =
                matches!(self.weather, Weather::Crashes) && self.rng.u32(..) < u32::MAX / 400;
            let broken = matches!(self.weather, Weather::Broken) && worker.lane.is_none();
            if told || crash || broken {
                dead.push((*id, told));
            }
        }
        for (process, success) in dead {
            let worker = self.workers.remove(&process).expect("it is there");
            // The server gives its jobs to others.
            self.waiting += worker.jobs.len() as u32;
            let why = "it died".to_owned();
            self.handle(Event::Ended { process, end: End { success, why } });
        }
    }

    fn look(&mut self) {
        if let Some(observation) = self.seen.pop_front() {
            self.handle(Event::Observed(observation));
        }
        if self.now < self.look_at {
            return;
        }
        let pause = if self.sizer.is_changing() { 100 } else { 500 };
        self.look_at = self.now + Duration::from_millis(pause);
        match self.weather {
            Weather::Unheard => self.handle(Event::Away { gone: false }),
            Weather::Gone => self.handle(Event::Away { gone: true }),
            _ => {
                let observation = self.observation();
                // It takes a while to come, sometimes.
                if self.rng.bool() {
                    self.seen.push_back(observation);
                } else {
                    self.handle(Event::Observed(observation));
                }
            }
        }
    }

    fn observation(&self) -> Observation {
        let lane = |(process, worker): (&ProcessId, &Worker)| {
            let is_silent = matches!(worker.hangs, Some((Hang::Silent, _)));
            let state = match (is_silent, worker.drains) {
                (true, _) => LaneState::Silent,
                (_, true) => LaneState::Draining,
                (_, false) => LaneState::Ready,
            };
            let (slots, void) = (self.slots, worker.void);
            let busy = worker.jobs.len() as u32 + void;
            let since = worker.hangs.map(|(_, since)| since.as_millis() as u64);
            let (void_since, process, ended) = (since.filter(|_| void > 0), *process, worker.ended);
            let told =
                |lane| Lane { process, worker: lane, slots, busy, void, void_since, ended, state };
            worker.lane.map(told)
        };
        let lanes = self.workers.iter().filter_map(lane).collect();
        Observation { asked: self.now, waiting: self.waiting.into(), lanes }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    fn change(&mut self, weather: Weather) {
        if matches!(weather, Weather::Gone) {
            self.seen.clear();
            for worker in self.workers.values_mut() {
                // With the server go its lanes. Its journal has the jobs.
                self.waiting += worker.jobs.len() as u32;
                worker.jobs.clear();
                (worker.lane, worker.drains) = (None, false);
                // A new server knows of no void runs.
                worker.void = 0;
                worker.hangs = worker.hangs.filter(|(why, _)| *why != Hang::Void);
            }
        }
        if let Weather::Burst(jobs) = weather {
            self.waiting += jobs;
        }
        self.weather = weather;
    }

    /// Enough good weather for all that there is to be done.
    fn clear_up(&mut self) {
        self.change(Weather::Quiet);
        let left_alone = |world: &Self| {
            let idle = world.waiting == 0 && world.workers.len() == world.bounds().min;
            !idle && world.sizer.failing(world.now).is_some()
        };
        for _ in 0..200 {
            if !left_alone(self) {
                break;
            }
            self.pass(Duration::from_secs(5));
        }
        self.check(!left_alone(self), "it is not tried again");
        for _ in 0..400 {
            if self.waiting == 0 && self.workers.values().all(|worker| worker.jobs.is_empty()) {
                break;
            }
            self.pass(Duration::from_secs(5));
        }
        self.check(self.waiting == 0, "jobs still wait");
        let hangs = |worker: &Worker| worker.hangs.is_some();
        // As long as there is patience with the slowest sign, and then for SIGTERM.
        self.pass(patience::PATIENCE_GONE + self.sizer.rules.grace + Duration::from_secs(5));
        self.check(!self.workers.values().any(hangs), "one that hangs keeps its place");
        // Those that do not hear SIGTERM take their grace time.
        self.pass(self.sizer.rules.idle + self.sizer.rules.grace + Duration::from_secs(40));
        let min = self.bounds().min;
        self.check(self.workers.len() == min, "it did not shrink to its least");
        self.check(self.sizer.counts().processes == min, "it counts otherwise");
    }

    fn random_weather(&mut self) -> Weather {
        match self.rng.u8(0..8) {
            0 => Weather::Burst(self.rng.u32(1..300)),
            1 => Weather::Steady(self.rng.u32(1..60)),
            2 => Weather::Quiet,
            3 => Weather::Crashes,
            4 => Weather::Broken,
            5 => Weather::Unheard,
            6 => Weather::Hangs,
            _ => Weather::Gone,
        }
    }

    fn live(&mut self) {
        for _ in 0..self.rng.u32(1..8) {
            let weather = self.random_weather();
            self.change(weather);
            let time = Duration::from_secs(self.rng.u64(1..30));
            self.pass(time);
        }
        self.clear_up();
    }

    /// Stops the pool at some time, and waits until it is over.
    fn stop(&mut self) {
        let time = Duration::from_millis(self.rng.u64(0..4_000));
        self.change(Weather::Burst(50));
        self.pass(time);
        self.stopped = Some(self.now);
        self.handle(Event::Stop);
        let grace = self.sizer.rules.grace;
        self.pass(2 * grace + Duration::from_secs(1));
        self.check(self.sizer.is_over() && self.workers.is_empty(), "some are left");
    }
}

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect(name))
}

fn seeds() -> std::ops::Range<u64> {
    match number_from_env("ACEQUIA_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from_env("ACEQUIA_SIM_RUNS").unwrap_or(RUNS_DEFAULT),
    }
}

#[test]
fn pools_keep_the_rules_whatever_happens() {
    for seed in seeds() {
        let mut world = World::new(seed);
        world.live();
        world.stop();
    }
}

#[test]
fn a_burst_gets_all_the_processes_that_it_may_have() {
    for seed in seeds() {
        let mut world = World::new(seed);
        world.pass(Duration::from_secs(1));
        world.change(Weather::Burst(10_000));
        world.pass(Duration::from_millis(1_000));
        world.check(world.workers.len() == world.bounds().max, "too few, or too late");
        let max = world.bounds().max as u32;
        world.check(world.starts == max, "some were started twice");
    }
}

#[test]
fn under_a_steady_load_nobody_comes_and_goes() {
    for seed in seeds() {
        let mut world = World::new(seed);
        // Within a second, the moments of looking are too few to tell.
        let rules = Rules { idle: Duration::from_secs(10), ..world.sizer.rules.clone() };
        world.sizer = Sizer::new(rules);
        let every = world.rng.u32(1..20);
        world.change(Weather::Steady(every));
        world.pass(Duration::from_secs(120));
        let settled = (world.starts, world.stops);
        world.pass(Duration::from_secs(240));
        world.check((world.starts, world.stops) == settled, "it flaps");
    }
}
