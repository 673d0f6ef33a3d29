//! Keeps out what foreign pages have a browser ask for.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::door::Door;
use crate::access::check_page;
use crate::metrics::RefusedRequest;

/// Refuses what a foreign page has a browser ask for.
pub(super) async fn only_known_pages(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match check_page(peer.ip(), request.headers(), &door.access.allowed_origins) {
        Ok(()) => next.run(request).await,
        Err(message) => {
            door.refused.count(RefusedRequest::Origin);
            (StatusCode::FORBIDDEN, message).into_response()
        }
    }
}
