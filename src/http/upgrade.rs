//! From a request to a WebSocket.

use std::sync::Arc;

use acequia_wire::client::Encoding;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::door::Door;
use super::listener::Caller;
use super::session;
use crate::access::{Entry, Peer, offered};
use crate::metrics::RefusedRequest;

/// Memory that an idle session holds for what may come; the default of 128 KiB would be all of
/// what a session costs.
const READ_BUFFER: usize = 1_536;
/// So much of what a client offers is repeated in the log, where none of it is known.
const OFFERED_SHOWN_MAX: usize = 4;
const OFFERED_BYTES_SHOWN_MAX: usize = 64;
/// Events are written to the socket when so much has gathered, or nothing more waits.
const WRITE_BUFFER: usize = 16 << 10;

/// Opens a session, if there is a place for one and whoever asks may come in.
pub(super) async fn upgrade(
    State(door): State<Arc<Door>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let peer = caller.peer();
    let entry = match Entry::of(&door.access, peer, &headers) {
        Ok(entry) => entry,
        Err(refusal) => return *refusal,
    };
    let Some(place) = door.session_place(peer) else {
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
    if encoding.is_none() && offered(&headers).next().is_some() {
        note_unknown_subprotocol(&door, peer, &headers);
    }
    // JSON also where no subprotocol was offered.
    let encoding = encoding.unwrap_or(Encoding::Json);
    caller.upgrade();
    upgrade.on_upgrade(move |socket| async move {
        session::serve(socket, encoding, place, entry).await;
        // Their place among those of their address is theirs until then, whoever has the connection.
        drop(caller);
    })
}

/// A browser ends a connection for which none of the subprotocols that it offered was chosen, and does
/// not tell its page why. Other clients may go on in JSON.
fn note_unknown_subprotocol(door: &Door, peer: Peer, headers: &HeaderMap) {
    door.refused.count(RefusedRequest::Subprotocol);
    if let Some(left_out) = door.access.refusals.line("subprotocol", peer) {
        let offered: Vec<&str> = offered(headers).take(OFFERED_SHOWN_MAX).map(shortened).collect();
        let known = Encoding::ALL.map(Encoding::subprotocol);
        tracing::warn!(
            %peer,
            "a client offers none of the subprotocols {known:?}, but {offered:?}: a browser ends such a \
             connection; have it offer one of them, or none for JSON{left_out}"
        );
    }
}

fn shortened(offered: &str) -> &str {
    offered.get(..OFFERED_BYTES_SHOWN_MAX).unwrap_or(offered)
}
