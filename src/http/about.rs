//! What does not change while a server runs.

use acequia_wire::Limits;
use serde::Serialize;

use crate::addresses::Addresses;

/// A server, as it was started.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    version: &'static str,
    pub(crate) started_ms: u64,
    http: String,
    jobs: String,
    results: String,
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
