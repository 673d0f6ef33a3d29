//! What all calls have in common: how they are asked, refused and answered.

use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::http::door::Door;
use crate::pipeline::desk::{Call, Desk};
use crate::pipeline::{Input, ask};

/// Entries on a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Entries on a page at most.
const PAGE_MAX: usize = 1_000;
/// Bytes of a call's body.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;

/// What a call is refused with.
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RejectCode::BadRequest.as_str(), message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({ "code": self.code, "message": self.message });
        (self.status, as_json(&body)).into_response()
    }
}

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, Refused>;

pub(super) fn as_json(body: &impl serde::Serialize) -> Response {
    // What is answered here are maps with texts for keys, which are always written.
    json_text(serde_json::to_string(body).unwrap_or_default())
}

pub(super) fn json_text(text: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Asks the pipeline, and waits for its answer.
pub(super) async fn at_desk<T: Send + 'static>(
    door: &Door,
    question: impl FnOnce(&mut Desk<'_>) -> T + Send + 'static,
) -> Result<T, Refused> {
    let answered = ask(&door.inbox, |answer| Input::Desk(Call::new(question, answer))).await;
    answered.ok_or_else(|| unavailable(RejectCode::Draining, "the server stops or is stuck"))
}

pub(super) fn unavailable(code: RejectCode, message: impl Into<String>) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, code.as_str(), message)
}

pub(super) type Given<T> = Result<Query<T>, QueryRejection>;

pub(super) fn given<T>(query: Given<T>) -> Result<T, Refused> {
    query.map(|Query(given)| given).map_err(|error| Refused::bad_request(error.body_text()))
}

pub(super) fn limit(asked: Option<usize>) -> Result<usize, Refused> {
    let limit = asked.unwrap_or(PAGE);
    let bad = || Refused::bad_request(format!("limit {limit}: it is 1 to {PAGE_MAX}"));
    (1..=PAGE_MAX).contains(&limit).then_some(limit).ok_or_else(bad)
}

pub(super) fn queue_name(text: &str) -> Result<QueueName, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("queue {text:?}: {error}")))
}
