//! Dead letters: jobs that failed, and are kept until an operator decides. Times are milliseconds
//! since 1970.

use std::sync::Arc;

use acequia_scheduler::{DeadLetter, NotRedriven, Ticket};
use acequia_wire::client::JobEvent;
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::{
    Answer, Given, Refused, as_json, at_desk, given, limit, queue_name, unavailable,
};
use super::jobs::{event_fields, job_id};
use crate::http::door::Door;
use crate::pipeline::desk::dead_letters::{Order, Page, Selection};

/// Which dead letters are meant, and how many of them are shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    queue: Option<String>,
    #[serde(default)]
    order: Order,
    after: Option<u64>,
    limit: Option<usize>,
}

/// Which dead letters are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    queue: Option<String>,
}

#[derive(Serialize)]
struct Letters<'a> {
    dead_letters: Vec<Letter<'a>>,
    next: Option<u64>,
}

/// A page of dead letters.
fn told(page: &Page) -> Response {
    let dead_letters = page.letters.iter().map(|letter| of_letter(letter)).collect();
    as_json(&Letters { dead_letters, next: page.next.map(|ticket| ticket.0) })
}

/// One dead letter, whole.
fn letter_with_payload(letter: &DeadLetter) -> Response {
    // As a result of that type would be told.
    let as_result = JobEvent::Done { result: letter.spec.payload.clone() };
    let payload = event_fields(&letter.spec.id, letter.job, as_result, None).remove("result");
    as_json(&Letter { payload, ..of_letter(letter) })
}

#[derive(Serialize)]
pub(super) struct Letter<'a> {
    job: String,
    id: &'a CorrelationId,
    queue: &'a str,
    priority: u8,
    key: Option<&'a str>,
    batch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    code: &'a str,
    message: &'a str,
    attempt: u32,
    failures: u32,
    losses: u32,
    submitted_ms: u64,
    failed_ms: u64,
    #[serde(rename = "type")]
    content_type: &'a str,
    payload_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
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

pub(super) async fn redrive_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let new = at_desk(&door, move |desk| desk.redrive(job)).await?;
    let new = new.map_err(|why| not_redriven(Some(job), why))?;
    Ok(as_json(&json!({ "redriven": 1, "job": new.to_string() })))
}

pub(super) async fn redrive_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = given(query)?.queue.as_deref().map(queue_name).transpose()?;
    let all = at_desk(&door, move |desk| desk.redrive_all(queue.as_ref())).await?;
    Ok(as_json(&all.map_err(|why| not_redriven(None, why))?))
}

pub(super) async fn drop_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    if at_desk(&door, move |desk| desk.drop_dead_letter(job)).await? {
        Ok(as_json(&json!({ "dropped": 1 })))
    } else {
        Err(no_letter(job))
    }
}

pub(super) async fn drop_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = given(query)?.queue.as_deref().map(queue_name).transpose()?;
    let dropped = at_desk(&door, move |desk| desk.drop_dead_letters(queue.as_ref())).await?;
    Ok(as_json(&json!({ "dropped": dropped })))
}
