//! What is told of each queue, and how many queues have a label and a history of their own.
//!
//! Clients choose the names of queues, so most that there may ever be share a label.

use std::time::Duration;

use acequia_scheduler::{Outcome, QueueStats, Stats};
use acequia_wire::QueueName;
use metrics::{Counter, Gauge};
use rustc_hash::FxHashMap;

use super::history::Followed;
use super::maker::Maker;
use super::times::{Times, micros};

/// Queues that get a label of their own when they are first heard of.
const QUEUE_LABELS_MAX: usize = 100;
/// Queues that may have one if workers serve them: names that clients make up do not take the place
/// of those that an operator looks after.
const SERVED_LABELS_MAX: usize = 2 * QUEUE_LABELS_MAX;
const OTHER: &str = "other";

/// The handles of one queue.
pub(super) struct QueueHandles {
    submitted: Counter,
    /// In the order of `Outcome::ALL`.
    ended: [Counter; Outcome::ALL.len()],
    pub(super) redelivered: Counter,
    pub(super) letters_evicted: Counter,
    /// Of waiting, of running, of the round trip.
    times: [Times; 3],
    followed: Followed,
    states: StateHandles,
}

/// The handles of what is a state of a queue.
struct StateHandles {
    depth: Gauge,
    running: Gauge,
    oldest: Gauge,
    slots: Gauge,
    slots_busy: Gauge,
    load: Gauge,
    dead_letters: Gauge,
}

/// All queues.
pub(super) struct Queues {
    own: OwnLabels,
    other: QueueHandles,
}

/// The queues that have a label of their own.
#[derive(Default)]
struct OwnLabels {
    /// Small, however many names clients come up with, so a quick hasher is safe. Apart from the
    /// handles, so that what is known is found without a copy of its name.
    places: FxHashMap<QueueName, usize>,
    /// The one that was asked for last: most jobs are of the same queue as the one before.
    last: Option<(QueueName, usize)>,
    handles: Vec<QueueHandles>,
}

impl Maker<'_> {
    fn queue(&self, queue: &str) -> QueueHandles {
        let labels = [("queue", queue)];
        let ended = |outcome: Outcome| {
            let labels = [("queue", queue), ("outcome", outcome.as_str())];
            self.counter("acequia_jobs_ended_total", &labels)
        };
        QueueHandles {
            submitted: self.counter("acequia_jobs_submitted_total", &labels),
            ended: Outcome::ALL.map(ended),
            redelivered: self.counter("acequia_jobs_redelivered_total", &labels),
            letters_evicted: self.counter("acequia_dead_letters_evicted_total", &labels),
            times: Default::default(),
            followed: Followed::new(),
            states: StateHandles {
                depth: self.gauge("acequia_queue_depth", &labels),
                running: self.gauge("acequia_jobs_running", &labels),
                oldest: self.gauge("acequia_queue_oldest_waiting_seconds", &labels),
                slots: self.gauge("acequia_queue_slots", &labels),
                slots_busy: self.gauge("acequia_queue_slots_busy", &labels),
                load: self.gauge("acequia_queue_load_ratio", &labels),
                dead_letters: self.gauge("acequia_dead_letters", &labels),
            },
        }
    }
}

impl QueueHandles {
    pub(super) fn submitted(&mut self) {
        self.submitted.increment(1);
        self.followed.submitted();
    }

    pub(super) fn started(&mut self, waited: Duration) {
        let waited = micros(waited);
        self.times[0].record(waited);
        self.followed.started(waited);
    }

    pub(super) fn ended(&mut self, outcome: Outcome, ran: Option<Duration>, total: Duration) {
        self.ended[outcome as usize].increment(1);
        let ran = ran.map(micros);
        if let Some(ran) = ran {
            self.times[1].record(ran);
        }
        self.times[2].record(micros(total));
        self.followed.ended(outcome, ran);
    }
}

impl StateHandles {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    fn set(&self, stats: &QueueStats) {
        self.depth.set(stats.waiting as f64);
        self.running.set(stats.running as f64);
        self.oldest.set(stats.oldest.unwrap_or_default().as_secs_f64());
        self.slots.set(stats.slots as f64);
        self.slots_busy.set(stats.slots_busy as f64);
        self.load.set(stats.load());
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
    fn set_letters(&self, letters: usize) {
        self.dead_letters.set(letters as f64);
    }
}

impl OwnLabels {
    /// The handles of a queue that has a label of its own, or gets one while there are fewer.
    fn of(
        &mut self,
        make: &Maker<'_>,
        name: &QueueName,
        labels_max: usize,
    ) -> Option<&mut QueueHandles> {
        if let Some((_, place)) = self.last.as_ref().filter(|(last, _)| last.is_copy_of(name)) {
            return self.handles.get_mut(*place);
        }
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.handles.len() >= labels_max || name.as_str() == OTHER => return None,
            None => {
                self.handles.push(make.queue(name.as_str()));
                self.places.insert(name.clone(), self.handles.len() - 1);
                self.handles.len() - 1
            }
        };
        self.last = Some((name.clone(), place));
        self.handles.get_mut(place)
    }
}

fn labels_max(queue: &QueueStats) -> usize {
    if queue.slots > 0 { SERVED_LABELS_MAX } else { QUEUE_LABELS_MAX }
}

impl Queues {
    pub(super) fn new(make: &Maker<'_>) -> Self {
        Self { own: OwnLabels::default(), other: make.queue(OTHER) }
    }

    pub(super) fn with_label(&self) -> usize {
        self.own.handles.len()
    }

    /// The handles of a queue, or those that it shares.
    pub(super) fn of(&mut self, make: &Maker<'_>, name: &QueueName) -> &mut QueueHandles {
        self.own.of(make, name, QUEUE_LABELS_MAX).unwrap_or(&mut self.other)
    }

    /// The history of a queue that has a label of its own.
    pub(super) fn followed(&self, name: &QueueName) -> Option<&Followed> {
        self.own.places.get(name).map(|place| &self.own.handles[*place].followed)
    }

    /// The histories of all queues that have a label of their own.
    pub(super) fn all_followed(&self) -> impl Iterator<Item = (&QueueName, &Followed)> {
        let of_place = |(name, place): (_, &usize)| (name, &self.own.handles[*place].followed);
        self.own.places.iter().map(of_place)
    }

    /// The times of one sort of each queue, and of the others together.
    pub(super) fn times(&self, nth: usize) -> impl Iterator<Item = (&str, &Times)> {
        let own = self.own.places.iter();
        let own =
            own.map(move |(name, place)| (name.as_str(), &self.own.handles[*place].times[nth]));
        own.chain([(OTHER, &self.other.times[nth])])
    }

    /// Ends the interval of each history. What happened in it is added to that of all.
    pub(super) fn close_interval(&mut self, make: &Maker<'_>, stats: &Stats, all: &mut Followed) {
        // What has no label gets one now, if workers serve it.
        let mut states: FxHashMap<usize, (usize, usize)> = FxHashMap::default();
        for queue in &stats.queues {
            let labels_max = labels_max(queue);
            if self.own.of(make, &queue.name, labels_max).is_some()
                && let Some(place) = self.own.places.get(&queue.name)
            {
                states.insert(*place, (queue.waiting, queue.running));
            }
        }
        for (place, queue) in self.own.handles.iter_mut().enumerate() {
            let (waiting, running) = states.get(&place).copied().unwrap_or_default();
            all.add(&queue.followed);
            queue.followed.close(waiting, running);
        }
        all.add(&self.other.followed);
        self.other.followed.close(0, 0);
    }

    /// Sets what is a state.
    pub(super) fn set_states(&mut self, make: &Maker<'_>, stats: &Stats) {
        let mut others = QueueStats {
            name: QueueName::default(),
            waiting: 0,
            running: 0,
            delayed: 0,
            is_paused: false,
            oldest: None,
            slots: 0,
            slots_busy: 0,
        };
        // Queues that are no longer in use are not in the stats.
        for queue in &self.own.handles {
            queue.states.set(&others);
            queue.states.set_letters(0);
        }
        for stats in &stats.queues {
            match self.own.of(make, &stats.name, labels_max(stats)) {
                Some(queue) => queue.states.set(stats),
                None => {
                    others.waiting += stats.waiting;
                    others.running += stats.running;
                    others.oldest = others.oldest.max(stats.oldest);
                    others.slots += stats.slots;
                    others.slots_busy += stats.slots_busy;
                }
            }
        }
        self.other.states.set(&others);
        let mut letters_of_others = 0;
        for (name, letters) in &stats.dead_letters_of {
            match self.own.of(make, name, QUEUE_LABELS_MAX) {
                Some(queue) => queue.states.set_letters(*letters),
                None => letters_of_others += letters,
            }
        }
        self.other.states.set_letters(letters_of_others);
    }
}
