//! Calls that come from a door, over a link, for whoever called there.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

use super::door::Door;
use super::listener::{Places, holding, too_many};
use super::{admin, api, openapi};
use crate::access::{Peer, Proxies};
use crate::metrics::RefusedRequest;

/// For whom a door speaks.
pub(super) const CALLER: HeaderName = HeaderName::from_static("acequia-caller");

/// Where calls come in.
#[derive(Clone)]
struct Entrance {
    door: Arc<Door>,
    places: Arc<Places>,
}

/// What doors do not do themselves.
pub(crate) fn for_doors(door: Arc<Door>) -> Router {
    // A door has listened to its proxies.
    let places = Arc::new(Places::new(Arc::new(Proxies::new(Vec::new())), &door.front.limits));
    let entrance = Entrance { door: door.clone(), places };
    Router::new()
        .nest("/v1/admin", admin::router(&door, openapi::admin_calls()))
        .nest(api::ROOT, api::router(&door, openapi::client_calls()))
        .layer(middleware::from_fn_with_state(entrance, introduce))
        .with_state(door)
}

/// Gives each call its caller, and a place among those of their address until it is answered.
async fn introduce(
    State(Entrance { door, places }): State<Entrance>,
    mut request: Request,
    next: Next,
) -> Response {
    let named = request.headers_mut().remove(CALLER);
    let Some(peer) = named.as_ref().and_then(|it| it.to_str().ok()).and_then(Peer::parse) else {
        return (StatusCode::BAD_REQUEST, "a door says who calls\n").into_response();
    };
    let Ok(caller) = places.caller_from(peer, request.headers()) else {
        door.refused.count(RefusedRequest::Address);
        return too_many();
    };
    let place = caller.place();
    request.extensions_mut().insert(caller);
    next.run(request).await.map(|body| holding(body, place))
}
