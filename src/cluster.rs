//! A server of a cluster: it stands by until it owns the journal, and works until it does not.
//!
//! ```text
//!  join ──▶ stand_by ──▶ a server ──▶ run ──▶ stopped: leave
//!              ▲                        │
//!              └── another has taken over
//! ```

mod doors;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use acequia_gate::{Endpoint, GateError, Peer, ShutGate, SocketFile};
use acequia_journal::{Candidate, Role, Term};
use acequia_restraint::Seldom;
use tokio::sync::watch;

use self::doors::{Doors, owner_address, url_of};
use crate::access::Refusals;
use crate::addresses::Addresses;
use crate::config::{Config, Journal, Shared, StartError};
use crate::http::{self, Closing};
use crate::metrics::{ClusterState, StandbyMetrics};
use crate::parts::{Broken, Parts};
use crate::pipeline::durability::{Over, Source};
use crate::ports::{Apps, House, Ports};
use crate::server::Server;

/// How often the log tells of workers that are turned away.
const TURNED_AWAY_LINE_EVERY: Duration = Duration::from_secs(60);
/// How long the ports of what this process was before may stay taken.
const PORTS_TIME_MAX: Duration = Duration::from_secs(5);
const PORTS_AGAIN: Duration = Duration::from_millis(20);
/// How long to wait before a journal that was not to be read is read again.
const OPEN_AGAIN: Duration = Duration::from_millis(500);

/// A server of a cluster.
pub struct Cluster {
    config: Config,
    candidate: Candidate,
    addresses: Addresses,
    /// While it stands by, if there are no doors.
    standby: Option<Standby>,
    /// If its servers are doors all the time.
    doors: Option<Doors>,
    state: ClusterState,
    /// The last term that was this server's.
    term: Option<Term>,
}

/// Ports at which nobody finds anything but the owner's address.
struct Standby {
    parts: Parts,
    /// As long as it is there connections stay open.
    _closing: Closing,
    _files: Vec<SocketFile>,
}

/// How a server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was told to.
    Stopped,
    /// Another server owns the journal. This one has told nobody anything since.
    Over,
}

impl Cluster {
    /// Takes the ports and stands for the journal.
    ///
    /// # Errors
    /// If a port is not to be had, or the database cannot be used; the message says what to do.
    pub async fn join(config: Config) -> Result<Self, StartError> {
        let Some(Journal::Shared(shared)) = config.journal.clone() else {
            return Err(StartError::NotShared);
        };
        if config.links.is_some() {
            return Self::join_with_doors(config, true).await;
        }
        let bound = Bound::bind(&config).await?;
        let addresses = bound.addresses();
        // From now on they are the same, whichever the system chose.
        let config = Config {
            listen: addresses.http.to_string(),
            admin_listen: addresses.admin.map(|at| at.to_string()),
            jobs: addresses.jobs.clone(),
            results: addresses.results.clone(),
            ..config
        };
        let Shared { database, name, address } = shared;
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let address = address.unwrap_or_else(|| format!("{scheme}://{}", addresses.http));
        let start = move || Candidate::start(database, &name, address);
        let candidate = tokio::task::spawn_blocking(start).await;
        let candidate = candidate.map_err(|panic| StartError::System(panic.into()))??;
        for caution in candidate.cautions() {
            tracing::warn!("of the journal's database: {caution}");
        }
        let state = ClusterState::default();
        let standby = Some(bound.stand_by(&config, candidate.role(), state));
        Ok(Self { config, candidate, addresses, standby, doors: None, state, term: None })
    }

    /// The same for a server that is a door all the time, and never owns the journal.
    ///
    /// # Errors
    /// As of [`join`](Self::join).
    pub async fn join_as_door(config: Config) -> Result<Self, StartError> {
        Self::join_with_doors(config, false).await
    }

    async fn join_with_doors(config: Config, may_own: bool) -> Result<Self, StartError> {
        let (Some(Journal::Shared(shared)), Some(links)) = (&config.journal, &config.links) else {
            return Err(StartError::NotShared);
        };
        let (doors, addresses) = Doors::open(&config, links).await?;
        let Shared { database, name, address } = shared.clone();
        let address = owner_address(&config, address, &addresses);
        let start = move || match may_own {
            true => Candidate::start(database, &name, address),
            false => Candidate::watch(database, &name),
        };
        let candidate = tokio::task::spawn_blocking(start).await;
        let candidate = candidate.map_err(|panic| StartError::System(panic.into()))??;
        for caution in candidate.cautions() {
            tracing::warn!("of the journal's database: {caution}");
        }
        let (doors, state) = (Some(doors), ClusterState::default());
        Ok(Self { config, candidate, addresses, standby: None, doors, state, term: None })
    }

    /// Where its server is a door all the time: whether jobs are taken, here or at the owner.
    pub fn takes_jobs(&self) -> Option<watch::Receiver<bool>> {
        self.doors.as_ref().map(Doors::takes_jobs)
    }

    /// Where this server listens, whether it stands by or works.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Stands by until this server owns the journal, and returns the one that goes on with it. `told` hears
    /// who owns it meanwhile, each time that this changes.
    ///
    /// # Errors
    /// If the journal cannot be read, or a port is not to be had any more.
    pub async fn stand_by(&mut self, mut told: impl FnMut(&str)) -> Result<Server, StartError> {
        loop {
            let term = self.wait_at_ports(&mut told).await?;
            tracing::info!(epoch = term.epoch, "this server owns the journal now");
            self.term = Some(term.clone());
            self.state.epoch = term.epoch;
            self.state.takeovers += 1;
            match self.begin(&term).await {
                Ok(server) => return Ok(server),
                Err(error) if error.is_of_database() => {
                    tracing::warn!(%error, "this server stands by: the journal cannot be read");
                    self.candidate.stand_by();
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Answers at its ports until this server owns the journal.
    async fn wait_at_ports(&mut self, told: &mut impl FnMut(&str)) -> Result<Term, StartError> {
        if self.doors.is_some() {
            return self.wait_at_door(told).await;
        }
        let mut standby = match self.standby.take() {
            Some(standby) => standby,
            None => {
                let bound = again(|| Bound::bind(&self.config)).await?;
                bound.stand_by(&self.config, self.candidate.role(), self.state)
            }
        };
        let term = tokio::select! {
            term = self.wait(told) => term,
            broken = standby.parts.broken() => {
                return Err(StartError::System(std::io::Error::other(broken)));
            }
        };
        // Whoever was held there comes back at once.
        standby.parts.end().await;
        Ok(term)
    }

    /// Is a door until this server owns the journal.
    async fn wait_at_door(&mut self, told: &mut impl FnMut(&str)) -> Result<Term, StartError> {
        let Some(mut doors) = self.doors.take() else { return Err(StartError::NotShared) };
        let following = doors.whereabouts().follow(self.candidate.role(), self.state);
        let term = tokio::select! {
            term = self.wait(told) => Ok(term),
            () = following => Err("nobody looks after the lease any more".to_owned()),
            broken = doors.broken() => Err(broken),
        };
        // Whoever was it until now is not.
        doors.whereabouts().nobody();
        self.doors = Some(doors);
        term.map_err(|why| StartError::System(std::io::Error::other(why)))
    }

    /// Opens the journal, and again if the database breaks off, as long as it is this server's.
    async fn begin(&self, term: &Term) -> Result<Server, StartError> {
        let role = self.candidate.role();
        let is_ours = || matches!(&*role.borrow(), Role::Owner(of) if of == term);
        loop {
            let source = || Source::Term(term.clone(), self.candidate.tenure());
            let opened = match &self.doors {
                Some(doors) => {
                    let seat = doors.seat(self.addresses.clone());
                    Server::open(self.config.clone(), source(), seat).await
                }
                None => again(|| Server::bind_to(self.config.clone(), source())).await,
            };
            match opened {
                Ok(server) => {
                    let state = ClusterState { is_owner: true, ..self.state };
                    server.set_cluster(state, self.candidate.role(), term.clone());
                    return Ok(server);
                }
                Err(error) if error.is_of_database() && is_ours() => {
                    tracing::warn!(%error, "it is tried again");
                    tokio::time::sleep(OPEN_AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until this server owns the journal.
    async fn wait(&mut self, told: &mut impl FnMut(&str)) -> Term {
        let mut role = self.candidate.role();
        loop {
            match &*role.borrow_and_update() {
                Role::Owner(term) if self.term.as_ref() != Some(term) => return term.clone(),
                Role::Standby { owner: Some(owner), .. } => told(url_of(owner)),
                Role::Halted { why } => tracing::error!(%why, "this server does nothing more"),
                Role::Standby { owner: None, .. } | Role::Owner(_) => {}
            }
            if role.changed().await.is_err() {
                tracing::error!(
                    "nobody looks after the lease any more: this server stands by for ever"
                );
                std::future::pending::<()>().await;
            }
        }
    }

    /// Has a server work until `shutdown` resolves or another has taken over.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub async fn run(
        &mut self,
        server: Server,
        shutdown: impl Future<Output = ()>,
    ) -> Result<End, Broken> {
        let ended = match &mut self.doors {
            Some(doors) => doors.beside(server, shutdown).await?,
            None => server.run_until_over(shutdown).await?,
        };
        let Some(Over { why, is_lost }) = ended else { return Ok(End::Stopped) };
        self.state.fenced += 1;
        if is_lost {
            self.state.is_lost = true;
            self.candidate.halt(why);
        } else {
            tracing::warn!(%why, "this server stands by");
            self.candidate.stand_by();
        }
        Ok(End::Over)
    }

    /// Leaves the journal to whoever waits for it.
    pub async fn leave(self) {
        let Self { candidate, doors, config, state, .. } = self;
        _ = tokio::task::spawn_blocking(move || candidate.release()).await;
        if let (Some(doors), Some(Journal::Shared(shared))) = (doors, config.journal) {
            doors.close(shared, state).await;
        }
    }
}

/// All ports of a server, which nobody serves yet.
struct Bound {
    ports: Ports,
    jobs: ShutGate,
    results: ShutGate,
}

impl Bound {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let ports = Ports::bind(config).await?;
        let jobs = ShutGate::bind(&config.jobs).await?;
        let results = ShutGate::bind(&config.results).await?;
        Ok(Self { ports, jobs, results })
    }

    fn addresses(&self) -> Addresses {
        let of = |gate: &ShutGate| -> Endpoint { gate.local_endpoint().clone() };
        Addresses::new(self.ports.at.clone(), of(&self.jobs), of(&self.results))
    }

    fn stand_by(
        self,
        config: &Config,
        role: watch::Receiver<Role>,
        state: ClusterState,
    ) -> Standby {
        let Self { ports, jobs, results } = self;
        let mut parts = Parts::default();
        let metrics = StandbyMetrics::new();
        let house = House {
            limits: config.limits,
            refused: metrics.refused(),
            refusals: Arc::new(Refusals::default()),
        };
        let app = http::for_standby(role.clone(), metrics, state);
        let (closing, closes) = http::closing();
        let apps = Apps { all: app.clone(), operators: app };
        let files = ports.serve(apps, &house, &closes, &mut parts);
        for (part, gate) in [("the jobs port", jobs), ("the results port", results)] {
            let (role, mut lines) = (role.clone(), Seldom::new(TURNED_AWAY_LINE_EVERY, 1));
            let turned_away = move |peer: Peer| {
                let Some(left_out) = lines.line((), Instant::now()) else { return };
                let owner = match &*role.borrow() {
                    Role::Standby { owner: Some(owner), .. } => owner.clone(),
                    _ => "not known yet".to_owned(),
                };
                tracing::info!(
                    %peer, owner,
                    "a worker is turned away: this server stands by; workers dial all servers of a cluster, \
                     or whichever is ready (/readyz){left_out}"
                );
            };
            parts.start(part, gate.run(turned_away));
        }
        Standby { parts, _closing: closing, _files: files }
    }
}

/// Ports of this process may still be about to be free.
async fn again<T, F: Future<Output = Result<T, StartError>>>(
    bind: impl Fn() -> F,
) -> Result<T, StartError> {
    let until = Instant::now() + PORTS_TIME_MAX;
    loop {
        match bind().await {
            Err(error) if is_taken(&error) && Instant::now() < until => {
                tokio::time::sleep(PORTS_AGAIN).await;
            }
            bound => return bound,
        }
    }
}

fn is_taken(error: &StartError) -> bool {
    let taken = |source: &std::io::Error| source.kind() == std::io::ErrorKind::AddrInUse;
    match error {
        StartError::Listen { source, .. } => taken(source),
        StartError::Gate(GateError::Bind { source, .. }) => taken(source),
        _ => false,
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
