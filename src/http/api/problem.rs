//! What a call is refused with: a problem as RFC 9457 has it.

use std::collections::BTreeMap;

use acequia_wire::client::Refusal;
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{Content, Ref, RefOr, Response as Described, ResponseBuilder};

use crate::access::Foreign;
use crate::schema;

/// The media type of problems.
pub(in crate::http) const PROBLEM: &str = "application/problem+json";

/// What is wrong. Nearly every call may answer with it, and few do, so it is apart.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Problem(Box<Details>);

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details {
    /// The status of the answer, in words.
    title: &'static str,
    /// The status of the answer.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// A word for programs.
    code: String,
    /// What is wrong, and what to do, for people.
    detail: String,
    /// The caller's name for the job that it is about, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::CorrelationId)]
    id: Option<CorrelationId>,
    /// The job that it is about, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::JobId)]
    job: Option<String>,
    /// In which run the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt: Option<u32>,
    /// When another try is worth while, if waiting helps (milliseconds).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_ms: Option<u32>,
    /// Further headers of the answer.
    #[serde(skip)]
    headers: Vec<(HeaderName, String)>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

/// What the document says of how any call may be refused.
pub(super) fn any_problem() -> BTreeMap<String, RefOr<Described>> {
    let told = |(status, why): (StatusCode, &str)| {
        let body = Content::new(Some(Ref::from_schema_name(Details::name())));
        let described = ResponseBuilder::new().description(why).content(PROBLEM, body);
        (status.as_str().to_owned(), described.into())
    };
    let all = [
        (StatusCode::BAD_REQUEST, "The call is not understood; `detail` names what is wrong"),
        (
            StatusCode::UNAUTHORIZED,
            "Clients need a token here, and this one has none that is valid",
        ),
        (StatusCode::FORBIDDEN, "The token, or the page, may not do this"),
        (StatusCode::TOO_MANY_REQUESTS, "The client does more than it may; later it may again"),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The server is full, stops, is stuck or cannot write its journal; try again later",
        ),
    ];
    all.map(told).into()
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Details {
            title: status.canonical_reason().unwrap_or_default(),
            status,
            code: code.into(),
            detail: detail.into(),
            id: None,
            job: None,
            attempt: None,
            retry_after_ms: None,
            headers: Vec::new(),
        }))
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Refusal::bad_request(detail).into()
    }

    /// A page of another origin asks.
    pub(super) fn foreign(foreign: &Foreign) -> Self {
        Refusal::new(RejectCode::Forbidden, foreign.to_string()).into()
    }

    /// The server stops, or does not answer.
    pub(super) fn unavailable() -> Self {
        let refusal = Refusal::new(RejectCode::Draining, "the server stops or is stuck");
        Refusal { retry_after_ms: Some(1_000), ..refusal }.into()
    }

    /// The same, about a job.
    #[must_use]
    pub(super) fn of(mut self, job: JobId) -> Self {
        self.0.job = Some(job.to_string());
        self
    }

    /// The same, about a job that its caller calls so.
    #[must_use]
    pub(super) fn named(mut self, id: Option<CorrelationId>) -> Self {
        self.0.id = id;
        self
    }

    /// The same, of this run.
    #[must_use]
    pub(super) fn in_run(mut self, attempt: u32) -> Self {
        self.0.attempt = Some(attempt);
        self
    }

    /// The same, with one more header.
    #[must_use]
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, retry_after_ms, .. } = refusal;
        let mut problem = Self::new(status(code), code.as_str(), message);
        problem.0.retry_after_ms = retry_after_ms;
        problem
    }
}

/// The status that says the same as a code.
fn status(code: RejectCode) -> StatusCode {
    match code {
        RejectCode::BadRequest => StatusCode::BAD_REQUEST,
        RejectCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RejectCode::TooManyJobs | RejectCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        RejectCode::Unauthorized => StatusCode::UNAUTHORIZED,
        RejectCode::Forbidden => StatusCode::FORBIDDEN,
        RejectCode::NotFound => StatusCode::NOT_FOUND,
        RejectCode::DuplicateId => StatusCode::CONFLICT,
        RejectCode::QueueFull | RejectCode::Draining | RejectCode::Storage => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // It is a map with texts for keys, which is always written.
        let body = serde_json::to_string(&self).unwrap_or_default();
        let Details { status, retry_after_ms, headers, .. } = *self.0;
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM)], body).into_response();
        let retry_after = retry_after_ms.map(|ms| ms.div_ceil(1_000).to_string());
        let retry_after = retry_after.map(|seconds| (header::RETRY_AFTER, seconds));
        for (name, value) in headers.into_iter().chain(retry_after) {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
