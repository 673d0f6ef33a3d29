//! The same calls at a door: whoever may make them there has them answered by the owner, which asks once more.

use std::sync::Arc;

use acequia_wire::client::Refusal;
use acequia_wire::code::RejectCode;
use axum::extract::{Extension, Request};
use axum::routing::any;
use axum::{Router, middleware};

use super::cors;
use super::problem::Problem;
use super::rights::Rights;
use crate::http::door::Door;
use crate::http::forward::Forward;
use crate::http::listener::Caller;

/// When it is worth while to call again, in milliseconds.
const RETRY_AFTER_MS: u32 = 1_000;

const PATHS: [&str; 5] = [
    "/v1/queues/{*rest}",
    "/v1/jobs",
    "/v1/jobs/{*rest}",
    "/v1/topics/{*rest}",
    "/v1/openapi.json",
];

/// Calls as a door has them.
pub(in crate::http) fn router(door: &Arc<Door>, to: &Forward) -> Router<Arc<Door>> {
    let to = to.clone();
    let pass = any(move |_: Rights, Extension(caller): Extension<Caller>, request: Request| {
        let to = to.clone();
        async move { to.ask(&caller, request).await.map_err(|why| unanswered(&why)) }
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
