//! Keeps out what foreign pages have a browser ask for.

use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::door::Door;
use super::listener::Caller;
use crate::metrics::RefusedRequest;

/// Refuses what a foreign page has a browser ask for.
pub(super) async fn only_known_pages(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let (access, peer) = (&door.access, caller.peer());
    match access.pages.check(peer, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(foreign) => {
            door.refused.count(RefusedRequest::Origin);
            if let Some(left_out) = access.refusals.line("origin", peer) {
                tracing::warn!(%peer, "refused: {foreign}{left_out}");
            }
            (StatusCode::FORBIDDEN, format!("{foreign}\n")).into_response()
        }
    }
}
