//! The admin calls: what an operator asks of a running server or tells it, over HTTP.
//!
//! A module for each thing that is asked about: how it is told, what is done at the pipeline's
//! [`Desk`], and the calls.

mod call;
mod dead_letters;
mod guard;
mod jobs;
mod live;
mod pools;
mod queues;
mod server;
mod workers;

use std::sync::Arc;

use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Query};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::json;

pub(crate) use self::call::{Call, Desk};
pub(crate) use self::live::{STREAMS_MAX, Tick, Ticks};
pub(crate) use self::server::About;
use crate::ask::ask;
use crate::http::Door;
use crate::pipeline::Input;

/// Entries on a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Entries on a page at most.
const PAGE_MAX: usize = 1_000;
/// Bytes of a call's body.
const BODY_BYTES_MAX: usize = 64 << 10;

/// The document that describes all calls.
const OPENAPI: &str = include_str!("admin/openapi.json");

pub(crate) fn router(door: &Arc<Door>) -> Router<Arc<Door>> {
    Router::new()
        .route("/openapi.json", get(|| async { json_text(OPENAPI) }))
        .route("/server", get(server::read))
        .route("/live", get(live::stream))
        .route("/queues", get(queues::list))
        .route("/queues/{queue}", get(queues::read))
        .route("/queues/{queue}/pause", post(queues::pause))
        .route("/queues/{queue}/resume", post(queues::resume))
        .route("/workers", get(workers::list))
        .route("/workers/{worker}", get(workers::read))
        .route("/workers/{worker}/drain", post(workers::drain))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job}", get(jobs::read))
        .route("/jobs/{job}/cancel", post(jobs::cancel))
        .route("/dead-letters", get(dead_letters::list).delete(dead_letters::drop_all))
        .route("/dead-letters/redrive", post(dead_letters::redrive_all))
        .route("/dead-letters/{job}", get(dead_letters::read).delete(dead_letters::drop_one))
        .route("/dead-letters/{job}/redrive", post(dead_letters::redrive_one))
        .route("/pools", get(pools::list))
        .route("/pools/{pool}", put(pools::report))
        .route("/pools/{pool}/scale", post(pools::scale))
        .fallback(|| async { Refused::not_found("no such admin call; docs/admin.md lists them") })
        .method_not_allowed_fallback(|| async {
            let message = "not this way; docs/admin.md says how each call is made";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", message)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(door.clone(), guard::only_for_operators))
}

/// What answers where admin calls are on another port.
pub(crate) fn elsewhere() -> Router<Arc<Door>> {
    Router::new().fallback(|| async {
        Refused::not_found("admin calls have a port of their own here: that of --admin-listen")
    })
}

/// What a call is refused with.
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, RejectCode::BadRequest.as_str(), message)
    }

    fn not_found(message: impl Into<String>) -> Self {
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
type Answer = Result<Response, Refused>;

fn as_json(body: &impl serde::Serialize) -> Response {
    // What is answered here are maps with texts for keys, which are always written.
    json_text(serde_json::to_string(body).unwrap_or_default())
}

fn json_text(text: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Asks the pipeline, and waits for its answer.
async fn at_desk<T: Send + 'static>(
    door: &Door,
    question: impl FnOnce(&mut Desk<'_>) -> T + Send + 'static,
) -> Result<T, Refused> {
    let answered = ask(&door.inbox, |answer| Input::Admin(Call::new(question, answer))).await;
    answered.ok_or_else(|| unavailable(RejectCode::Draining, "the server stops or is stuck"))
}

fn unavailable(code: RejectCode, message: impl Into<String>) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, code.as_str(), message)
}

type Given<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

fn given<T>(query: Given<T>) -> Result<T, Refused> {
    query.map(|Query(given)| given).map_err(|error| Refused::bad_request(error.body_text()))
}

fn limit(asked: Option<usize>) -> Result<usize, Refused> {
    let limit = asked.unwrap_or(PAGE);
    let bad = || Refused::bad_request(format!("limit {limit}: it is 1 to {PAGE_MAX}"));
    (1..=PAGE_MAX).contains(&limit).then_some(limit).ok_or_else(bad)
}

fn queue_name(text: &str) -> Result<QueueName, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("queue {text:?}: {error}")))
}
