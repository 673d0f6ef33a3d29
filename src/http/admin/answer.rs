//! What all calls have in common: how they are asked, refused and answered.

use std::collections::BTreeMap;

use acequia_wire::QueueName;
use acequia_wire::code::RejectCode;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder};
use utoipa::{IntoParams, ToSchema};

use crate::http::door::Door;
use crate::http::query;
pub(super) use crate::http::query::{Given, in_words};
use crate::pipeline::desk::{Call, Desk};
use crate::pipeline::{Input, ask};
use crate::schema;

/// Entries on a page, unless asked for fewer or more.
const PAGE: usize = 100;
/// Entries on a page at most.
pub(super) const PAGE_MAX: usize = 1_000;
/// Bytes of a call's body.
pub(in crate::http) const BODY_BYTES_MAX: usize = 64 << 10;

/// What the document says of the answers that many calls have.
pub(super) const ANSWERED: &str = "What was asked for";
pub(super) const NOT_THERE: &str = "It is not there";
pub(super) const NOT_NOW: &str = "It cannot be done now";

schema::described! {
    /// How many entries a page is to have.
    PageLimit = schema::up_to(PAGE_MAX as u64).minimum(Some(1)).default(Some(PAGE.into()));
}

/// What a call is refused with.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Refused {
    #[serde(skip)]
    status: StatusCode,
    /// A word for programs.
    code: &'static str,
    /// What is wrong, and what to do, for people.
    message: String,
}

/// What the document says of how any call may be refused.
pub(super) fn any_refused() -> BTreeMap<String, RefOr<Described>> {
    let told = |(status, why): (StatusCode, &str)| {
        let body = Content::new(Some(Ref::from_schema_name(Refused::name())));
        let described = ResponseBuilder::new().description(why).content("application/json", body);
        (status.as_str().to_owned(), described.into())
    };
    let all = [
        (StatusCode::BAD_REQUEST, "The request is not understood; the message names what is wrong"),
        (StatusCode::UNAUTHORIZED, "The admin token is not named"),
        (StatusCode::SERVICE_UNAVAILABLE, "The server stops, is stuck or cannot write its journal"),
    ];
    all.map(told).into()
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
        (self.status, as_json(&self)).into_response()
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

pub(super) fn given<T: IntoParams>(query: Given<T>) -> Result<T, Refused> {
    query::read(query).map_err(Refused::bad_request)
}

pub(super) fn limit(asked: Option<usize>) -> Result<usize, Refused> {
    let limit = asked.unwrap_or(PAGE);
    let bad = || Refused::bad_request(format!("limit {limit}: it is 1 to {PAGE_MAX}"));
    (1..=PAGE_MAX).contains(&limit).then_some(limit).ok_or_else(bad)
}

pub(super) fn queue_name(text: &str) -> Result<QueueName, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("queue {text:?}: {error}")))
}
