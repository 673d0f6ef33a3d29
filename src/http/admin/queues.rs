//! Queues: how much waits, how quick they are, and whether they are paused.

use std::sync::Arc;

use acequia_wire::QueueName;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answer::{
    ANSWERED, Answer, Given, NOT_NOW, NOT_THERE, PAGE_MAX, PageLimit, Refused, as_json, at_desk,
    given, limit, queue_name,
};
use crate::http::door::Door;
use crate::pipeline::desk::queues::Queue;
use crate::schema;

schema::described! {
    Queues of Queue = schema::list_of::<Queue>(PAGE_MAX);
}

/// A page of queues.
#[derive(Serialize, ToSchema)]
struct Page<'a> {
    #[schema(value_type = Queues)]
    queues: &'a [Queue],
    /// What to give as `after` for the next page; null if this is the last.
    #[schema(required = true, value_type = Option<String>)]
    next: Option<&'a QueueName>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// The `next` of the page before.
    #[param(inline, value_type = Option<schema::QueueName>)]
    after: Option<String>,
    /// Entries on the page.
    #[param(inline, value_type = Option<PageLimit>)]
    limit: Option<usize>,
}

/// The queues in use, by name
#[utoipa::path(
    get,
    path = "/queues",
    operation_id = "queues",
    params(List),
    responses((status = OK, description = ANSWERED, body = inline(Page))),
)]
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

/// A queue
#[utoipa::path(
    get,
    path = "/queues/{queue}",
    operation_id = "queue",
    params(("queue" = inline(schema::QueueName), Path, description = "A queue")),
    responses(
        (status = OK, description = ANSWERED, body = Queue),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
    ),
)]
pub(super) async fn read(State(door): State<Arc<Door>>, Path(queue): Path<String>) -> Answer {
    let name = queue_name(&queue)?;
    let found = at_desk(&door, move |desk| desk.queue(&name)).await?;
    let found = found.ok_or_else(|| {
        Refused::not_found(format!("there is no queue {queue}: it has no job and no worker"))
    })?;
    Ok(as_json(&found))
}

/// Lets none of its jobs begin
#[utoipa::path(
    post,
    path = "/queues/{queue}/pause",
    operation_id = "pause_queue",
    params(("queue" = inline(schema::QueueName), Path, description = "A queue")),
    responses(
        (status = OK, description = ANSWERED, body = Queue),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
    ),
)]
pub(super) async fn pause(State(door): State<Arc<Door>>, Path(queue): Path<String>) -> Answer {
    set_paused(&door, &queue, true).await
}

/// Lets its jobs begin again
#[utoipa::path(
    post,
    path = "/queues/{queue}/resume",
    operation_id = "resume_queue",
    params(("queue" = inline(schema::QueueName), Path, description = "A queue")),
    responses(
        (status = OK, description = ANSWERED, body = Queue),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
    ),
)]
pub(super) async fn resume(State(door): State<Arc<Door>>, Path(queue): Path<String>) -> Answer {
    set_paused(&door, &queue, false).await
}

async fn set_paused(door: &Door, queue: &str, is_paused: bool) -> Answer {
    let name = queue_name(queue)?;
    let set = at_desk(door, move |desk| desk.set_paused(name, is_paused)).await?;
    let set = set.ok_or_else(|| {
        let message = "the limit of queues in use is reached; try again when one is free";
        Refused::new(StatusCode::CONFLICT, "queue_full", message)
    })?;
    Ok(as_json(&set))
}
