//! Everything at one moment, for those who watch.

use std::sync::{Arc, OnceLock};

use acequia_scheduler::{DeadLetter, Stats, Time};
use tokio::sync::watch;

use super::Desk;
use super::overview::Overview;
use super::queues::Queue;
use super::workers::Worker;
use crate::metrics::Overall;
use crate::pipeline::pools::Pool;

/// Queues and workers that are told.
const TOLD_MAX: usize = 1_000;
/// Dead letters that are told, the newest.
const FAILURES_TOLD: usize = 50;

/// What the pipeline tells at the end of each interval, if anybody watches.
pub(crate) type Ticks = watch::Sender<Option<Arc<Tick>>>;

/// Everything at one moment.
#[derive(Debug)]
pub(crate) struct Tick {
    pub(crate) at: Time,
    pub(crate) overview: Overview,
    /// What the interval that ends with it had.
    pub(crate) all: Option<Overall>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) more_workers: bool,
    pub(crate) pools: Vec<Pool>,
    pub(crate) failures: Vec<Arc<DeadLetter>>,
    /// Written once, however many watch.
    text: OnceLock<String>,
}

impl Tick {
    /// The text that `write` makes of it. The first one is kept.
    pub(crate) fn written(&self, write: impl FnOnce() -> String) -> &str {
        self.text.get_or_init(write)
    }
}

impl Desk<'_> {
    /// What is told at the end of an interval, or without one.
    pub(crate) fn tick(&mut self, stats: &Stats, all: Option<Overall>) -> Tick {
        let (workers, more_workers) = self.workers(None, None, TOLD_MAX);
        Tick {
            at: self.now,
            overview: self.overview(),
            all,
            queues: self.queues(stats, None, TOLD_MAX).0,
            workers,
            more_workers,
            pools: self.pools.list(self.now),
            failures: self.newest_dead_letters(FAILURES_TOLD),
            text: OnceLock::new(),
        }
    }
}
