//! What becomes of a job, as callers are answered.

use std::sync::Arc;

use acequia_wire::client::JobEvent;
use acequia_wire::{JobId, Payload};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::http::door::Door;
use crate::pipeline::desk::{Call, Desk};
use crate::pipeline::{Input, ask};

/// What the document says of answers that many calls have.
pub(super) const NOT_THERE: &str = "There is no such job, or it is another client's";

/// Where a job is, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Delayed,
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl State {
    /// How a job ended, if this is how one does.
    pub(super) fn of_outcome(what: &JobEvent) -> Option<Self> {
        match what {
            JobEvent::Done { .. } => Some(Self::Done),
            JobEvent::Failed { .. } => Some(Self::Failed),
            JobEvent::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// Asks the pipeline, and waits for its answer.
pub(super) async fn at_desk<T: Send + 'static>(
    door: &Arc<Door>,
    question: impl FnOnce(&mut Desk<'_>) -> T + Send + 'static,
) -> Result<T, Problem> {
    let answered = ask(&door.inbox, |answer| Input::Desk(Call::new(question, answer))).await;
    answered.ok_or_else(Problem::unavailable)
}

/// Where a job is asked about.
pub(super) fn location(job: JobId) -> String {
    format!("/v1/jobs/{job}")
}

/// The outcome of a job as the answer of a call.
pub(super) fn of_outcome(job: JobId, what: JobEvent) -> Response {
    match what {
        JobEvent::Done { result } => with_location(job, of_payload(&result)),
        JobEvent::Failed { code, message, attempt } => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let problem = Problem::new(status, code.as_str(), message.into_string());
            of_problem(job, problem.in_run(attempt))
        }
        _ => of_problem(
            job,
            Problem::new(StatusCode::CONFLICT, "cancelled", "the job was cancelled"),
        ),
    }
}

/// A result as it is, with its own type.
pub(super) fn of_payload(result: &Payload) -> Response {
    let content_type = result.content_type().as_str();
    // What a worker says that no header can hold is bytes.
    let is_good = content_type.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let content_type = if is_good { content_type } else { "application/octet-stream" };
    let content_type = [(header::CONTENT_TYPE, content_type)];
    (content_type, result.bytes().clone()).into_response()
}

fn of_problem(job: JobId, problem: Problem) -> Response {
    problem.of(job).with(header::LOCATION, location(job)).into_response()
}

/// An answer that says where its job is asked about.
pub(super) fn with_location(job: JobId, answer: impl IntoResponse) -> Response {
    ([(header::LOCATION, location(job))], answer).into_response()
}

/// How a caller is told that its wish to wait was heard.
pub(super) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
