//! Keeps out what foreign pages have a browser ask for.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::door::Door;
use super::listener::Caller;
use crate::access::Foreign;
use crate::metrics::RefusedRequest;

/// Refuses what a foreign page has a browser ask for.
pub(super) async fn only_known_pages(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    match check(&door, &caller, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(foreign) => (StatusCode::FORBIDDEN, format!("{foreign}\n")).into_response(),
    }
}

/// Whether a request may come from the page that it comes from, if it comes from one. A refusal is
/// counted and logged.
pub(super) fn check(door: &Door, caller: &Caller, headers: &HeaderMap) -> Result<(), Foreign> {
    let (access, peer) = (&door.access, caller.peer());
    access.pages.check(peer, headers).inspect_err(|foreign| {
        door.refused.count(RefusedRequest::Origin);
        if let Some(left_out) = access.refusals.line("origin", peer) {
            tracing::warn!(%peer, "refused: {foreign}{left_out}");
        }
    })
}
