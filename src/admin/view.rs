//! How jobs and dead letters look to an operator, as JSON. Times are milliseconds since 1970.

use std::collections::BTreeMap;

use acequia_scheduler::{DeadLetter, Found, LiveJob, LiveState, Retained, Time};
use acequia_wire::client::{Event, JobEvent};
use acequia_wire::{CorrelationId, JobId};
use axum::response::Response;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::as_json;
use super::call::Page;

#[derive(Serialize)]
struct Live<'a> {
    job: String,
    state: &'static str,
    queue: &'a str,
    submitted_ms: u64,
    runs: u32,
    failures: u32,
    losses: u32,
    /// Until when it is delayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<u64>,
    /// Since when it waits or runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    since_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<&'a str>,
}

/// A job, live or ended.
pub(super) fn found(job: JobId, found: &Found) -> Response {
    match found {
        Found::Live(live) => as_json(&of_live(job, live)),
        Found::Ended(retained) => of_ended(retained),
    }
}

fn of_live(job: JobId, live: &LiveJob) -> Live<'_> {
    let LiveJob { queue, submitted, runs, failures, losses, state, .. } = live;
    let (state, until, since, worker) = match state {
        LiveState::Delayed { until } => ("delayed", Some(*until), None, None),
        LiveState::Waiting { since } => ("waiting", None, Some(*since), None),
        LiveState::Running { worker, since } => ("running", None, Some(*since), Some(&**worker)),
    };
    Live {
        job: job.to_string(),
        state,
        queue: queue.as_str(),
        submitted_ms: submitted.as_millis(),
        runs: *runs,
        failures: *failures,
        losses: *losses,
        until_ms: until.map(Time::as_millis),
        since_ms: since.map(Time::as_millis),
        worker,
    }
}

/// What the client is told of its end, with the state for the name of the event.
fn of_ended(retained: &Retained) -> Response {
    let Retained { job, id, key, ended, outcome, .. } = retained;
    let mut fields = fields(id, *job, outcome.clone());
    fields.remove("ev");
    let state = match outcome {
        JobEvent::Done { .. } => "done",
        JobEvent::Failed { .. } => "failed",
        _ => "cancelled",
    };
    let more = [
        ("state", json!(state)),
        ("ended_ms", json!(ended.as_millis())),
        ("key", key.as_deref().map_or(Value::Null, Value::from)),
    ];
    for (name, value) in more {
        if let (false, Ok(raw)) = (value.is_null(), serde_json::value::to_raw_value(&value)) {
            fields.insert(name.to_owned(), raw);
        }
    }
    as_json(&fields)
}

/// The fields of an event of a job.
fn fields(id: &CorrelationId, job: JobId, what: JobEvent) -> BTreeMap<String, Box<RawValue>> {
    let mut event = String::new();
    Event::Job { id: id.clone(), job, what }.encode_json(None, &mut event);
    // It was just written as a map with texts for keys.
    serde_json::from_str(&event).unwrap_or_default()
}

#[derive(Serialize)]
struct Letters<'a> {
    dead_letters: Vec<Letter<'a>>,
    next: Option<u64>,
}

/// A page of dead letters.
pub(super) fn page(page: &Page) -> Response {
    let dead_letters = page.letters.iter().map(|letter| of_letter(letter)).collect();
    as_json(&Letters { dead_letters, next: page.next.map(|ticket| ticket.0) })
}

/// One dead letter, whole.
pub(super) fn letter_with_payload(letter: &DeadLetter) -> Response {
    // As a result of that type would be told.
    let as_result = JobEvent::Done { result: letter.spec.payload.clone() };
    let payload = fields(&letter.spec.id, letter.job, as_result).remove("result");
    as_json(&Letter { payload, ..of_letter(letter) })
}

#[derive(Serialize)]
struct Letter<'a> {
    job: String,
    id: Value,
    queue: &'a str,
    priority: u8,
    key: Option<&'a str>,
    batch: Option<&'a str>,
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

fn of_letter(letter: &DeadLetter) -> Letter<'_> {
    let DeadLetter { job, spec, submitted, failed, code, message, runs, failures, losses, .. } =
        letter;
    let id = match &spec.id {
        CorrelationId::Int(id) => json!(id),
        CorrelationId::Text(id) => json!(**id),
    };
    Letter {
        job: job.to_string(),
        id,
        queue: spec.queue.as_str(),
        priority: spec.priority,
        key: spec.key.as_deref(),
        batch: spec.batch.as_deref(),
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
