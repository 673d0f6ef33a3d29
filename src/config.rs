//! What an operator decides, and why a server does not start.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use acequia_gate::{Endpoint, EndpointError, GateError, SocketAccess, SocketError};
use acequia_journal::{CannotOpen, Database, OpenError, ReadError};
use acequia_tls::{BadTls, TlsFiles};
use acequia_wire::{Limits, TraceRatio};

use crate::access::{
    AllowedOrigin, BadKeys, BadSecret, ClientTokens, OwnName, Secret, TrustedProxy,
};
use crate::demo::Demo;
use crate::pipeline::durability::NotRecovered;

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP and WebSocket listen, `HOST:PORT`; port 0 lets the system choose.
    pub listen: String,
    /// Paths of unix sockets where the same is found as at [`listen`](Self::listen), without TLS and without
    /// the PROXY protocol: for programs of the same machine.
    pub sockets: Vec<PathBuf>,
    /// Who may connect to them.
    pub socket_access: SocketAccess,
    /// Where admin calls and the dashboard listen, `HOST:PORT`. With `None` they are where HTTP is.
    pub admin_listen: Option<String>,
    /// The certificate and key that HTTP and WebSocket are encrypted with. With `None` they are
    /// not.
    pub tls: Option<TlsFiles>,
    /// Where workers fetch jobs.
    pub jobs: Endpoint,
    /// Where workers bring results.
    pub results: Endpoint,
    /// Where accepted jobs are kept, so that they survive the server. With `None` jobs live as long as the
    /// server.
    pub journal: Option<Journal>,
    /// Where doors may link to this server. With `None` they may not.
    pub links: Option<Links>,
    /// How long the outcome of an accepted job is kept for those who ask later.
    pub retention: Duration,
    /// Pages that may open sessions beside the server's own.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// What workers have to know before they get jobs. With `None` whoever reaches the endpoints
    /// may work.
    pub worker_token: Option<Secret>,
    /// Names that the server is called by, beside addresses, `localhost` and that of
    /// [`listen`](Self::listen).
    pub own_names: Vec<OwnName>,
    /// Whom is believed who their requests come from: by `X-Forwarded-For`, or `Forwarded`.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Whether connections of these to [`listen`](Self::listen) begin with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// What admin calls have to name. With `None` the server makes a token, which it keeps beside its
    /// journal: [`Server::admin_token`](crate::Server::admin_token).
    pub admin_token: Option<Secret>,
    /// Whose tokens let clients in. With `None` they need none.
    pub client_tokens: Option<ClientTokens>,
    /// How long a resumable session lives without a connection.
    pub absence: Duration,
    /// What clients may do.
    pub limits: Limits,
    /// Connections that workers may have to each of their two ports.
    pub worker_connections: usize,
    /// How long a worker that beats may be silent while it holds jobs before they are given to
    /// others.
    pub lease: Duration,
    /// After how long a run is given up of a job that says nothing of it. With `None` it never is.
    pub default_timeout: Option<Duration>,
    /// How long running jobs may take to finish once the server is told to stop.
    pub grace: Duration,
    /// With it the page at `/` is that of the demo, which submits jobs.
    pub demo: Option<Demo>,
    /// Whether jobs are counted and measured, for Prometheus and the dashboard.
    pub measures: bool,
    /// Which of the jobs begin a trace that come without a `traceparent`.
    pub traces: TraceRatio,
    /// Where the spans of jobs go whose traces are sampled. With `None` there are none.
    #[cfg(feature = "otlp")]
    pub otlp_endpoint: Option<crate::OtlpEndpoint>,
}

impl Config {
    /// Where HTTP and WebSocket listen by default.
    pub const LISTEN: &str = "127.0.0.1:8080";
    /// Where workers fetch jobs by default.
    pub const JOBS: &str = "tcp://127.0.0.1:5557";
    /// Where workers bring results by default.
    pub const RESULTS: &str = "tcp://127.0.0.1:5558";
    /// Where accepted jobs are kept by default.
    pub const JOURNAL: &str = "acequia.redb";
    /// How long outcomes are kept by default.
    pub const RETENTION: Duration = acequia_scheduler::Config::RETENTION;
    /// How long a session goes on without a connection by default.
    pub const ABSENCE: Duration = Duration::from_secs(10 * 60);
    /// Connections that workers may have by default.
    pub const WORKER_CONNECTIONS: usize = acequia_gate::CONNECTIONS_MAX;
    /// How long a worker may be silent by default.
    pub const LEASE: Duration = acequia_scheduler::Config::LEASE;
    /// The time that running jobs get by default.
    pub const GRACE: Duration = Duration::from_secs(10);
}

impl Default for Config {
    fn default() -> Self {
        let endpoint = |text: &str| text.parse().expect("a default endpoint is one");
        Self {
            listen: Self::LISTEN.to_owned(),
            sockets: Vec::new(),
            socket_access: SocketAccess::default(),
            admin_listen: None,
            tls: None,
            jobs: endpoint(Self::JOBS),
            results: endpoint(Self::RESULTS),
            journal: Some(Journal::File(Self::JOURNAL.into())),
            links: None,
            retention: Self::RETENTION,
            allowed_origins: Vec::new(),
            worker_token: None,
            own_names: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            admin_token: None,
            client_tokens: None,
            absence: Self::ABSENCE,
            limits: Limits::default(),
            worker_connections: Self::WORKER_CONNECTIONS,
            lease: Self::LEASE,
            default_timeout: None,
            grace: Self::GRACE,
            demo: None,
            measures: true,
            traces: TraceRatio::default(),
            #[cfg(feature = "otlp")]
            otlp_endpoint: None,
        }
    }
}

/// Where accepted jobs are kept.
#[derive(Clone, Debug)]
pub enum Journal {
    /// In a file, which is created if it does not exist.
    File(PathBuf),
    /// In a database of PostgreSQL, which several servers can reach: see [`Cluster`](crate::Cluster).
    Shared(Shared),
}

impl From<PathBuf> for Journal {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl Journal {
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Shared(_) => None,
        }
    }
}

/// A journal that several servers can reach, and one owns at a time.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The database.
    pub database: Database,
    /// What the cluster is called there. Servers of one name stand in for one another.
    pub name: String,
    /// Where clients and other servers reach this one, such as `http://10.0.0.5:8080`. With `None` it is
    /// `http://` and the address of [`listen`](Config::listen).
    pub address: Option<String>,
}

impl Shared {
    /// What a cluster is called by default.
    pub const NAME: &str = "acequia";
    /// The time that running jobs get by default: short, since nobody is served until another server goes on.
    pub const GRACE: Duration = Duration::from_secs(1);
}

/// Where doors may link to a server.
#[derive(Clone, Debug)]
pub struct Links {
    /// `HOST:PORT`; port 0 lets the system choose.
    pub listen: String,
    /// Where doors of other servers of a cluster reach it, `HOST:PORT`. With `None` it is the host of
    /// [`Shared::address`] and the port of `listen`.
    pub address: Option<String>,
    /// What both ends have to know.
    pub token: Secret,
}

/// Where a door finds its owner.
#[derive(Clone, Debug)]
pub struct Owners {
    /// Each `HOST:PORT`. They are tried in turn, until one is the owner.
    pub addresses: Vec<String>,
    /// What both ends have to know.
    pub token: Secret,
    /// Authorities, in PEM, of which one has to have signed the owner's certificate. With `None` the token is
    /// the proof.
    pub authority: Option<PathBuf>,
}

/// Why a server does not start. The operator can mend each; the message says how.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address of HTTP is not to be had.
    #[error("cannot listen on {listen}: {source}{}", hint(source, flag))]
    Listen {
        /// The flag that it comes from.
        flag: &'static str,
        /// The address.
        listen: String,
        /// What the system says.
        source: io::Error,
    },
    /// A socket of HTTP is not to be had.
    #[error("--listen: {0}")]
    Socket(#[from] SocketError),
    /// Something is asked of a mounted server that only one with a port of its own can do.
    #[error(
        "`Config::{setting}` is for a server with a port of its own, and this one is mounted: {remedy}"
    )]
    NoPort {
        /// Its name.
        setting: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// An endpoint for workers is not one.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// An endpoint for workers is not to be had.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The certificate or its key is of no use.
    #[error(transparent)]
    Tls(#[from] BadTls),
    /// The authorities of the owner's certificate are of no use.
    #[error("--link-ca: {0}")]
    LinkAuthority(BadTls),
    /// The keys of clients' tokens cannot be read.
    #[error(transparent)]
    Keys(#[from] BadKeys),
    /// There is no admin token, and none can be made.
    #[error("the admin token: {0}")]
    AdminToken(#[from] BadSecret),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The journal opens and yet cannot be read.
    #[error(
        "{place}: {source}; restore it from a backup, or move it away to begin anew without the jobs in it"
    )]
    Unreadable {
        /// The journal.
        place: String,
        /// What is wrong.
        source: ReadError,
    },
    /// A journal in PostgreSQL may be another server's at any time.
    #[error("a journal in PostgreSQL is for `Cluster::join`, and one in a file for `Server::bind`")]
    NotShared,
    /// The way to the collector of spans cannot be set up.
    #[cfg(feature = "otlp")]
    #[error("cannot send spans: {0}")]
    Otlp(String),
    /// The system lacks something that every server needs.
    #[error("cannot start: {0}")]
    System(io::Error),
}

impl StartError {
    /// Whether it is the database that does not do what it is asked, and may do so later.
    pub(crate) fn is_of_database(&self) -> bool {
        match self {
            Self::Journal(OpenError { why, .. }) => matches!(why, CannotOpen::Database(_)),
            Self::Unreadable { source, .. } => matches!(source, ReadError::Database(_)),
            _ => false,
        }
    }
}

impl From<NotRecovered> for StartError {
    fn from(why: NotRecovered) -> Self {
        match why {
            NotRecovered::Open(error) => Self::Journal(error),
            NotRecovered::Unreadable { place, source } => Self::Unreadable { place, source },
        }
    }
}

/// What to do about a failure to listen.
fn hint(error: &io::Error, flag: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "; another process has it: stop that one, or choose another port with {flag} (port 0 picks a free one)"
            )
        }
        io::ErrorKind::PermissionDenied => format!("; choose a port above 1023 with {flag}"),
        io::ErrorKind::AddrNotAvailable => {
            "; the host is not this machine's: use one of its addresses, such as 127.0.0.1 or 0.0.0.0"
                .to_owned()
        }
        io::ErrorKind::InvalidInput => "; an address is HOST:PORT, such as 127.0.0.1:8080".to_owned(),
        _ => String::new(),
    }
}
