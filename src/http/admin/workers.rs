//! Workers: what each serves and holds.

use std::sync::Arc;

use acequia_scheduler::LaneKey;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{
    ANSWERED, Answer, Given, NOT_THERE, PAGE_MAX, PageLimit, Refused, as_json, at_desk, given,
    limit, queue_name,
};
use crate::http::door::Door;
use crate::pipeline::desk::workers::Worker;
use crate::schema;

schema::described! {
    Workers of Worker = schema::list_of::<Worker>(PAGE_MAX);
}

/// A page of workers.
#[derive(Serialize, ToSchema)]
struct Page<'a> {
    #[schema(value_type = Workers)]
    workers: &'a [Worker],
    /// What to give as `after` for the next page; null if this is the last.
    #[schema(required = true)]
    next: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// Of this queue only.
    #[param(inline, value_type = Option<schema::QueueName>)]
    queue: Option<String>,
    /// The `next` of the page before.
    #[param(inline, value_type = Option<schema::Number>)]
    after: Option<u64>,
    /// Entries on the page.
    #[param(inline, value_type = Option<PageLimit>)]
    limit: Option<usize>,
}

/// The workers that are ready, by number
#[utoipa::path(
    get,
    path = "/workers",
    operation_id = "workers",
    params(List),
    responses((status = OK, description = ANSWERED, body = inline(Page))),
)]
pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { queue, after, limit: asked } = given(query)?;
    let (queue, limit) = (queue.as_deref().map(queue_name).transpose()?, limit(asked)?);
    let after = after.map(LaneKey);
    let page = at_desk(&door, move |desk| desk.workers(queue.as_ref(), after, limit)).await?;
    let (workers, more) = page;
    let next = workers.last().map(|last| last.worker).filter(|_| more);
    Ok(as_json(&Page { workers: &workers, next }))
}

/// A worker
#[utoipa::path(
    get,
    path = "/workers/{worker}",
    operation_id = "worker",
    params(("worker" = inline(schema::Number), Path, description = "A worker's number")),
    responses(
        (status = OK, description = ANSWERED, body = Worker),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
    ),
)]
pub(super) async fn read(State(door): State<Arc<Door>>, Path(worker): Path<String>) -> Answer {
    let lane = lane(&worker)?;
    let found = at_desk(&door, move |desk| desk.worker(lane)).await?;
    Ok(as_json(&found.ok_or_else(|| gone(&worker))?))
}

/// Gives it no more jobs, and tells it so
#[utoipa::path(
    post,
    path = "/workers/{worker}/drain",
    operation_id = "drain_worker",
    params(("worker" = inline(schema::Number), Path, description = "A worker's number")),
    responses(
        (status = OK, description = ANSWERED, body = Worker),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
    ),
)]
pub(super) async fn drain(State(door): State<Arc<Door>>, Path(worker): Path<String>) -> Answer {
    let lane = lane(&worker)?;
    let drained = at_desk(&door, move |desk| desk.drain_worker(lane)).await?;
    Ok(as_json(&drained.ok_or_else(|| gone(&worker))?))
}

fn lane(text: &str) -> Result<LaneKey, Refused> {
    let number = text.parse().map(LaneKey);
    number.map_err(|_| Refused::bad_request(format!("worker {text:?}: it must be a number")))
}

fn gone(worker: &str) -> Refused {
    Refused::not_found(format!(
        "no worker {worker} is ready; one that reconnects gets another number"
    ))
}
