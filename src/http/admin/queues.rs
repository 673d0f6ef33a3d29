//! Queues: how much waits, how quick they are, and whether they are paused.

use std::sync::Arc;

use acequia_wire::QueueName;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Given, Refused, as_json, at_desk, given, limit, queue_name};
use crate::http::door::Door;
use crate::pipeline::desk::queues::Queue;

#[derive(Serialize)]
struct Page<'a> {
    queues: &'a [Queue],
    next: Option<&'a QueueName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    after: Option<String>,
    limit: Option<usize>,
}

pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { after, limit: asked } = given(query)?;
    let (after, limit) = (after.as_deref().map(queue_name).transpose()?, limit(asked)?);
    let page = at_desk(&door, move |desk| {
        let stats = desk.scheduler.stats(desk.now);
        desk.queues(&stats, after.as_ref(), limit)
    });
    let (queues, more) = page.await?;
    let next = queues.last().map(|last| &last.queue).filter(|_| more);
    Ok(as_json(&Page { queues: &queues, next }))
}

pub(super) async fn read(State(door): State<Arc<Door>>, Path(queue): Path<String>) -> Answer {
    let name = queue_name(&queue)?;
    let found = at_desk(&door, move |desk| desk.queue(&name)).await?;
    let found = found.ok_or_else(|| {
        Refused::not_found(format!("nothing is known of a queue {queue}: no job, no worker"))
    })?;
    Ok(as_json(&found))
}

pub(super) async fn pause(State(door): State<Arc<Door>>, Path(queue): Path<String>) -> Answer {
    set_paused(&door, &queue, true).await
}

pub(super) async fn resume(State(door): State<Arc<Door>>, Path(queue): Path<String>) -> Answer {
    set_paused(&door, &queue, false).await
}

async fn set_paused(door: &Door, queue: &str, is_paused: bool) -> Answer {
    let name = queue_name(queue)?;
    let set = at_desk(door, move |desk| desk.set_paused(name, is_paused)).await?;
    let set = set.ok_or_else(|| {
        let message = "as many queues are in use as there may be; try again when one is not";
        Refused::new(StatusCode::CONFLICT, "queue_full", message)
    })?;
    Ok(as_json(&set))
}
