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
    /// Where doors link to it, if they may.
    pub link: Option<SocketAddr>,
}

impl Addresses {
    pub(crate) fn new(at: At, jobs: Endpoint, results: Endpoint) -> Self {
        let At { http, admin, sockets } = at;
        Self { http, admin, sockets, jobs, results, link: None }
    }

    /// The line that a door for workers only prints when it is linked.
    pub fn for_workers(&self) -> String {
        let Self { jobs, results, .. } = self;
        format!("acequia ready jobs={jobs} results={results}")
    }

    /// The line that `acequia serve` prints when it stands by.
    pub fn standby(&self, owner: &str) -> String {
        let Self { http, jobs, results, .. } = self;
        format!("acequia standby http={http} jobs={jobs} results={results} owner={owner}")
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { http, admin, sockets, jobs, results, link } = self;
        write!(f, "acequia ready http={http} jobs={jobs} results={results}")?;
        admin.map_or(Ok(()), |admin| write!(f, " admin={admin}"))?;
        link.map_or(Ok(()), |link| write!(f, " link={link}"))?;
        sockets.iter().try_for_each(|path| write!(f, " unix={}", path.display()))
    }
}
