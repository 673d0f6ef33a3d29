//! Where a server listens.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use acequia_gate::Endpoint;

use crate::ports::At;

/// Where a server listens. Its text is the line that `acequia serve` prints when it is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// HTTP and WebSocket.
    pub http: SocketAddr,
    /// Admin calls and the dashboard, if they are not there.
    pub admin: Option<SocketAddr>,
    /// Unix sockets that are the same as `http`.
    pub sockets: Vec<PathBuf>,
    /// Where workers fetch jobs.
    pub jobs: Endpoint,
    /// Where workers bring results.
    pub results: Endpoint,
}

impl Addresses {
    pub(crate) fn new(at: At, jobs: Endpoint, results: Endpoint) -> Self {
        let At { http, admin, sockets } = at;
        Self { http, admin, sockets, jobs, results }
    }

    /// The line that `acequia serve` prints when it stands by.
    pub fn standby(&self, owner: &str) -> String {
        let Self { http, jobs, results, .. } = self;
        format!("acequia standby http={http} jobs={jobs} results={results} owner={owner}")
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http, admin, sockets, jobs, results } = self;
        write!(f, "acequia ready http={http} jobs={jobs} results={results}")?;
        admin.map_or(Ok(()), |admin| write!(f, " admin={admin}"))?;
        sockets.iter().try_for_each(|path| write!(f, " unix={}", path.display()))
    }
}
