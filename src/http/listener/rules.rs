//! What holds on a port.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::Limits;

use super::closing::Closes;
use super::places::Places;
use crate::access::{Peer, Proxies, Refusals};
use crate::http::keys::Keys;
use crate::metrics::{RefusedRequest, RefusedRequests};

/// What holds on a port.
#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) places: Arc<Places>,
    pub(crate) limits: Limits,
    /// With what connections are encrypted, if they are.
    pub(crate) keys: Option<Keys>,
    /// Who is believed when they say whose requests they pass on.
    pub(crate) proxies: Arc<Proxies>,
    /// Whether they say so when a connection begins.
    pub(crate) proxy_protocol: bool,
    /// When all has to close.
    pub(crate) closes: Closes,
    pub(crate) refused: RefusedRequests,
    /// Of whom the log was told.
    pub(crate) refusals: Arc<Refusals>,
}

impl Rules {
    /// Somebody at `peer` has as many connections as an address may.
    pub(super) fn refuse_address(&self, peer: Peer) {
        self.refused.count(RefusedRequest::Address);
        if let Some(left_out) = self.refusals.line("address", peer) {
            let limit = self.limits.address_connections;
            tracing::warn!(
                %peer,
                "a connection is refused: its address has {limit}, the limit; allow more with \
                 --address-connections{left_out}"
            );
        }
    }

    /// Somebody at `peer` does not speak TLS, or not as we do.
    pub(super) fn refuse_tls(&self, peer: Peer, why: &io::Error) {
        self.refused.count(RefusedRequest::Tls);
        // Somebody looked whether the port is open.
        if why.kind() == io::ErrorKind::UnexpectedEof {
            return;
        }
        if let Some(left_out) = self.refusals.line("tls", peer) {
            tracing::warn!(
                %peer,
                "a connection is refused: no TLS handshake: {why}; clients use https:// and wss:// here, \
                 and have to trust the certificate{left_out}"
            );
        }
    }

    /// How long a connection may take to say what it wants.
    pub(super) fn handshake(&self) -> Duration {
        Duration::from_secs(self.limits.handshake_s as u64)
    }
}
