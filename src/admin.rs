//! The admin calls: what an operator asks of a running server or tells it, over HTTP.

mod call;
mod guard;
mod view;

use std::sync::Arc;

use acequia_scheduler::{NotRedriven, Ticket};
use acequia_wire::code::RejectCode;
use acequia_wire::{JobId, QueueName};
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;

pub(crate) use self::call::{Call, Desk};
use crate::ask::ask;
use crate::http::Door;
use crate::pipeline::Input;

/// Dead letters on a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Dead letters on a page at most.
const PAGE_MAX: usize = 1_000;

pub(crate) fn router(door: &Arc<Door>) -> Router<Arc<Door>> {
    Router::new()
        .route("/jobs/{job}", get(job))
        .route("/dead-letters", get(dead_letters).delete(drop_all))
        .route("/dead-letters/redrive", post(redrive_all))
        .route("/dead-letters/{job}", get(dead_letter).delete(drop_one))
        .route("/dead-letters/{job}/redrive", post(redrive_one))
        .fallback(|| async { Refused::not_found("no such admin call; docs/admin.md lists them") })
        .method_not_allowed_fallback(|| async {
            let message = "not this way; docs/admin.md says how each call is made";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", message)
        })
        .layer(middleware::from_fn_with_state(door.clone(), guard::only_for_operators))
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
    let text = serde_json::to_string(body).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Puts a call to the pipeline.
async fn put<T>(
    door: &Door,
    call: impl FnOnce(tokio::sync::oneshot::Sender<T>) -> Call,
) -> Result<T, Refused> {
    let answered = ask(&door.inbox, |answer| Input::Admin(call(answer))).await;
    answered.ok_or_else(|| unavailable(RejectCode::Draining, "the server stops or is stuck"))
}

fn unavailable(code: RejectCode, message: impl Into<String>) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, code.as_str(), message)
}

fn job_id(text: &str) -> Result<JobId, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("{text:?}: {error}")))
}

async fn job(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let found = put(&door, |answer| Call::FindJob { job, answer }).await?;
    let found = found.ok_or_else(|| {
        Refused::not_found(format!(
            "no job {job} is live, and no outcome of it is kept: it never was, ended before it was \
             accepted, or ended long ago"
        ))
    })?;
    Ok(view::found(job, &found))
}

/// Which dead letters are meant, and how many of them are shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    queue: Option<String>,
    after: Option<u64>,
    limit: Option<usize>,
}

/// Which dead letters are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct All {
    queue: Option<String>,
}

type Given<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

fn given<T>(query: Given<T>) -> Result<T, Refused> {
    query.map(|Query(given)| given).map_err(|error| Refused::bad_request(error.body_text()))
}

fn queue_name(text: Option<String>) -> Result<Option<QueueName>, Refused> {
    let name = |text: String| {
        text.parse().map_err(|error| Refused::bad_request(format!("queue {text:?}: {error}")))
    };
    text.map(name).transpose()
}

async fn dead_letters(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { queue, after, limit } = given(query)?;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Refused::bad_request(format!("limit {limit}: it is 1 to {PAGE_MAX}")));
    }
    let (queue, after) = (queue_name(queue)?, after.map(Ticket));
    let page = put(&door, |answer| Call::ListDeadLetters { queue, after, limit, answer }).await?;
    Ok(view::page(&page))
}

fn no_letter(job: JobId) -> Refused {
    Refused::not_found(format!(
        "no dead letter of the job {job}: it did not fail, was redriven or dropped, or had to leave \
         for newer ones"
    ))
}

async fn dead_letter(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let letter = put(&door, |answer| Call::ReadDeadLetter { job, answer }).await?;
    let letter = letter.ok_or_else(|| no_letter(job))?;
    Ok(view::letter_with_payload(&letter))
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

async fn redrive_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let new = put(&door, |answer| Call::RedriveDeadLetter { job, answer }).await?;
    let new = new.map_err(|why| not_redriven(Some(job), why))?;
    Ok(as_json(&json!({ "redriven": 1, "job": new.to_string() })))
}

async fn redrive_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = queue_name(given(query)?.queue)?;
    let all = put(&door, |answer| Call::RedriveDeadLetters { queue, answer }).await?;
    let all = all.map_err(|why| not_redriven(None, why))?;
    Ok(as_json(&json!({ "redriven": all.redriven, "left": all.left })))
}

async fn drop_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    if put(&door, |answer| Call::DropDeadLetter { job, answer }).await? {
        Ok(as_json(&json!({ "dropped": 1 })))
    } else {
        Err(no_letter(job))
    }
}

async fn drop_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = queue_name(given(query)?.queue)?;
    let dropped = put(&door, |answer| Call::DropDeadLetters { queue, answer }).await?;
    Ok(as_json(&json!({ "dropped": dropped })))
}
