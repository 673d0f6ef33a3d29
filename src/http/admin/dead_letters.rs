//! Dead letters: jobs that failed, and are kept until an operator decides. Times are milliseconds
//! since 1970.

use std::sync::Arc;

use acequia_scheduler::{DeadLetter, NotRedriven, Ticket};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::answer::{
    ANSWERED, Answer, Given, NOT_NOW, NOT_THERE, PAGE_MAX, PageLimit, Refused, as_json, at_desk,
    given, limit, queue_name, unavailable,
};
use super::jobs::{as_result, job_id};
use crate::http::door::Door;
use crate::pipeline::desk::dead_letters::{Order, Page, Redriven, Selection};
use crate::schema;

/// Which dead letters are meant, and how many of them are shown.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// Of this queue only.
    #[param(inline, value_type = Option<schema::QueueName>)]
    queue: Option<String>,
    /// Which come first.
    #[serde(default)]
    #[param(inline, required = false, default = json!(Order::default()))]
    order: Order,
    /// The `next` of the page before.
    #[param(inline, value_type = Option<schema::Number>)]
    after: Option<u64>,
    /// Entries on the page.
    #[param(inline, value_type = Option<PageLimit>)]
    limit: Option<usize>,
}

/// Which dead letters are meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct All {
    /// Of this queue only.
    #[param(inline, value_type = Option<schema::QueueName>)]
    queue: Option<String>,
}

schema::described! {
    DeadLetters of Letter<'_> = schema::list_of::<Letter<'_>>(PAGE_MAX);
}

#[derive(Serialize, ToSchema)]
struct Letters<'a> {
    #[schema(value_type = DeadLetters)]
    dead_letters: Vec<Letter<'a>>,
    /// What to give as `after` for the next page; null if this is the last.
    #[schema(required = true)]
    next: Option<u64>,
}

/// A dead letter that was redriven.
#[derive(Serialize, ToSchema)]
struct RedrivenOne {
    /// 1.
    redriven: usize,
    /// The job that runs in its place.
    #[schema(value_type = schema::JobId)]
    job: String,
}

/// Dead letters that are gone.
#[derive(Serialize, ToSchema)]
struct Dropped {
    /// How many there were.
    dropped: usize,
}

/// A page of dead letters.
fn told(page: &Page) -> Response {
    let dead_letters = page.letters.iter().map(|letter| of_letter(letter)).collect();
    as_json(&Letters { dead_letters, next: page.next.map(|ticket| ticket.0) })
}

/// One dead letter, whole.
fn letter_with_payload(letter: &DeadLetter) -> Response {
    let payload = as_result(&letter.spec.id, letter.job, &letter.spec.payload);
    as_json(&Letter { payload, ..of_letter(letter) })
}

/// A job that failed, as it is told.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(super) struct Letter<'a> {
    /// The job that failed.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// The client's name for the job.
    #[schema(value_type = schema::CorrelationId)]
    id: &'a CorrelationId,
    /// Its queue.
    #[schema(value_type = schema::QueueName)]
    queue: &'a str,
    /// Its priority.
    #[schema(value_type = schema::Priority)]
    priority: u8,
    /// Its idempotency key.
    #[schema(required = true)]
    key: Option<&'a str>,
    /// Its batch.
    #[schema(required = true)]
    batch: Option<&'a str>,
    /// Its own span, if it is part of a trace (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TraceParent)]
    traceparent: Option<String>,
    /// Why it failed.
    code: &'a str,
    /// Why, for people.
    message: &'a str,
    /// In which run; 0 if it never ran.
    attempt: u32,
    /// Runs that failed.
    failures: u32,
    /// Runs that were lost with their workers.
    losses: u32,
    /// When it was submitted (milliseconds since 1970).
    submitted_ms: u64,
    /// When it failed (milliseconds since 1970).
    failed_ms: u64,
    /// Its payload's content type.
    #[serde(rename = "type")]
    content_type: &'a str,
    /// Its payload's size.
    payload_bytes: usize,
    /// As a result of that type would be told; only where one letter is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    payload: Option<Box<RawValue>>,
}

pub(super) fn of_letter(letter: &DeadLetter) -> Letter<'_> {
    let DeadLetter { job, spec, submitted, failed, code, message, runs, failures, losses, .. } =
        letter;
    Letter {
        job: job.to_string(),
        id: &spec.id,
        queue: spec.queue.as_str(),
        priority: spec.priority,
        key: spec.key.as_deref(),
        batch: spec.batch.as_deref(),
        traceparent: spec.traceparent.as_ref().map(ToString::to_string),
        code: code.as_str(),
        message,
        attempt: *runs,
        failures: *failures,
        losses: *losses,
        submitted_ms: submitted.as_millis(),
        failed_ms: failed.as_millis(),
        content_type: spec.payload.content_type().as_str(),
        payload_bytes: spec.payload.bytes().len(),
        payload: None,
    }
}

/// Dead letters
#[utoipa::path(
    get,
    path = "/dead-letters",
    operation_id = "dead_letters",
    params(List),
    responses((status = OK, description = ANSWERED, body = inline(Letters))),
)]
pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { queue, order, after, limit: asked } = given(query)?;
    let queue = queue.as_deref().map(queue_name).transpose()?;
    let selection = Selection { queue, order, after: after.map(Ticket), limit: limit(asked)? };
    let page = at_desk(&door, move |desk| desk.dead_letters(&selection)).await?;
    Ok(told(&page))
}

fn no_letter(job: JobId) -> Refused {
    Refused::not_found(format!(
        "no dead letter of the job {job}: it did not fail, was redriven or dropped, or had to leave \
         for newer ones"
    ))
}

/// A dead letter, with its payload
#[utoipa::path(
    get,
    path = "/dead-letters/{job}",
    operation_id = "dead_letter",
    params(("job" = inline(schema::JobId), Path, description = "A job")),
    responses(
        (status = OK, description = ANSWERED, body = Letter),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
    ),
)]
pub(super) async fn read(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let letter = at_desk(&door, move |desk| desk.scheduler.dead_letter(job).cloned()).await?;
    let letter = letter.ok_or_else(|| no_letter(job))?;
    Ok(letter_with_payload(&letter))
}

fn not_redriven(job: Option<JobId>, why: NotRedriven) -> Refused {
    let message = why.to_string();
    match (why, job) {
        (NotRedriven::NotFound, Some(job)) => no_letter(job),
        (NotRedriven::NotFound, None) => Refused::not_found(message),
        (NotRedriven::Draining, _) => unavailable(RejectCode::Draining, message),
        (NotRedriven::Storage, _) => unavailable(RejectCode::Storage, message),
        (NotRedriven::KeyIsLive { .. }, _) => {
            Refused::new(StatusCode::CONFLICT, RejectCode::DuplicateId.as_str(), message)
        }
    }
}

/// Has it run again as a new job
#[utoipa::path(
    post,
    path = "/dead-letters/{job}/redrive",
    operation_id = "redrive_dead_letter",
    params(("job" = inline(schema::JobId), Path, description = "A job")),
    responses(
        (status = OK, description = ANSWERED, body = inline(RedrivenOne)),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
    ),
)]
pub(super) async fn redrive_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let new = at_desk(&door, move |desk| desk.redrive(job)).await?;
    let new = new.map_err(|why| not_redriven(Some(job), why))?;
    Ok(as_json(&RedrivenOne { redriven: 1, job: new.to_string() }))
}

/// Has all run again, or those of a queue
#[utoipa::path(
    post,
    path = "/dead-letters/redrive",
    operation_id = "redrive_dead_letters",
    params(All),
    responses(
        (status = OK, description = ANSWERED, body = inline(Redriven)),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
    ),
)]
pub(super) async fn redrive_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = given(query)?.queue.as_deref().map(queue_name).transpose()?;
    let all = at_desk(&door, move |desk| desk.redrive_all(queue.as_ref())).await?;
    Ok(as_json(&all.map_err(|why| not_redriven(None, why))?))
}

/// Drops it
#[utoipa::path(
    delete,
    path = "/dead-letters/{job}",
    operation_id = "drop_dead_letter",
    params(("job" = inline(schema::JobId), Path, description = "A job")),
    responses(
        (status = OK, description = ANSWERED, body = inline(Dropped)),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
    ),
)]
pub(super) async fn drop_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    if at_desk(&door, move |desk| desk.drop_dead_letter(job)).await? {
        Ok(as_json(&Dropped { dropped: 1 }))
    } else {
        Err(no_letter(job))
    }
}

/// Drops all, or those of a queue
#[utoipa::path(
    delete,
    path = "/dead-letters",
    operation_id = "drop_dead_letters",
    params(All),
    responses((status = OK, description = ANSWERED, body = inline(Dropped))),
)]
pub(super) async fn drop_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = given(query)?.queue.as_deref().map(queue_name).transpose()?;
    let dropped = at_desk(&door, move |desk| desk.drop_dead_letters(queue.as_ref())).await?;
    Ok(as_json(&Dropped { dropped }))
}
