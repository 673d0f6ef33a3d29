//! What holds on a port.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use acequia_wire::Limits;

use super::closing::Closes;
use crate::access::{Proxies, Refusals};
use crate::http::keys::Keys;
use crate::metrics::{RefusedRequest, RefusedRequests};

/// What holds on a port.
#[derive(Clone)]
pub(crate) struct Rules {
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
    pub(super) fn refuse_address(&self, peer: IpAddr) {
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
    pub(super) fn refuse_tls(&self, peer: IpAddr, why: &io::Error) {
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
}
