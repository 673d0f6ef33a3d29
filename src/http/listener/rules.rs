//! What holds on a port.

use std::sync::Arc;

use acequia_wire::Limits;

use super::closing::Closes;
use crate::access::{Proxies, Refusals};
use crate::http::keys::Keys;
use crate::metrics::RefusedRequests;

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
