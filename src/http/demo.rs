//! What the page of the demo asks for beside jobs. No other server has it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router, middleware};
use serde::Serialize;
use tokio::sync::oneshot;

use super::door::Door;
use super::known_pages::only_known_pages;

/// Which worker was killed.
#[derive(Serialize)]
struct Killed {
    worker: String,
}

/// Nothing, unless this is a demo whose page may have workers killed.
pub(super) fn router(door: &Arc<Door>) -> Router<Arc<Door>> {
    if door.demo.as_ref().is_none_or(|demo| demo.kills.is_none()) {
        return Router::new();
    }
    // Who may open sessions may do this: a page of another origin may not.
    let known_pages = middleware::from_fn_with_state(door.clone(), only_known_pages);
    Router::new().route("/v1/demo/kill", post(kill).layer(known_pages))
}

async fn kill(State(door): State<Arc<Door>>) -> Response {
    let (wish, killed) = oneshot::channel();
    if let Some(kills) = door.demo.as_ref().and_then(|demo| demo.kills.as_ref()) {
        // Nobody takes it where nobody can be killed any more, or where many wait for it already.
        _ = kills.try_send(wish);
    }
    match killed.await {
        Ok(worker) => {
            ([(header::CACHE_CONTROL, "no-store")], Json(Killed { worker })).into_response()
        }
        Err(_) => {
            (StatusCode::CONFLICT, "no worker of the demo runs just now; a moment later one does\n")
                .into_response()
        }
    }
}
