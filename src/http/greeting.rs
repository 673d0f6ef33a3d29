//! What the page at `/` tells: where this server is, and how a first worker and a first job come in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use super::door::Door;
use crate::access::{Access, is_this_machine};
use crate::addresses::Addresses;

/// What is told to any page of the server.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Greeting {
    version: &'static str,
    http: String,
    jobs: String,
    results: String,
    /// How this program is called on a command line.
    command: String,
    /// What workers and clients have to show.
    needs: Vec<&'static str>,
    /// Whether the page is that of the demo.
    #[serde(skip)]
    pub(super) is_demo: bool,
}

impl Greeting {
    pub(crate) fn new(addresses: &Addresses, access: &Access, is_demo: bool) -> Self {
        let program = std::env::current_exe().ok();
        let needs =
            [("worker_token", access.has_worker_token), ("client_token", access.tokens.is_some())];
        Self {
            version: env!("CARGO_PKG_VERSION"),
            http: addresses.http.to_string(),
            jobs: addresses.jobs.to_string(),
            results: addresses.results.to_string(),
            command: program.map_or_else(command, |program| program.display().to_string()),
            needs: needs.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect(),
            is_demo,
        }
    }
}

fn command() -> String {
    "acequia".to_owned()
}

/// Answers the page.
pub(super) async fn tell(State(door): State<Arc<Door>>, headers: HeaderMap) -> Response {
    let mut greeting = door.greeting.clone();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // Where the program lies is nothing to those who cannot start it.
    if !is_this_machine(host) {
        greeting.command = command();
    }
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (no_store, axum::Json(greeting)).into_response()
}
