//! Jobs: each by its id, and the live ones by where they are. Times are milliseconds since 1970.

use std::collections::BTreeMap;
use std::sync::Arc;

use acequia_scheduler::{
    ClientId, Found, JobCursor, JobFilter, JobState, LiveJob, LiveState, Retained, Ticket, Time,
};
use acequia_wire::client::{Event as ClientEvent, JobEvent};
use acequia_wire::{CorrelationId, JobId, TraceParent};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::{Answer, Given, Refused, as_json, at_desk, given, limit, queue_name};
use crate::http::door::Door;
use crate::pipeline::desk::jobs::Cancelled;

#[derive(Serialize)]
struct Live<'a> {
    job: String,
    state: &'static str,
    queue: &'a str,
    client: String,
    id: &'a CorrelationId,
    priority: u8,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
}

/// A job, live or ended.
fn told(found: &Found) -> Response {
    match found {
        Found::Live(live) => as_json(&of_live(live)),
        Found::Ended(retained) => of_ended(retained),
    }
}

fn of_live(live: &LiveJob) -> Live<'_> {
    let LiveJob { job, id, queue, client, priority, submitted, .. } = live;
    let LiveJob { runs, failures, losses, state, traceparent, .. } = live;
    let (state, until, since, worker) = match state {
        LiveState::Delayed { until } => ("delayed", Some(*until), None, None),
        LiveState::Waiting { since } => ("waiting", None, Some(*since), None),
        LiveState::Running { worker, since } => ("running", None, Some(*since), Some(&**worker)),
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

/// What the client is told of its end, with the state for the name of the event.
fn of_ended(retained: &Retained) -> Response {
    let Retained { job, id, key, ended, outcome, traceparent, .. } = retained;
    let mut fields = event_fields(id, *job, outcome.clone(), traceparent.clone());
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
pub(super) fn event_fields(
    id: &CorrelationId,
    job: JobId,
    what: JobEvent,
    traceparent: Option<Box<TraceParent>>,
) -> BTreeMap<String, Box<RawValue>> {
    let mut event = String::new();
    ClientEvent::Job { id: id.clone(), job, what, traceparent }.encode_json(None, &mut event);
    // It was just written as a map with texts for keys.
    serde_json::from_str(&event).unwrap_or_default()
}

#[derive(Serialize)]
struct Page<'a> {
    jobs: Vec<Live<'a>>,
    next: Option<String>,
}

/// Which jobs are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    state: Place,
    queue: Option<String>,
    client: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Where a live job is.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    Delayed,
    Waiting,
    Running,
}

pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { state, queue, client, after, limit: asked } = given(query)?;
    let state = match state {
        Place::Delayed => JobState::Delayed,
        Place::Waiting => JobState::Waiting,
        Place::Running => JobState::Running,
    };
    let queue = queue.as_deref().map(queue_name).transpose()?;
    let client = client.as_deref().map(client_id).transpose()?;
    let after = after.as_deref().map(cursor).transpose()?;
    let (filter, limit) = (JobFilter { state, queue, client }, limit(asked)?);
    let page = at_desk(&door, move |desk| desk.scheduler.jobs(&filter, after.as_ref(), limit));
    let page = page
        .await?
        .map_err(|lost| Refused::new(StatusCode::CONFLICT, "page_lost", lost.to_string()))?;
    let jobs = page.jobs.iter().map(of_live).collect();
    Ok(as_json(&Page { jobs, next: page.end.as_ref().map(cursor_text) }))
}

pub(super) async fn read(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let found = at_desk(&door, move |desk| desk.scheduler.find(desk.now, job)).await?;
    Ok(told(&found.ok_or_else(|| not_found(job))?))
}

pub(super) async fn cancel(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    match at_desk(&door, move |desk| desk.cancel(job)).await? {
        Cancelled::Yes => Ok(as_json(&json!({ "job": job.to_string(), "state": "cancelled" }))),
        Cancelled::HasEnded => {
            let message = format!("the job {job} has ended; there is nothing to cancel");
            Err(Refused::new(StatusCode::CONFLICT, "has_ended", message))
        }
        Cancelled::NotFound => Err(not_found(job)),
    }
}

pub(super) fn job_id(text: &str) -> Result<JobId, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("{text:?}: {error}")))
}

fn not_found(job: JobId) -> Refused {
    Refused::not_found(format!(
        "no job {job} is live, and no outcome of it is kept: it never was, ended before it was \
         accepted, or ended long ago"
    ))
}

fn client_id(text: &str) -> Result<ClientId, Refused> {
    let bad = |_| {
        let what = "it is 1 to 16 hexadecimal digits, as `client` of a job";
        Refused::bad_request(format!("client {text:?}: {what}"))
    };
    u64::from_str_radix(text, 16).map(ClientId).map_err(bad)
}

/// Where a page ends, as a text that only this server need understand.
fn cursor_text(end: &JobCursor) -> String {
    let JobCursor { job, queue, at, ticket } = end;
    format!("{job}.{}.{}.{queue}", at.as_micros(), ticket.0)
}

fn cursor(text: &str) -> Result<JobCursor, Refused> {
    let bad = || Refused::bad_request(format!("after {text:?}: it is the `next` of a page"));
    read_cursor(text).ok_or_else(bad)
}

fn read_cursor(text: &str) -> Option<JobCursor> {
    let mut parts = text.splitn(4, '.');
    Some(JobCursor {
        job: parts.next()?.parse().ok()?,
        at: Time::from_micros(parts.next()?.parse().ok()?),
        ticket: Ticket(parts.next()?.parse().ok()?),
        queue: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_page_ends_is_understood_again() {
        let end = JobCursor {
            job: JobId::from_bytes([7; 16]),
            queue: "a.b-c".parse().expect("a name"),
            at: Time::from_micros(17),
            ticket: Ticket(3),
        };
        assert_eq!(cursor(&cursor_text(&end)).ok(), Some(end));
        for bad in ["", "17", "x.1.2.q", "00000000-0000-0000-0000-000000000000.1.2."] {
            assert!(cursor(bad).is_err(), "{bad:?}");
        }
    }
}
