//! What monitors ask for: metrics, and whether the server is well.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::door::Door;
use crate::pipeline::readiness::Readiness;
use crate::pipeline::{Input, ask};

pub(super) fn router() -> Router<Arc<Door>> {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
}

async fn ready(State(door): State<Arc<Door>>) -> Response {
    let why = match &*door.readiness.borrow() {
        Readiness::Ready if !door.inbox.is_closed() => return "ready\n".into_response(),
        Readiness::Ready | Readiness::Draining => "draining: the server is about to stop\n".into(),
        Readiness::Storage(why) => format!("storage: {why}\n"),
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn metrics(State(door): State<Arc<Door>>) -> Response {
    // The pipeline brings what is a state up to date; then the text can be rendered here.
    match ask(&door.inbox, Input::Scrape).await {
        Some(times) => {
            let text_format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (text_format, door.metrics.render() + &times).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "the pipeline does not answer\n").into_response(),
    }
}
