//! A door: it holds browsers and workers, and an owner elsewhere does the rest.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use acequia_gate::{GateConfig, JobsGate, ResultsGate, SocketFile};
use acequia_link::LinkTrust;
use acequia_sink::accept_lanes as accept_results;
use acequia_ventilator::accept_lanes as accept_jobs;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::access::{Access, Pages, Refusals, TokenDoor, WorkerDoor};
use crate::addresses::Addresses;
use crate::calls::ask_owner;
use crate::clock::Clock;
use crate::config::{Config, Owners, StartError};
use crate::http::{
    self, About, Closes, Door as Hall, Forward, Front, Greeting, STREAMS_MAX, Scrape,
};
use crate::metrics::DoorMetrics;
use crate::parts::{Broken, Parts};
use crate::pipeline::readiness::Readiness;
use crate::pipeline::{INBOX, Input};
use crate::ports::{Apps, At, House, Ports};
use crate::relay::{Dialler, FromLink, LinkKeys, Relay, Target};
use crate::workers::Workers;

/// Batches of frames that may wait for the relay.
const HEARD: usize = 64;
/// How long sessions may take to close at the end, and the link.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(3);
/// What is said where admin calls would be if they had no port of their own.
const OTHER_PORT: &str = "admin calls have their own port here: that of --admin-listen";

/// A door that holds its ports. Nothing is served before [`run`](Self::run).
pub struct Door {
    /// None of a door for workers only.
    ports: Option<Ports>,
    jobs: JobsGate,
    results: ResultsGate,
    addresses: Addresses,
    relay: Relay,
    inputs: mpsc::Receiver<Input>,
    heard: mpsc::Receiver<FromLink>,
    dialler: Dialler,
    hall: Arc<Hall>,
    forward: Forward,
    metrics: DoorMetrics,
}

impl Door {
    /// Takes the ports. Of the configuration all counts that is about clients, workers and who may come in;
    /// journal, limits of jobs and the admin token are the owner's.
    ///
    /// # Errors
    /// If one of them is not to be had; the message says what to do.
    pub async fn bind(config: Config, owners: Owners) -> Result<Self, StartError> {
        let ports = Ports::bind(&config).await?;
        Self::open(config, owners, Some(ports)).await
    }

    /// The same without HTTP: a door for workers only.
    ///
    /// # Errors
    /// As of [`bind`](Self::bind).
    pub async fn for_workers(config: Config, owners: Owners) -> Result<Self, StartError> {
        Self::open(config, owners, None).await
    }

    async fn open(
        config: Config,
        owners: Owners,
        ports: Option<Ports>,
    ) -> Result<Self, StartError> {
        let Owners { addresses, token, authority } = owners;
        let trust = match authority {
            Some(file) => LinkTrust::of_file(&file).map_err(StartError::LinkAuthority)?,
            None => LinkTrust::anybody(),
        };
        let targets = addresses.into_iter().map(Target::There).collect();
        // The list is what it is.
        let (_, targets) = watch::channel(targets);
        Self::follow(config, LinkKeys { token, trust }, targets, ports).await
    }

    /// A door that is linked to whoever is the owner.
    pub(crate) async fn follow(
        config: Config,
        keys: LinkKeys,
        targets: watch::Receiver<Vec<Target>>,
        ports: Option<Ports>,
    ) -> Result<Self, StartError> {
        let gate =
            GateConfig { connections_max: config.worker_connections, ..GateConfig::default() };
        let jobs = JobsGate::bind(&config.jobs, gate.clone()).await?;
        let results = ResultsGate::bind(&config.results, gate).await?;
        let at = ports.as_ref().map_or_else(At::nowhere, |ports| ports.at.clone());
        let port = at.http.port();
        let ends = (jobs.local_endpoint().clone(), results.local_endpoint().clone());
        let addresses = Addresses::new(at, ends.0, ends.1);
        let metrics = DoorMetrics::new(jobs.stats(), results.stats());
        let tokens = config.client_tokens.as_ref();
        let tokens = tokens.map(|of| TokenDoor::open(of, metrics.refused())).transpose()?;
        let (inbox, inputs) = mpsc::channel(INBOX);
        let (relay_inbox, heard) = mpsc::channel(HEARD);
        let name = addresses.jobs.to_string();
        let dialler = Dialler::new(name, keys, targets, relay_inbox).map_err(StartError::System)?;
        let worker_door = WorkerDoor::new(config.worker_token.clone(), metrics.refused());
        let workers = Workers::new(config.limits.result_bytes, worker_door, metrics.refused());
        let relay = Relay::new(workers, metrics.clone(), config.grace);
        // Sessions get their numbers from the owner; these are what it calls their connections here.
        let front = Arc::new(Front::new(inbox.clone(), config.limits, 1));
        let access = Access {
            pages: Pages::new(config.allowed_origins, config.own_names, &config.listen, port),
            has_worker_token: config.worker_token.is_some(),
            admin_token: None,
            tokens: tokens.map(Arc::new),
            refusals: Arc::new(Refusals::default()),
        };
        let started = Clock::start().start_time().as_millis();
        let hall = Hall {
            greeting: Greeting::new(&addresses, &access, None),
            demo: None,
            about: About::new(started, &addresses, front.limits),
            front,
            inbox,
            access,
            metrics: metrics.handle(),
            scrape: Scrape::default(),
            refused: metrics.refused(),
            readiness: relay.readiness(),
            ticks: watch::channel(None).1,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        };
        let forward = Forward::new(ask_owner(dialler.callers()));
        let hall = Arc::new(hall);
        Ok(Self {
            ports,
            jobs,
            results,
            addresses,
            relay,
            inputs,
            heard,
            dialler,
            hall,
            forward,
            metrics,
        })
    }

    /// Where the door listens. For workers only, there is no HTTP at port 0.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    pub(crate) fn metrics(&self) -> DoorMetrics {
        self.metrics.clone()
    }

    /// Whether it is linked, so that jobs are taken.
    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.hall.readiness.clone()
    }

    /// Resolves once the door is linked, so that jobs are taken and run.
    pub fn linked(&self) -> impl Future<Output = ()> + use<> {
        let mut readiness = self.hall.readiness.clone();
        async move {
            let linked = readiness.wait_for(|readiness| *readiness == Readiness::Ready);
            let is_over = linked.await.is_err();
            if is_over {
                // It never will be.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Serves until `shutdown` resolves; then lets running jobs end within the grace time, says goodbye and
    /// returns.
    ///
    /// # Errors
    /// If a part of the door ends that it cannot be without.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Broken> {
        let Self { ports, jobs, results, relay, inputs, heard, dialler, hall, forward, .. } = self;
        let (front, inbox) = (hall.front.clone(), hall.inbox.clone());
        let mut parts = Parts::default();
        parts.start("the relay", relay.run(inputs, heard));
        parts.start("the jobs port", accept_jobs(jobs, inbox.clone()));
        parts.start("the results port", accept_results(results, inbox.clone()));
        let link = tokio::spawn(dialler.run());
        let (closing, closes) = http::closing();
        // They are taken away at the end.
        let _files = ports.map(|ports| serve(ports, &hall, &forward, &closes, &mut parts));
        drop(closes);
        let ended = tokio::select! {
            () = shutdown => Ok(()),
            broken = parts.broken() => Err(broken),
        };
        let ended = match ended {
            Ok(()) if inbox.send(Input::Drain).await.is_ok() => parts.first().await,
            ended => ended,
        };
        let closed = async { tokio::join!(front.all_closed(), closing.close(), link) };
        _ = tokio::time::timeout(CLOSE_TIME_MAX, closed).await;
        ended
    }
}

/// Serves HTTP at the door's own ports and sockets. Returns the files of the latter.
fn serve(
    ports: Ports,
    hall: &Arc<Hall>,
    forward: &Forward,
    closes: &Closes,
    parts: &mut Parts,
) -> Vec<SocketFile> {
    let operators = http::for_operators_of_door(hall.clone(), forward);
    let all = match ports.has_admin() {
        true => http::for_clients_of_door(hall.clone(), forward, OTHER_PORT),
        false => http::for_all_at_door(hall.clone(), forward),
    };
    let house = House {
        limits: hall.front.limits,
        refused: hall.refused.clone(),
        refusals: hall.access.refusals.clone(),
    };
    ports.serve(Apps { all, operators }, &house, closes, parts)
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
