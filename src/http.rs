//! The front door: the page, the WebSocket's upgrade, admin calls, metrics and health.

use std::sync::Arc;

use acequia_wire::client::Encoding;
use axum::extract::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, middleware};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::access::{self, Access, Entry};
use crate::admin::{self, About, Tick};
use crate::ask::ask;
use crate::front::{self, Front};
use crate::listener;
use crate::metrics::{RefusedRequest, RefusedRequests};
use crate::page;
use crate::pipeline::Input;
use crate::readiness::{self, Readiness};

/// Memory that an idle session holds for what may come; the default of 128 KiB would be all of
/// what a session costs.
const READ_BUFFER: usize = 1_536;
/// Events are written to the socket when so much has gathered, or nothing more waits.
const WRITE_BUFFER: usize = 16 << 10;

#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) front: Arc<Front>,
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) access: Access,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) refused: RefusedRequests,
    pub(crate) readiness: readiness::Watcher,
    pub(crate) about: About,
    pub(crate) ticks: watch::Receiver<Option<Arc<Tick>>>,
    /// Places for those who watch.
    pub(crate) streams: Arc<Semaphore>,
}

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
    finish(for_monitors().nest("/v1/admin", admin::router(&door)), door)
}

fn for_clients(door: &Arc<Door>) -> Router<Arc<Door>> {
    let known_pages = middleware::from_fn_with_state(door.clone(), access::only_known_pages);
    for_monitors().route("/v1/ws", any(upgrade).layer(known_pages))
}

fn for_monitors() -> Router<Arc<Door>> {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
}

fn finish(app: Router<Arc<Door>>, door: Arc<Door>) -> Router {
    app.fallback(get(file)).layer(middleware::map_response(access::harden)).with_state(door)
}

async fn file(uri: Uri) -> Response {
    page::file(uri.path()).unwrap_or_else(|| {
        let known = "nothing here; there is / (the page), /dashboard, /v1/ws, /v1/admin/, /metrics, \
                     /healthz, /readyz\n";
        (StatusCode::NOT_FOUND, known).into_response()
    })
}

async fn upgrade(
    State(door): State<Arc<Door>>,
    Extension(connection): Extension<Arc<listener::Place>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let entry = match Entry::of(door.access.tokens.as_ref(), &headers) {
        Ok(entry) => entry,
        Err(refusal) => return *refusal,
    };
    let Some(place) = door.front.place() else {
        door.refused.count(RefusedRequest::Sessions);
        let limit = door.front.limits.sessions;
        let message = format!("{limit} sessions are open, the limit; try again later\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], message)
            .into_response();
    };
    let message_bytes = door.front.limits.message_bytes;
    let upgrade = upgrade
        .protocols(Encoding::ALL.map(Encoding::subprotocol))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(message_bytes)
        .max_frame_size(message_bytes);
    let chosen = upgrade.selected_protocol().and_then(|chosen| chosen.to_str().ok());
    let encoding = Encoding::ALL.into_iter().find(|known| chosen == Some(known.subprotocol()));
    // JSON also where no subprotocol was offered.
    let encoding = encoding.unwrap_or(Encoding::Json);
    connection.upgrade();
    upgrade.on_upgrade(move |socket| front::serve(socket, encoding, place, entry))
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
    // The pipeline brings what is a state up to date; then the text can be rendered here.
    match ask(&door.inbox, Input::Scrape).await {
        Some(times) => {
            let text_format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
            (text_format, door.metrics.render() + &times).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "the pipeline does not answer\n").into_response(),
    }
}
