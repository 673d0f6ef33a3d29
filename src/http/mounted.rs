//! The routes as a program mounts them in a router of its own, which accepts the connections.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri, Request, State};
use axum::http::{Extensions, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::door::Door;
use super::listener::{Places, holding, too_many};
use super::routes;
use crate::access::Proxies;
use crate::metrics::RefusedRequest;

/// Who makes a request, where the program knows better than axum's `ConnectInfo`: an extension of
/// the request, set before it comes to the [`Routes`]. A program that listens on a Unix socket, or has a
/// server other than `axum::serve`, says so with it. What trusted proxies say of it is still heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// What a program mounts of a [mounted](crate::Server::mounted) server: by `Router::nest_service` at a path,
/// which may be below others, or by `fallback_service` at the root. With `Router::nest` the path itself
/// would not lead to a page: axum leaves its last slash out.
///
/// Each request has to say who makes it: by the `ConnectInfo<SocketAddr>` of
/// `into_make_service_with_connect_info`, or by a [`ClientAddress`]. Without it the answer is 500, and the log
/// says what is missing. Before [`run`](crate::Server::run) is polled requests wait; after its end they are
/// answered with 503.
#[derive(Clone, Debug)]
pub struct Routes {
    door: Arc<Door>,
    entrance: Arc<Entrance>,
}

impl Routes {
    pub(crate) fn new(door: Arc<Door>, proxies: Arc<Proxies>) -> Self {
        let places = Places::new(proxies, &door.front.limits);
        let entrance = Entrance { door: door.clone(), places, unknown: Once::new() };
        Self { door, entrance: Arc::new(entrance) }
    }

    /// Everything. Admin calls need the admin token: [`Server::admin_token`](crate::Server::admin_token).
    pub fn all(&self) -> Router {
        self.below_a_path(routes::for_all(self.door.clone()))
    }

    /// Everything but admin calls, which the program may make by
    /// [`Server::operator`](crate::Server::operator) all the same.
    pub fn for_clients(&self) -> Router {
        let elsewhere = "there are no admin calls here";
        self.below_a_path(routes::without_admin_calls(self.door.clone(), elsewhere))
    }

    /// Admin calls, the dashboard and what monitors ask for: for a path or a port of its own.
    pub fn for_operators(&self) -> Router {
        self.below_a_path(routes::for_operators(self.door.clone()))
    }

    fn below_a_path(&self, app: Router) -> Router {
        app.layer(middleware::from_fn_with_state(self.entrance.clone(), introduce))
            .layer(middleware::from_fn(stay_below))
    }
}

/// Where requests come in that others have accepted.
#[derive(Debug)]
struct Entrance {
    door: Arc<Door>,
    places: Places,
    /// Said once: it is so of each request, or of none.
    unknown: Once,
}

/// Gives each request its caller, and a place among those of their address until it is answered.
async fn introduce(
    State(entrance): State<Arc<Entrance>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(address) = address_of(request.extensions()) else { return unknown(&entrance) };
    let Ok(caller) = entrance.places.caller_from(address.into(), request.headers()) else {
        entrance.door.refused.count(RefusedRequest::Address);
        return too_many();
    };
    let place = caller.place();
    request.extensions_mut().insert(caller);
    next.run(request).await.map(|body| holding(body, place))
}

fn address_of(extensions: &Extensions) -> Option<IpAddr> {
    let given = extensions.get::<ClientAddress>().map(|given| given.0);
    let connected = || extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
    given.or_else(connected).map(|address| address.to_canonical())
}

fn unknown(entrance: &Entrance) -> Response {
    let message = "the program that this server is mounted in does not say who calls: have it serve its \
                   router by `into_make_service_with_connect_info::<SocketAddr>()`, or give each request the \
                   extension `acequia::ClientAddress`";
    entrance.unknown.call_once(|| tracing::error!("no request is answered: {message}"));
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{message}\n")).into_response()
}

/// Has pages and answers lead to where the routes are mounted.
async fn stay_below(OriginalUri(asked): OriginalUri, request: Request, next: Next) -> Response {
    let Some(prefix) = asked.path().strip_suffix(request.uri().path()) else {
        // Without its last slash a page would look for its files beside the path.
        return Redirect::permanent(&format!("{}/", asked.path())).into_response();
    };
    let mut answer = next.run(request).await;
    let absolute =
        answer.headers().get(header::LOCATION).filter(|at| at.as_bytes().starts_with(b"/"));
    let below = absolute.map(|at| [prefix.as_bytes(), at.as_bytes()].concat());
    if let Some(below) =
        below.and_then(|below| HeaderValue::from_maybe_shared(bytes::Bytes::from(below)).ok())
    {
        answer.headers_mut().insert(header::LOCATION, below);
    }
    answer
}
