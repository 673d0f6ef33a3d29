//! What does not change while a server runs.

use acequia_wire::Limits;
use serde::Serialize;
use utoipa::ToSchema;

use crate::addresses::Addresses;
use crate::schema;

/// A server, as it was started.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct About {
    /// The version of the program.
    version: &'static str,
    /// When the server was started (milliseconds since 1970).
    pub(crate) started_ms: u64,
    /// Where HTTP and WebSocket listen.
    http: String,
    /// Where workers fetch jobs.
    jobs: String,
    /// Where workers bring results.
    results: String,
    /// The limits, as in the event `welcome`.
    #[schema(value_type = schema::Limits)]
    limits: Limits,
}

impl About {
    pub(crate) fn new(started_ms: u64, addresses: &Addresses, limits: Limits) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_ms,
            http: addresses.http.to_string(),
            jobs: addresses.jobs.to_string(),
            results: addresses.results.to_string(),
            limits,
        }
    }
}
