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
        .route("/healthz", get(alive))
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
    match door.scrape.text(&door.inbox, &door.metrics).await {
        Some(text) => {
            let text_format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (text_format, text).into_response()
        }
        None => silent(),
    }
}

async fn alive(State(door): State<Arc<Door>>) -> Response {
    match ask(&door.inbox, Input::Alive).await {
        Some(()) => "alive\n".into_response(),
        None => silent(),
    }
}

fn silent() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the pipeline does not answer\n").into_response()
}
