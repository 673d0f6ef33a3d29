//! Everything at once, as it goes on, for whoever watches.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use acequia_wire::QueueName;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, Sse};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::answer::{Answer, Given, Refused, at_desk, given};
use super::dead_letters::{Letter, of_letter};
use super::server::Server;
use crate::http::about::About;
use crate::http::door::{Door, STREAMS_MAX};
use crate::metrics::{self, INTERVAL, Overall, Point};
use crate::pipeline::desk::queues::Queue;
use crate::pipeline::desk::tick::Tick;
use crate::pipeline::desk::workers::Worker;
use crate::pipeline::pools::Pool;

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

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// The stream ends after so many events `tick`.
    #[param(minimum = 0)]
    ticks: Option<u32>,
}

/// A tick as it is told. It is written once, however many watch.
fn text<'a>(tick: &'a Tick, about: &About) -> &'a str {
    tick.written(|| {
        let Tick { at, overview, all, queues, workers, more_workers, pools, failures, .. } = tick;
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

/// Everything as it goes on, for ever
#[utoipa::path(
    get,
    path = "/live",
    operation_id = "live",
    params(Wanted),
    responses((
        status = OK,
        description = "First an event `history`, the last ten minutes, and one `now`, how things \
                       are; then an event `tick` every two seconds (docs/admin.md)",
        content_type = "text/event-stream",
        body = String,
    )),
)]
pub(super) async fn stream(State(door): State<Arc<Door>>, query: Given<Wanted>) -> Answer {
    let Wanted { ticks: wanted } = given(query)?;
    let wanted = wanted.map_or(usize::MAX, |ticks| ticks as usize);
    // Whoever reads too slowly misses ticks.
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
        Event::default().event("now").data(text(&now, &door.about)),
    ];
    let ticks = stream::unfold((ticks, door, place), move |(mut ticks, door, place)| async move {
        loop {
            ticks.changed().await.ok()?;
            let tick = ticks.borrow_and_update().clone()?;
            // One that came before the history was told is in it.
            if tick.at > until {
                let event = Event::default().event("tick").data(text(&tick, &door.about));
                return Some((event, (ticks, door, place)));
            }
        }
    });
    let events = stream::iter(first).chain(ticks.take(wanted)).map(Ok::<_, Infallible>);
    // Proxies gather what they pass on, unless they are told not to.
    Ok(([("x-accel-buffering", "no")], Sse::new(events)).into_response())
}
