//! Queues: how much waits, how quick they are, and whether they are paused.

use std::collections::BTreeMap;

use acequia_scheduler::{Event, QueueStats, Stats};
use acequia_wire::QueueName;
use serde::Serialize;
use utoipa::ToSchema;

use super::Desk;
use crate::metrics::{Point, Recent};
use crate::schema;

/// A queue, as it is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Queue {
    /// Its name.
    #[schema(value_type = schema::QueueName)]
    pub(crate) queue: QueueName,
    /// Jobs that wait for a slot.
    waiting: usize,
    /// Jobs with a worker.
    running: usize,
    /// Jobs that may not run yet.
    delayed: usize,
    /// How long the oldest of the waiting has waited, in milliseconds.
    #[schema(required = true)]
    oldest_ms: Option<u64>,
    /// Whether an operator lets none of its jobs begin.
    paused: bool,
    /// Slots of the workers that serve it and take jobs.
    slots: u64,
    /// Those of them that hold a job, of whichever queue.
    slots_busy: u64,
    /// Its dead letters.
    dead_letters: usize,
    /// The last ten seconds; null for a queue that is not among those that are followed.
    #[schema(required = true)]
    recent: Option<Recent>,
    /// The last interval of its history.
    #[serde(skip)]
    pub(crate) point: Option<Point>,
}

impl Desk<'_> {
    fn told(&self, name: &QueueName, stats: Option<&QueueStats>) -> Queue {
        let count = |pick: fn(&QueueStats) -> usize| stats.map_or(0, pick);
        let oldest = stats.and_then(|stats| stats.oldest);
        let history = self.metrics.recent(name);
        Queue {
            queue: name.clone(),
            waiting: count(|stats| stats.waiting),
            running: count(|stats| stats.running),
            delayed: count(|stats| stats.delayed),
            oldest_ms: oldest.and_then(|age| u64::try_from(age.as_millis()).ok()),
            paused: stats.is_some_and(|stats| stats.is_paused),
            slots: stats.map_or(0, |stats| stats.slots),
            slots_busy: stats.map_or(0, |stats| stats.slots_busy),
            dead_letters: self.scheduler.dead_letters_of(name),
            recent: history.map(|(recent, _)| recent),
            point: history.and_then(|(_, point)| point),
        }
    }

    /// A queue that is in use, or has dead letters or a history.
    pub(crate) fn queue(&self, name: &QueueName) -> Option<Queue> {
        let stats = self.scheduler.queue(self.now, name);
        let queue = self.told(name, stats.as_ref());
        (stats.is_some() || queue.dead_letters > 0 || queue.recent.is_some()).then_some(queue)
    }

    /// The first queues by name after one of them, in use or with dead letters, and whether there
    /// are more.
    pub(crate) fn queues(
        &self,
        stats: &Stats,
        after: Option<&QueueName>,
        limit: usize,
    ) -> (Vec<Queue>, bool) {
        let mut all: BTreeMap<&QueueName, Option<&QueueStats>> = BTreeMap::new();
        all.extend(stats.dead_letters_of.iter().map(|(name, _)| (name, None)));
        all.extend(stats.queues.iter().map(|queue| (&queue.name, Some(queue))));
        let mut rest = all.into_iter().filter(|(name, _)| after < Some(*name));
        let page = rest.by_ref().take(limit).map(|(name, stats)| self.told(name, stats)).collect();
        (page, rest.next().is_some())
    }

    /// Returns the queue as it is then; `None` if there is no room for one more.
    pub(crate) fn set_paused(&mut self, queue: QueueName, is_paused: bool) -> Option<Queue> {
        let name = queue.clone();
        if is_paused {
            self.handle(Event::PauseQueue { queue });
        } else {
            self.handle(Event::ResumeQueue { queue });
        }
        let stats = self.scheduler.queue(self.now, &name);
        let was_heeded = stats.as_ref().is_some_and(|stats| stats.is_paused) == is_paused;
        if was_heeded {
            self.durability.paused(name.clone(), is_paused, self.instant);
        }
        was_heeded.then(|| self.told(&name, stats.as_ref()))
    }
}
