//! Which routes there are on which port.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};

use super::admin;
use super::api;
use super::asyncapi;
use super::demo;
use super::door::Door;
use super::forward::{self, Forward};
use super::headers::harden;
use super::known_pages::only_known_pages;
use super::module::share;
use super::monitors;
use super::openapi;
use super::page;
use super::upgrade::upgrade;

/// Everything, on one port.
pub(crate) fn for_all(door: Arc<Door>) -> Router {
    let app = for_clients(&door).nest("/v1/admin", admin::router(&door, openapi::admin_calls()));
    finish(app, door)
}

/// Everything that there is at a door, which has its owner answer calls.
pub(crate) fn for_all_at_door(door: Arc<Door>, to: &Forward) -> Router {
    let app = for_clients_at_door(&door, to).merge(forward::admin_calls(to));
    finish(app, door)
}

/// The same, if admin calls are elsewhere.
pub(crate) fn for_clients_of_door(
    door: Arc<Door>,
    to: &Forward,
    elsewhere: &'static str,
) -> Router {
    let app = for_clients_at_door(&door, to).nest("/v1/admin", admin::elsewhere(elsewhere));
    finish(app, door)
}

/// What operators find at a port of their own of a door.
pub(crate) fn for_operators_of_door(door: Arc<Door>, to: &Forward) -> Router {
    finish(monitors::router().merge(forward::admin_calls(to)), door)
}

/// What is left for clients if admin calls are elsewhere, and what whoever looks for them here is told.
pub(crate) fn without_admin_calls(door: Arc<Door>, elsewhere: &'static str) -> Router {
    finish(for_clients(&door).nest("/v1/admin", admin::elsewhere(elsewhere)), door)
}

/// What operators find on a port of their own.
pub(crate) fn for_operators(door: Arc<Door>) -> Router {
    finish(monitors::router().nest("/v1/admin", admin::router(&door, openapi::admin_calls())), door)
}

/// What whoever runs in this process finds, who needs no token.
pub(crate) fn for_own_process(door: Arc<Door>) -> Router {
    Router::new().nest("/v1/admin", Router::from(openapi::admin_calls())).with_state(door)
}

fn for_clients(door: &Arc<Door>) -> Router<Arc<Door>> {
    for_pages(door)
        .merge(demo::router(door))
        .nest(api::ROOT, api::router(door, openapi::client_calls()))
}

fn for_clients_at_door(door: &Arc<Door>, to: &Forward) -> Router<Arc<Door>> {
    for_pages(door).merge(api::passed_on::router(door, to))
}

/// What pages need, and monitors.
fn for_pages(door: &Arc<Door>) -> Router<Arc<Door>> {
    let known_pages = middleware::from_fn_with_state(door.clone(), only_known_pages);
    monitors::router()
        .route("/v1/about", get(greet))
        .route("/v1/asyncapi.json", get(asyncapi::read))
        .route("/v1/ws", any(upgrade).layer(known_pages))
}

fn finish(app: Router<Arc<Door>>, door: Arc<Door>) -> Router {
    app.fallback(file)
        .layer(middleware::from_fn_with_state(door.clone(), share))
        .layer(middleware::map_response(harden))
        .with_state(door)
}

/// Answers the page at `/`.
async fn greet(State(door): State<Arc<Door>>) -> Response {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    (no_store, axum::Json(&door.greeting)).into_response()
}

async fn file(
    State(door): State<Arc<Door>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    // Below it the page would look for its files in another place.
    if uri.path() == "/dashboard/" {
        return Redirect::permanent("../dashboard").into_response();
    }
    let path = match uri.path() {
        "/" if door.demo.is_some() => "demo",
        "/" => "start",
        path => path,
    };
    let Some(page) = page::find(path) else {
        let known = "nothing here; there is / (the page), /dashboard, /v1/ws, /v1/jobs, /v1/queues/QUEUE/jobs, /v1/topics/TOPIC, \
                     /v1/openapi.json, /v1/asyncapi.json, /v1/admin/, /metrics, \
                     /healthz, /readyz\n";
        return (StatusCode::NOT_FOUND, known).into_response();
    };
    match method {
        Method::GET | Method::HEAD => page.answer(&headers),
        _ => (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response(),
    }
}
