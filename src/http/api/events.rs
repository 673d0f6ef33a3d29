//! The events of a job as a stream, for whoever has `EventSource` or can read lines.

use std::convert::Infallible;
use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::{Event, JobEvent, Refusal};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};

use super::answer::NOT_THERE;
use super::call::Call;
use super::jobs::{job_id, watch};
use super::problem::{Details, PROBLEM, Problem};
use super::rights::Rights;
use crate::http::door::Door;
use crate::schema;

/// The number of the event that tells of the end: higher than all others, and one that JavaScript can
/// count to.
const LAST: u64 = (1 << 53) - 1;
/// Numbers that the events of one run may have.
const OF_A_RUN: u64 = 1 << 24;

/// The events of a job: what is past, what comes, and its outcome, which is the last
#[utoipa::path(
    get,
    path = "/jobs/{job}/events",
    operation_id = "job_events",
    params(
        ("job" = inline(schema::JobId), Path, description = "A job"),
        ("Last-Event-ID" = Option<u64>, Header, description = "What was seen last, after a loss"),
    ),
    responses(
        (status = OK, description = "`event` is the `ev` and `data` the event of a JSON session (docs/client-protocol.md)", content_type = "text/event-stream", body = String),
        (status = NO_CONTENT, description = "The outcome was seen: there is no more"),
        (status = NOT_FOUND, description = NOT_THERE, content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn stream(
    State(door): State<Arc<Door>>,
    rights: Rights,
    Path(job): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = job_id(&job)?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    // An `EventSource` asks again whenever a stream ends, until it is answered like this.
    if seen == Some(LAST) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut call = watch(&door, &rights, job).await?;
    // A job that is not there is told of before anything else is.
    let first = match call.next().await {
        Some(Event::Error { code, message, .. }) => {
            return Err(Problem::from(Refusal::new(code, message)).of(job));
        }
        Some(event) => event,
        None => return Err(Problem::unavailable()),
    };
    let numbers = Numbers::after(seen.unwrap_or(0));
    let told = Telling { call, job, first: Some(first), numbers, is_over: false };
    let events = stream::unfold(told, |mut telling| async move {
        let event = telling.next().await?;
        Some((event, telling))
    });
    // Proxies gather what they pass on, unless they are told not to, and end what is silent.
    let events = Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default());
    Ok(([("x-accel-buffering", "no")], events).into_response())
}

struct Telling {
    call: Call,
    job: JobId,
    first: Option<Event>,
    numbers: Numbers,
    is_over: bool,
}

impl Telling {
    async fn next(&mut self) -> Option<sse::Event> {
        while !self.is_over {
            let event = match self.first.take() {
                Some(first) => first,
                None => self.call.next().await?,
            };
            let (name, number) = match &event {
                Event::Job { what, .. } => {
                    self.is_over = super::answer::State::of_outcome(what).is_some();
                    (what.name(), self.numbers.of(what))
                }
                // Chunks were given up, for a reader that does not keep up.
                Event::Gap { .. } => ("gap", Some(self.numbers.next())),
                _ => continue,
            };
            let Some(number) = number else { continue };
            let mut data = String::new();
            event.encode_json(None, &mut data);
            let told = sse::Event::default().id(number.to_string()).event(name).data(data);
            return Some(told);
        }
        tracing::debug!(job = %self.job, "a stream of events is over");
        None
    }
}

/// The numbers of a job's events. They go up, also over a loss of the connection and a restart of the
/// server, since they are made of what each event tells.
struct Numbers {
    /// The highest that was seen or told.
    last: u64,
    /// That of the run's start.
    run: u64,
}

impl Numbers {
    /// Those after one that was seen.
    fn after(last: u64) -> Self {
        Self { last, run: 0 }
    }

    fn next(&mut self) -> u64 {
        self.last = (self.last + 1).min(LAST - 1);
        self.last
    }

    /// The number of an event; `None` if it was seen.
    fn of(&mut self, what: &JobEvent) -> Option<u64> {
        match what {
            JobEvent::Accepted => self.once(1),
            JobEvent::Started { attempt, .. } => {
                self.run = u64::from(*attempt) * OF_A_RUN;
                self.once(self.run)
            }
            JobEvent::Progress(_) | JobEvent::Chunk { .. } | JobEvent::Retrying(_) => {
                self.last = self.last.max(self.run);
                Some(self.next())
            }
            JobEvent::Done { .. } | JobEvent::Failed { .. } | JobEvent::Cancelled => {
                // It is told again to whoever asks again.
                self.last = LAST;
                Some(LAST)
            }
        }
    }

    fn once(&mut self, number: u64) -> Option<u64> {
        let is_new = number > self.last;
        self.last = self.last.max(number);
        is_new.then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(attempt: u32) -> JobEvent {
        JobEvent::Started { attempt, worker: "w".into() }
    }

    fn progress() -> JobEvent {
        JobEvent::Progress(Box::default())
    }

    #[test]
    fn numbers_go_up_and_what_was_seen_is_not_told_again() {
        let mut numbers = Numbers::after(0);
        let of = |what, numbers: &mut Numbers| numbers.of(&what);
        assert_eq!(of(JobEvent::Accepted, &mut numbers), Some(1));
        assert_eq!(of(started(1), &mut numbers), Some(OF_A_RUN));
        let seen = of(progress(), &mut numbers).expect("it is new");
        assert!(seen > OF_A_RUN);
        // The connection breaks.
        let mut numbers = Numbers::after(seen);
        assert_eq!(of(JobEvent::Accepted, &mut numbers), None);
        assert_eq!(of(started(1), &mut numbers), None);
        assert!(of(progress(), &mut numbers) > Some(seen));
        assert_eq!(of(started(2), &mut numbers), Some(2 * OF_A_RUN));
        assert_eq!(of(JobEvent::Cancelled, &mut numbers), Some(LAST));
    }
}
