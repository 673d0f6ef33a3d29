//! What kind of world a seed stands for.

use acequia_wire::{Limits, QueueName, TraceRatio};

use super::random::Random;

/// The sizes and habits of one world. Weights are shares of all that happens.
pub(super) struct Plan {
    pub(super) steps: u32,
    /// The state is compared as a whole after so many steps.
    pub(super) compare_every: u32,
    pub(super) clients: u32,
    pub(super) sessions_max: usize,
    pub(super) lanes_max: usize,
    pub(super) slots_max: u32,
    pub(super) queues: u32,
    pub(super) priorities: u32,
    pub(super) limits: Limits,
    pub(super) queue_names: usize,
    pub(super) traces: TraceRatio,
    pub(super) lease_ms: u64,
    pub(super) remind_ms: u64,
    pub(super) answer_ms: u64,
    pub(super) default_timeout_ms: Option<u32>,
    pub(super) retention_ms: u64,
    pub(super) retained_jobs: usize,
    pub(super) retained_bytes: usize,
    pub(super) dead_letters: usize,
    pub(super) dead_letters_bytes: usize,
    /// Longest delay, timeout and time to live, in milliseconds.
    pub(super) wait_ms_max: u32,
    pub(super) drains_at: Option<u32>,
    /// When servers die, the first last.
    pub(super) fails_over_at: Vec<u32>,
    /// Every session outlives a server, rather than every other one.
    pub(super) sessions_live_on: bool,
    /// How many of a hundred lanes outlive a server.
    pub(super) lanes_live_on: u32,
    /// How likely in a hundred one of them comes to the next server, in each step.
    pub(super) haste: u32,
    pub(super) adoption_ms: u64,
    pub(super) weights: [(Habit, u32); 22],
}

/// What may happen next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Habit {
    OpenSession,
    CloseSession,
    LoseSession,
    ResumeSession,
    Submit,
    SubmitAgain,
    Cancel,
    Watch,
    CancelJob,
    Pause,
    AddLane,
    DrainLane,
    CloseLane,
    AddPublisher,
    StandStill,
    Beat,
    Answer,
    Durable,
    Storage,
    Redrive,
    DropLetter,
    Wait,
}

impl Plan {
    /// A handful of everything: nearly all bugs fit in here.
    pub(super) fn small(seed: u64) -> Self {
        let random = &mut Random::new(seed ^ 0x5EED);
        let mut limits = Limits::default();
        if random.percent(30) {
            limits.client_jobs = random.within(1, 6) as usize;
        }
        if random.percent(30) {
            limits.waiting_jobs = random.within(1, 12) as usize;
        }
        if random.percent(30) {
            limits.queue_jobs = random.within(1, 8) as usize;
        }
        if random.percent(20) {
            limits.payloads_bytes = random.within(1, 60) as usize;
        }
        if random.percent(30) {
            limits.result_bytes = 12;
        }
        let steps = random.within(40, 300);
        Self {
            steps,
            compare_every: 1,
            clients: random.within(1, 4),
            sessions_max: random.within(1, 6) as usize,
            lanes_max: random.within(1, 5) as usize,
            slots_max: random.within(1, 4),
            queues: random.within(1, 4),
            priorities: random.within(1, 3),
            limits,
            queue_names: random.pick(&[1, 2, 3, 10_000]),
            traces: TraceRatio::new(random.pick(&[0.0, 1.0])).unwrap(),
            lease_ms: random.pick(&[1, 20, 2_000]),
            remind_ms: random.pick(&[1, 20, 2_000]),
            answer_ms: random.pick(&[1, 30, 10_000]),
            default_timeout_ms: random.pick(&[None, None, Some(20)]),
            retention_ms: random.pick(&[1, 100, 10_000]),
            retained_jobs: random.pick(&[0, 2, 100]),
            retained_bytes: random.pick(&[300, 1_000, 100_000]),
            dead_letters: random.pick(&[0, 2, 100]),
            dead_letters_bytes: random.pick(&[1_500, 100_000]),
            wait_ms_max: random.pick(&[3, 50, 2_000]),
            drains_at: random.percent(15).then(|| random.within(1, steps)),
            fails_over_at: fails_over(random, steps),
            sessions_live_on: random.percent(20),
            lanes_live_on: random.pick(&[0, 50, 90, 100, 100]),
            haste: random.pick(&[5, 30, 100, 100]),
            adoption_ms: random.pick(&[0, 1, 100, 2_000, 2_000, 100_000, 100_000]),
            weights: weights(random, 1),
        }
    }

    /// A handful of busy workers, who mostly live on when a server dies, as their clients do.
    pub(super) fn cluster(seed: u64) -> Self {
        let random = &mut Random::new(seed ^ 0xC1A5);
        let steps = random.within(100, 500);
        let mut fails_over_at: Vec<u32> =
            (0..random.within(1, 4)).map(|_| random.within(60, steps)).collect();
        fails_over_at.sort_unstable_by(|a, b| b.cmp(a));
        let mut weights = weights(random, 6);
        for (habit, weight) in &mut weights {
            match habit {
                Habit::CloseSession | Habit::LoseSession | Habit::DrainLane => *weight = 0,
                Habit::CloseLane => *weight = random.within(0, 1),
                _ => {}
            }
        }
        Self {
            steps,
            sessions_max: 4,
            lanes_max: random.within(2, 5) as usize,
            queues: random.within(1, 2),
            limits: Limits::default(),
            queue_names: 10_000,
            lease_ms: 2_000,
            remind_ms: 2_000,
            answer_ms: 10_000,
            default_timeout_ms: None,
            retention_ms: random.pick(&[100, 10_000]),
            wait_ms_max: random.pick(&[3, 50]),
            drains_at: None,
            fails_over_at,
            sessions_live_on: true,
            lanes_live_on: random.pick(&[90, 100]),
            haste: random.pick(&[5, 30, 100]),
            adoption_ms: random.pick(&[0, 50, 1_000, 1_000]),
            weights,
            ..Self::small(seed)
        }
    }

    /// Hundreds of clients and workers.
    pub(super) fn large(seed: u64) -> Self {
        let random = &mut Random::new(seed ^ 0x5EED);
        Self {
            steps: 6_000,
            compare_every: 100,
            clients: random.within(100, 300),
            sessions_max: 400,
            lanes_max: random.within(50, 300) as usize,
            slots_max: random.pick(&[1, 4, 16]),
            queues: random.within(1, 12),
            priorities: random.within(1, 10),
            limits: Limits::default(),
            queue_names: 10_000,
            traces: TraceRatio::default(),
            lease_ms: 15_000,
            remind_ms: 10_000,
            answer_ms: 30_000,
            default_timeout_ms: None,
            retention_ms: 60_000,
            retained_jobs: 1_000,
            retained_bytes: 1 << 20,
            dead_letters: 1_000,
            dead_letters_bytes: 1 << 20,
            wait_ms_max: 10_000,
            drains_at: None,
            fails_over_at: vec![4_500, 3_000],
            sessions_live_on: true,
            lanes_live_on: 90,
            haste: 30,
            adoption_ms: random.pick(&[0, 2_000]),
            weights: weights(random, 6),
        }
    }
}

/// No server dies, or some do.
fn fails_over(random: &mut Random, steps: u32) -> Vec<u32> {
    let deaths = random.pick(&[0, 1, 1, 2, 4]);
    let mut at: Vec<u32> = (0..deaths).map(|_| random.within(1, steps)).collect();
    at.sort_unstable_by(|a, b| b.cmp(a));
    at
}

/// Some worlds starve, some idle, in some nobody stays. `bustle` is how much more of the jobs'
/// life there is than of the comings and goings around it.
fn weights(random: &mut Random, bustle: u32) -> [(Habit, u32); 22] {
    [
        (Habit::OpenSession, random.within(1, 3)),
        (Habit::CloseSession, random.within(0, 2)),
        (Habit::LoseSession, random.within(0, 2)),
        (Habit::ResumeSession, random.within(0, 2)),
        (Habit::Submit, bustle * random.within(2, 12)),
        (Habit::SubmitAgain, random.within(0, 2)),
        (Habit::Cancel, random.within(0, 3)),
        (Habit::Watch, random.within(0, 3)),
        (Habit::CancelJob, random.within(0, 1)),
        (Habit::Pause, random.within(0, 1)),
        (Habit::AddLane, random.within(1, 4)),
        (Habit::DrainLane, random.within(0, 1)),
        // In some, workers die of their jobs all the time.
        (Habit::CloseLane, random.pick(&[0, 1, 2, 2, bustle * 8])),
        (Habit::AddPublisher, random.within(0, 1)),
        (Habit::StandStill, random.within(0, 1)),
        (Habit::Beat, random.within(0, 2)),
        (Habit::Answer, bustle * random.within(1, 12)),
        (Habit::Durable, bustle * random.within(0, 4)),
        (Habit::Storage, random.within(0, 1)),
        (Habit::Redrive, bustle * random.within(0, 2)),
        (Habit::DropLetter, random.within(0, 1)),
        (Habit::Wait, random.within(1, 5)),
    ]
}

/// The name of one of the queues.
pub(super) fn queue(nth: u32) -> QueueName {
    format!("queue-{nth}").parse().unwrap()
}
