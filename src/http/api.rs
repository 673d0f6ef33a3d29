//! What clients ask for over HTTP: jobs, and messages on topics. For backends, which have no use for a
//! WebSocket, and for whoever has nothing but `curl`.
//!
//! A call is a session that lasts as long as the call: it is counted, limited and answered as one.

mod answer;
mod call;
mod cors;
mod events;
mod jobs;
pub(super) mod passed_on;
mod problem;
mod rights;
mod submit;
mod topics;
mod wait;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Router, middleware};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use self::problem::PROBLEM;
use self::problem::{Problem, any_problem};
use super::door::Door;

/// Where all of them are.
pub(super) const ROOT: &str = "/v1";

/// All calls, each with its description, beside those that are given.
pub(super) fn calls(others: OpenApiRouter<Arc<Door>>) -> OpenApiRouter<Arc<Door>> {
    let mut calls = others
        .routes(routes!(submit::to_queue))
        .routes(routes!(submit::in_json))
        .routes(routes!(jobs::read, jobs::cancel))
        .routes(routes!(jobs::result))
        .routes(routes!(events::stream))
        .routes(routes!(topics::publish));
    for item in calls.get_openapi_mut().paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.post, &mut item.delete];
        for operation in methods.into_iter().flatten() {
            operation.responses.responses.extend(any_problem());
        }
    }
    calls
}

/// Calls as a port has them.
pub(super) fn router(door: &Arc<Door>, calls: OpenApiRouter<Arc<Door>>) -> Router<Arc<Door>> {
    Router::from(calls)
        .method_not_allowed_fallback(|| async {
            let message = "not this way; docs/http-api.md says how each call is made";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "bad_request", message)
        })
        // Each says itself how large its body may be.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(door.clone(), cors::share))
}
