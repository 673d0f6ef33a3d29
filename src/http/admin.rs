//! The admin calls: what an operator asks of a running server or tells it, over HTTP.
//!
//! A module for each thing that is asked about: how it is told, and the calls. What they do is done
//! at the pipeline's desk.

mod answer;
mod dead_letters;
mod guard;
mod jobs;
mod live;
mod pools;
mod queues;
mod server;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::{get, post, put};

use self::answer::{BODY_BYTES_MAX, Refused, json_text};
use super::door::Door;

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
