//! What is found at a server that stands by: who owns the journal, and where.

use acequia_journal::Role;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::watch;

use super::api::PROBLEM;
use super::headers::harden;
use crate::metrics::{ClusterState, StandbyMetrics};

/// Seconds after which it may be another who owns the journal.
const RETRY_AFTER_S: &str = "1";

/// What all routes share.
#[derive(Clone)]
struct Standby {
    role: watch::Receiver<Role>,
    metrics: StandbyMetrics,
    /// What has happened before.
    state: ClusterState,
}

/// Everything that there is on any port.
pub(crate) fn for_standby(
    role: watch::Receiver<Role>,
    metrics: StandbyMetrics,
    state: ClusterState,
) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(scrape))
        .fallback(elsewhere)
        .layer(middleware::map_response(harden))
        .with_state(Standby { role, metrics, state })
}

async fn ready(State(of): State<Standby>) -> Response {
    let why = match &*of.role.borrow() {
        Role::Standby { owner: Some(owner), .. } => format!("standby: the owner is {owner}\n"),
        Role::Standby { owner: None, .. } => "standby: nobody owns the journal yet\n".to_owned(),
        Role::Owner(_) => "standby: this server is about to begin\n".to_owned(),
        Role::Halted { why } => format!("halted: {why}\n"),
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn scrape(State(of): State<Standby>) -> Response {
    let text_format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let state = match &*of.role.borrow() {
        Role::Standby { epoch, .. } => ClusterState { epoch: *epoch, ..of.state },
        Role::Owner(term) => ClusterState { epoch: term.epoch, ..of.state },
        Role::Halted { .. } => ClusterState { is_lost: true, ..of.state },
    };
    (text_format, of.metrics.text(state)).into_response()
}

/// Whatever is asked for, it is at the owner's.
async fn elsewhere(State(of): State<Standby>) -> Response {
    let (owner, detail) = match &*of.role.borrow() {
        Role::Standby { owner: Some(owner), .. } => (
            Some(owner.clone()),
            format!("this server stands by; the owner of the journal is {owner}"),
        ),
        Role::Halted { why } => (None, format!("this server has halted: {why}")),
        Role::Standby { owner: None, .. } | Role::Owner(_) => {
            (None, "this server stands by, and nobody owns the journal yet".to_owned())
        }
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let problem = json!({
        "title": status.canonical_reason(), "status": status.as_u16(), "code": "standby",
        "detail": detail, "owner": owner, "retry_after_ms": 1_000,
    });
    let headers = [(header::CONTENT_TYPE, PROBLEM), (header::RETRY_AFTER, RETRY_AFTER_S)];
    (status, headers, problem.to_string()).into_response()
}
