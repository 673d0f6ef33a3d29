//! How a client stands with its server.

use std::sync::Arc;
use std::time::Duration;

/// ```text
/// Connecting ──welcome──▶ Open
///   ▲     │                │ the connection ends, or says nothing any more
///   │     ▼                ▼
///   └── Waiting ◀──────────┘     any ──closed, taken over, no token──▶ Closed
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// A connection is being made.
    Connecting,
    /// There is a session.
    Open,
    /// There is no connection, and another one is tried after a while.
    Waiting {
        /// After so long.
        retry_in: Duration,
        /// Why there is none.
        why: Arc<str>,
    },
    /// For good.
    Closed {
        /// Why.
        why: Arc<str>,
    },
}
