//! Workers: what each serves and holds.

use std::sync::Arc;

use acequia_scheduler::LaneKey;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Given, Refused, as_json, at_desk, given, limit, queue_name};
use crate::http::door::Door;
use crate::pipeline::desk::workers::Worker;

#[derive(Serialize)]
struct Page<'a> {
    workers: &'a [Worker],
    next: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    queue: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { queue, after, limit: asked } = given(query)?;
    let (queue, limit) = (queue.as_deref().map(queue_name).transpose()?, limit(asked)?);
    let after = after.map(LaneKey);
    let page = at_desk(&door, move |desk| desk.workers(queue.as_ref(), after, limit)).await?;
    let (workers, more) = page;
    let next = workers.last().map(|last| last.worker).filter(|_| more);
    Ok(as_json(&Page { workers: &workers, next }))
}

pub(super) async fn read(State(door): State<Arc<Door>>, Path(worker): Path<String>) -> Answer {
    let lane = lane(&worker)?;
    let found = at_desk(&door, move |desk| desk.worker(lane)).await?;
    Ok(as_json(&found.ok_or_else(|| gone(&worker))?))
}

pub(super) async fn drain(State(door): State<Arc<Door>>, Path(worker): Path<String>) -> Answer {
    let lane = lane(&worker)?;
    let drained = at_desk(&door, move |desk| desk.drain_worker(lane)).await?;
    Ok(as_json(&drained.ok_or_else(|| gone(&worker))?))
}

fn lane(text: &str) -> Result<LaneKey, Refused> {
    let number = text.parse().map(LaneKey);
    number.map_err(|_| Refused::bad_request(format!("worker {text:?}: it is a number")))
}

fn gone(worker: &str) -> Refused {
    Refused::not_found(format!(
        "no worker {worker} is ready; one that reconnects gets another number"
    ))
}
