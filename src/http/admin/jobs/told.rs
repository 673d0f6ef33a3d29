//! How a job is told, live or ended. Times are milliseconds since 1970.

use std::collections::BTreeMap;

use acequia_scheduler::{Found, LiveJob, LiveState, Retained, Time};
use acequia_wire::client::{Event as ClientEvent, JobEvent};
use acequia_wire::{CorrelationId, JobId, Payload};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::schema;

/// A job, live or ended.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Job<'a> {
    Live(Live<'a>),
    Ended(Ended<'a>),
}

/// A job that has not ended, as it is told.
#[derive(Serialize, ToSchema)]
#[schema(as = LiveJob)]
pub(super) struct Live<'a> {
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// Where it is.
    #[schema(inline)]
    state: Place,
    /// Its queue.
    #[schema(value_type = schema::QueueName)]
    queue: &'a str,
    /// Whose it is.
    #[schema(pattern = "^[0-9a-f]{16}$")]
    client: String,
    /// The client's name for the job.
    #[schema(value_type = schema::CorrelationId)]
    id: &'a CorrelationId,
    /// Its priority.
    #[schema(value_type = schema::Priority)]
    priority: u8,
    /// When it was submitted (milliseconds since 1970).
    submitted_ms: u64,
    /// Runs begun.
    runs: u32,
    /// Runs that failed.
    failures: u32,
    /// Runs that were lost with their workers.
    losses: u32,
    /// Until when it is delayed (milliseconds since 1970).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until_ms: Option<u64>,
    /// Since when it waits or runs (milliseconds since 1970).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    since_ms: Option<u64>,
    /// Who runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    worker: Option<&'a str>,
    /// Its own span, if it is part of a trace (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TraceParent)]
    traceparent: Option<String>,
}

/// Where a live job is.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    Delayed,
    Waiting,
    Running,
}

/// How a job ended.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum End {
    Done,
    Failed,
    Cancelled,
}

/// A job that has ended, as it is told.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedJob)]
pub(super) struct Ended<'a> {
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// How it ended.
    #[schema(inline)]
    state: End,
    /// The client's name for the job.
    #[schema(value_type = schema::CorrelationId)]
    id: &'a CorrelationId,
    /// Its idempotency key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    key: Option<&'a str>,
    /// When it ended (milliseconds since 1970).
    ended_ms: u64,
    /// As in the event `done` of a JSON session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value)]
    result: Option<Box<RawValue>>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<&'a str>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<&'a str>,
    /// In which run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt: Option<u32>,
    /// Its own span, if it is part of a trace (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::TraceParent)]
    traceparent: Option<String>,
}

pub(super) fn told(found: &Found) -> Job<'_> {
    match found {
        Found::Live(live) => Job::Live(of_live(live)),
        Found::Ended(retained) => Job::Ended(of_ended(retained)),
    }
}

pub(super) fn of_live(live: &LiveJob) -> Live<'_> {
    let LiveJob { job, id, queue, client, priority, submitted, .. } = live;
    let LiveJob { runs, failures, losses, state, traceparent, .. } = live;
    let (state, until, since, worker) = match state {
        LiveState::Delayed { until } => (Place::Delayed, Some(*until), None, None),
        LiveState::Waiting { since } => (Place::Waiting, None, Some(*since), None),
        LiveState::Running { worker, since } => {
            (Place::Running, None, Some(*since), Some(&**worker))
        }
    };
    Live {
        job: job.to_string(),
        state,
        queue: queue.as_str(),
        client: format!("{:016x}", client.0),
        id,
        priority: *priority,
        submitted_ms: submitted.as_millis(),
        runs: *runs,
        failures: *failures,
        losses: *losses,
        until_ms: until.map(Time::as_millis),
        since_ms: since.map(Time::as_millis),
        worker,
        traceparent: traceparent.as_ref().map(ToString::to_string),
    }
}

fn of_ended(retained: &Retained) -> Ended<'_> {
    let Retained { job, id, key, ended, outcome, traceparent, .. } = retained;
    let told = Ended {
        job: job.to_string(),
        state: End::Cancelled,
        id,
        key: key.as_deref(),
        ended_ms: ended.as_millis(),
        result: None,
        code: None,
        message: None,
        attempt: None,
        traceparent: traceparent.as_ref().map(ToString::to_string),
    };
    match outcome {
        JobEvent::Done { result } => {
            Ended { state: End::Done, result: as_result(id, *job, result), ..told }
        }
        JobEvent::Failed { code, message, attempt } => Ended {
            state: End::Failed,
            code: Some(code.as_str()),
            message: Some(message),
            attempt: Some(*attempt),
            ..told
        },
        _ => told,
    }
}

/// A payload as a JSON session is told a result.
pub(in super::super) fn as_result(
    id: &CorrelationId,
    job: JobId,
    payload: &Payload,
) -> Option<Box<RawValue>> {
    let what = JobEvent::Done { result: payload.clone() };
    let mut event = String::new();
    ClientEvent::Job { id: id.clone(), job, what, traceparent: None }.encode_json(None, &mut event);
    // It was just written as a map with texts for keys.
    let mut fields: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(&event).unwrap_or_default();
    fields.remove("result")
}
