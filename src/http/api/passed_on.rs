//! The same calls at a door: whoever may make them there has them answered by the owner, which asks once more.

use std::sync::Arc;

use acequia_wire::client::Refusal;
use acequia_wire::code::RejectCode;
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::routing::any;
use axum::{Router, middleware};

use super::cors;
use super::problem::Problem;
use super::rights::Rights;
use super::submit::read;
use crate::http::door::Door;
use crate::http::forward::Forward;
use crate::http::listener::Caller;

/// When it is worth while to call again, in milliseconds.
const RETRY_AFTER_MS: u32 = 1_000;

/// Where jobs are submitted in messages.
const JOBS: &str = "/v1/jobs";

const PATHS: [&str; 5] =
    ["/v1/queues/{*rest}", JOBS, "/v1/jobs/{*rest}", "/v1/topics/{*rest}", "/v1/openapi.json"];

/// Calls as a door has them.
pub(in crate::http) fn router(door: &Arc<Door>, to: &Forward) -> Router<Arc<Door>> {
    let (to, limits) = (to.clone(), door.front.limits);
    let pass = any(move |_: Rights, Extension(caller): Extension<Caller>, request: Request| {
        let to = to.clone();
        async move {
            let limit = match request.uri().path() {
                JOBS => limits.message_bytes,
                _ => limits.payload_bytes,
            };
            // Whole, before the owner hears of it: it may end a call in the middle of its body.
            let (head, body) = request.into_parts();
            let body = read(body, limit).await?;
            let request = Request::from_parts(head, Body::from(body));
            to.ask(&caller, request).await.map_err(|why| unanswered(&why))
        }
    });
    PATHS
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, pass.clone()))
        .layer(middleware::from_fn_with_state(door.clone(), cors::share))
}

fn unanswered(why: &str) -> Problem {
    let message = format!("the owner of this door does not answer: {why}");
    let refusal = Refusal::new(RejectCode::Draining, message);
    Refusal { retry_after_ms: Some(RETRY_AFTER_MS), ..refusal }.into()
}
