//! Everything at once, as it goes on, for whoever watches.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use acequia_scheduler::{DeadLetter, Stats, Time};
use acequia_wire::QueueName;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, Sse};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::watch;

use super::dead_letters::{Letter, of_letter};
use super::queues::Queue;
use super::server::{About, Overview, Server};
use super::workers::Worker;
use super::{Answer, Desk, Door, Refused, at_desk};
use crate::metrics::{self, INTERVAL, Overall, Point};
use crate::pools::Pool;

/// Streams at one time.
pub(crate) const STREAMS_MAX: usize = 100;
/// Queues and workers that are told.
const TOLD_MAX: usize = 1_000;
/// Dead letters that are told, the newest.
const FAILURES_TOLD: usize = 50;

/// What the pipeline tells at the end of each interval, if anybody watches.
pub(crate) type Ticks = watch::Sender<Option<Arc<Tick>>>;

/// Everything at one moment.
#[derive(Debug)]
pub(crate) struct Tick {
    at: Time,
    overview: Overview,
    /// What the interval that ends with it had.
    all: Option<Overall>,
    queues: Vec<Queue>,
    workers: Vec<Worker>,
    more_workers: bool,
    pools: Vec<Pool>,
    failures: Vec<Arc<DeadLetter>>,
    /// Written once, however many watch.
    text: OnceLock<String>,
}

#[derive(Serialize)]
struct TickView<'a> {
    at_ms: u64,
    server: Server<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    point: Option<Points<'a>>,
    queues: &'a [Queue],
    workers: &'a [Worker],
    more_workers: bool,
    pools: &'a [Pool],
    failures: Vec<Letter<'a>>,
}

#[derive(Serialize)]
struct Points<'a> {
    all: Overall,
    queues: BTreeMap<&'a QueueName, Point>,
}

#[derive(Serialize)]
struct HistoryView {
    interval_ms: u64,
    until_ms: u64,
    #[serde(flatten)]
    history: metrics::History,
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

impl Tick {
    fn text(&self, about: &About) -> &str {
        self.text.get_or_init(|| {
            let Self { at, overview, all, queues, workers, more_workers, pools, failures, .. } =
                self;
            let of_queues = queues.iter().filter_map(|of| Some((&of.queue, of.point?)));
            let tick = TickView {
                at_ms: at.as_millis(),
                server: Server { about, overview },
                point: all.map(|all| Points { all, queues: of_queues.collect() }),
                queues,
                workers,
                more_workers: *more_workers,
                pools,
                failures: failures.iter().map(|letter| of_letter(letter)).collect(),
            };
            serde_json::to_string(&tick).unwrap_or_default()
        })
    }
}

/// First the last ten minutes and how things are now, then a tick an interval until the server stops.
/// Whoever reads too slowly misses ticks.
pub(super) async fn stream(State(door): State<Arc<Door>>) -> Answer {
    let Ok(place) = door.streams.clone().try_acquire_owned() else {
        let message = format!("{STREAMS_MAX} streams are open, the limit; close others");
        return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", message));
    };
    let mut ticks = door.ticks.clone();
    ticks.mark_unchanged();
    let told = at_desk(&door, |desk| {
        let stats = desk.scheduler.stats(desk.now);
        (desk.metrics.history(), desk.tick(&stats, None))
    });
    let (history, now) = told.await?;
    let until = now.at;
    let interval_ms = u64::try_from(INTERVAL.as_millis()).unwrap_or(u64::MAX);
    let history = HistoryView { interval_ms, until_ms: until.as_millis(), history };
    let history = serde_json::to_string(&history).unwrap_or_default();
    let first = [
        Event::default().event("history").data(history),
        Event::default().event("now").data(now.text(&door.about)),
    ];
    let ticks = stream::unfold((ticks, door, place), move |(mut ticks, door, place)| async move {
        loop {
            ticks.changed().await.ok()?;
            let tick = ticks.borrow_and_update().clone()?;
            // One that came before the history was told is in it.
            if tick.at > until {
                let event = Event::default().event("tick").data(tick.text(&door.about));
                return Some((event, (ticks, door, place)));
            }
        }
    });
    let events = stream::iter(first).chain(ticks).map(Ok::<_, Infallible>);
    Ok(Sse::new(events).into_response())
}
