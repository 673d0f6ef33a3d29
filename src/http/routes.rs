//! Which routes there are on which port.

use std::sync::Arc;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};

use super::admin;
use super::door::Door;
use super::headers::harden;
use super::known_pages::only_known_pages;
use super::monitors;
use super::page;
use super::upgrade::upgrade;

/// Everything, on one port.
pub(crate) fn for_all(door: Arc<Door>) -> Router {
    let app = for_clients(&door).nest("/v1/admin", admin::router(&door));
    finish(app, door)
}

/// What is left for the port of clients if operators have one of their own.
pub(crate) fn without_admin_calls(door: Arc<Door>) -> Router {
    finish(for_clients(&door).nest("/v1/admin", admin::elsewhere()), door)
}

/// What operators find on a port of their own.
pub(crate) fn for_operators(door: Arc<Door>) -> Router {
    finish(monitors::router().nest("/v1/admin", admin::router(&door)), door)
}

fn for_clients(door: &Arc<Door>) -> Router<Arc<Door>> {
    let known_pages = middleware::from_fn_with_state(door.clone(), only_known_pages);
    monitors::router().route("/v1/ws", any(upgrade).layer(known_pages))
}

fn finish(app: Router<Arc<Door>>, door: Arc<Door>) -> Router {
    app.fallback(get(file)).layer(middleware::map_response(harden)).with_state(door)
}

async fn file(uri: Uri) -> Response {
    page::file(uri.path()).unwrap_or_else(|| {
        let known = "nothing here; there is / (the page), /dashboard, /v1/ws, /v1/admin/, /metrics, \
                     /healthz, /readyz\n";
        (StatusCode::NOT_FOUND, known).into_response()
    })
}
