//! Pages of other origins that an operator lets in: a browser has them ask before they call, and shows
//! them only those headers of an answer that it is told of.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::problem::Problem;
use crate::http::door::Door;
use crate::http::known_pages::check;
use crate::http::listener::Caller;

/// What they may ask, and with which headers.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, last-event-id, prefer, traceparent",
);
/// What they may read of an answer.
const EXPOSED: HeaderValue = HeaderValue::from_static("location, preference-applied, retry-after");
/// A browser need not ask again for so many seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

pub(super) async fn share(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    let is_allowed = |origin: &&HeaderValue| {
        origin.to_str().is_ok_and(|origin| door.access.pages.allows(origin))
    };
    let Some(origin) = origin.filter(is_allowed).cloned() else {
        // A page of the server's own does not have to ask.
        if is_preflight(&request)
            && let Err(foreign) = check(&door, &caller, request.headers())
        {
            return Problem::foreign(&foreign).into_response();
        }
        return next.run(request).await;
    };
    let mut response = if is_preflight(&request) {
        let allowed: [(HeaderName, HeaderValue); 3] = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        (StatusCode::NO_CONTENT, allowed).into_response()
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
