//! A server: bound, then run.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use acequia_client::{AdminClient, InProcess, ServerUrl};
use acequia_gate::{GateConfig, JobsGate, Limits as FrameLimits, ResultsGate, SocketFile};
use acequia_journal::{Notice, Role, Term};
use acequia_link::Welcome;
use acequia_scheduler::Config as SchedulerConfig;
use acequia_sink::accept_lanes as accept_results;
use acequia_ventilator::accept_lanes as accept_jobs;
use acequia_wire::Limits;
#[cfg(feature = "otlp")]
use tokio::sync::oneshot;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::access::{self, Access, Pages, Proxies, Refusals, Secret, TokenDoor, WorkerDoor};
use crate::addresses::Addresses;
use crate::clock::Clock;
use crate::config::{Config, Journal, Links, StartError};
use crate::http::{self, About, Closes, Door, Front, Greeting, Routes, STREAMS_MAX, Scrape};
use crate::links::{self, Known, LinkPort, Owner, Takeovers};
use crate::metrics::{self, ClusterState, Metrics, Recorder};
use crate::parts::{Broken, Parts};
use crate::pipeline::durability::{self, Over, Source};
use crate::pipeline::{INBOX, Input, Pipeline, Times};
use crate::ports::{Apps, At, House, Ports};
#[cfg(feature = "otlp")]
use crate::spans::Exporter;
use crate::workers::Workers;

/// Longer than anybody means. What is longer would not fit where it is added up.
const LONG: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// How long the jobs of a server before this one wait for workers at doors that have them.
const ADOPTION: Duration = Duration::from_secs(2);

/// How long sessions may take to close at the end.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(3);

/// What is said where admin calls would be if they had no port of their own.
const OTHER_PORT: &str = "admin calls have their own port here: that of --admin-listen";

/// Where workers come in.
struct Gates {
    jobs: JobsGate,
    results: ResultsGate,
}

/// What a server has of its own beside ports for HTTP.
pub(crate) struct Seat {
    addresses: Addresses,
    gates: Option<Gates>,
    link_port: Option<LinkPort>,
    recorder: Recorder,
}

impl Seat {
    /// The endpoints for workers, and the port for doors, of the configuration.
    async fn take(config: &Config, at: At) -> Result<Self, StartError> {
        let jobs = JobsGate::bind(&config.jobs, jobs_gate(config)).await?;
        let results = ResultsGate::bind(&config.results, results_gate(config)).await?;
        let link_port = match &config.links {
            Some(links) => Some(LinkPort::bind(&links.listen, config.tls.as_ref()).await?),
            None => None,
        };
        let ends = (jobs.local_endpoint().clone(), results.local_endpoint().clone());
        let link = link_port.as_ref().map(LinkPort::address);
        let addresses = Addresses { link, ..Addresses::new(at, ends.0, ends.1) };
        let gates = Some(Gates { jobs, results });
        Ok(Self { addresses, gates, link_port, recorder: metrics::recorder() })
    }

    /// Nothing: all comes from doors, of which one is in the same process.
    pub(crate) fn beside_door(addresses: Addresses, recorder: Recorder) -> Self {
        Self { addresses, gates: None, link_port: None, recorder }
    }
}

/// A server that holds its ports and its journal. Nothing is served before [`run`](Self::run).
pub struct Server {
    /// None if a program has them.
    ports: Option<Ports>,
    /// None if no doors may link to it by themselves.
    link_port: Option<(LinkPort, Secret)>,
    /// What doors link to.
    owner: Option<Arc<Owner>>,
    /// None if all its workers are at doors.
    gates: Option<Gates>,
    addresses: Addresses,
    pipeline: Pipeline,
    inputs: mpsc::Receiver<Input>,
    door: Arc<Door>,
    admin_token: Secret,
    /// Admin calls of this process itself, while the server runs.
    within: watch::Sender<Option<InProcess>>,
    #[cfg(feature = "otlp")]
    exporter: Option<Exporter>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Server {
    /// Takes the ports, opens the journal and has the jobs in it go on.
    ///
    /// # Errors
    /// If one of them is not to be had; the message says what to do.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let source = source(&config)?;
        Self::bind_to(config, source).await
    }

    /// The same with this journal.
    pub(crate) async fn bind_to(config: Config, source: Source) -> Result<Self, StartError> {
        let ports = Ports::bind(&config).await?;
        let seat = Seat::take(&config, ports.at.clone()).await?;
        let server = Self::open(config, source, seat).await?;
        Ok(Self { ports: Some(ports), ..server })
    }

    /// The same without a port for HTTP: for a program that has one, at `address`, and mounts the
    /// [`Routes`] there. Workers have their two ports as ever.
    ///
    /// The program accepts connections. So TLS, the time that a request's head may take, how many
    /// connections there are and how long they may be idle are its own matters, and [`listen`](Config::listen)
    /// is not looked at. The server counts what each address asks for: a request, or a session for as long as
    /// it is open, takes one of the places of [`address_connections`](acequia_wire::Limits::address_connections);
    /// [`trusted_proxies`](Config::trusted_proxies) are believed as on a port of its own.
    ///
    /// [`run`](Self::run) has to be polled beside the program's own server, and to be told to stop not
    /// after that one: it says goodbye to all sessions, and answers what was asked.
    ///
    /// # Errors
    /// As of [`bind`](Self::bind); and if `tls`, `admin_listen`, `sockets` or `proxy_protocol` are given,
    /// which need a port.
    pub async fn mounted(
        config: Config,
        address: SocketAddr,
    ) -> Result<(Self, Routes), StartError> {
        let of_ports = [
            (config.tls.is_some(), "tls", "encrypt where the program accepts connections"),
            (
                config.admin_listen.is_some(),
                "admin_listen",
                "mount `Routes::for_clients` on one port and `Routes::for_operators` on the other",
            ),
            (config.proxy_protocol, "proxy_protocol", "give requests a `ClientAddress`"),
            (!config.sockets.is_empty(), "sockets", "have the program accept connections there"),
        ];
        if let Some((_, setting, remedy)) = of_ports.into_iter().find(|(is_given, ..)| *is_given) {
            return Err(StartError::NoPort { setting, remedy });
        }
        let proxies = Arc::new(Proxies::new(config.trusted_proxies.clone()));
        let config = Config { listen: address.to_string(), ..config };
        let source = source(&config)?;
        let at = At { http: address, admin: None, sockets: Vec::new() };
        let seat = Seat::take(&config, at).await?;
        let server = Self::open(config, source, seat).await?;
        let routes = Routes::new(server.door.clone(), proxies);
        Ok((server, routes))
    }

    /// All but ports for HTTP.
    pub(crate) async fn open(
        config: Config,
        source: Source,
        seat: Seat,
    ) -> Result<Self, StartError> {
        let Seat { addresses, gates, link_port, recorder } = seat;
        let tenure = source.tenure();
        let stats = gates.as_ref().map(|gates| [gates.jobs.stats(), gates.results.stats()]);
        let metrics = Metrics::new(recorder, stats, config.measures);
        let (handle, refused) = (metrics.handle(), metrics.refused());
        let link_metrics = metrics.links();
        let tokens = config.client_tokens.as_ref();
        // There, and 0, also where clients need no tokens.
        let refused_tokens = metrics.refused();
        let tokens = tokens.map(|of| TokenDoor::open(of, refused_tokens)).transpose()?;
        let tokens = tokens.map(Arc::new);
        let (inbox, inputs) = mpsc::channel(INBOX);
        #[cfg(feature = "otlp")]
        let dropped_spans = metrics.refused();
        #[cfg_attr(not(feature = "otlp"), expect(unused_mut, reason = "nobody asks for spans"))]
        let mut pipeline = open_pipeline(&config, source, metrics, inbox.clone()).await?;
        // A connection gives its session its number. Those of a server before this one may have
        // jobs in the journal, and nobody is to be taken for one of them.
        let first = pipeline.first_number();
        #[cfg_attr(not(feature = "otlp"), expect(unused_mut, reason = "nobody asks for spans"))]
        let mut front = Front::new(inbox.clone(), config.limits, first);
        #[cfg(feature = "otlp")]
        let exporter = match config.otlp_endpoint {
            Some(endpoint) => {
                let (exporter, spans) = Exporter::new(endpoint, pipeline.clock(), dropped_spans)?;
                pipeline.tell_spans(spans.clone());
                front.tell_spans(spans);
                Some(exporter)
            }
            None => None,
        };
        let front = Arc::new(front);
        // Not before the journal is this server's.
        let admin_token = match config.admin_token {
            Some(given) => given,
            None => access::made(config.journal.as_ref().and_then(Journal::file))?,
        };
        let allowed = config.allowed_origins;
        let access = Access {
            pages: Pages::new(allowed, config.own_names, &config.listen, addresses.http.port()),
            has_worker_token: config.worker_token.is_some(),
            admin_token: Some(admin_token.clone()),
            tokens,
            refusals: Arc::new(Refusals::default()),
        };
        let door = Door {
            greeting: Greeting::new(&addresses, &access, config.demo.as_ref()),
            demo: config.demo,
            about: About::new(pipeline.start_time().as_millis(), &addresses, front.limits),
            front,
            inbox,
            access,
            metrics: handle,
            scrape: Scrape::default(),
            refused,
            readiness: pipeline.readiness(),
            ticks: pipeline.ticks(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        };
        let door = Arc::new(door);
        let welcome = welcome(&pipeline, &config.limits);
        let link_token = config.links.map(|Links { token, .. }| token);
        let owner = link_token.as_ref().map(|_| {
            let (inbox, front) = (door.inbox.clone(), door.front.clone());
            let calls = http::for_doors(door.clone());
            let (metrics, takeovers) = (link_metrics, Takeovers::default());
            Arc::new(Owner { inbox, front, welcome, calls, metrics, takeovers, tenure })
        });
        Ok(Self {
            ports: None,
            link_port: link_port.zip(link_token),
            owner,
            gates,
            admin_token,
            addresses,
            pipeline,
            inputs,
            door,
            within: watch::Sender::new(None),
            #[cfg(feature = "otlp")]
            exporter,
        })
    }

    /// A client of the admin calls that needs neither port nor token: for what runs in the same
    /// process. It has no answers before [`run`](Self::run) and none once its jobs have ended.
    pub fn operator(&self) -> AdminClient {
        let here = ServerUrl::of_this_machine(self.addresses.http.port());
        AdminClient::within(here, self.within.subscribe())
    }

    /// What doors link to, if they may.
    pub(crate) fn owner(&self) -> Option<Arc<Owner>> {
        self.owner.clone()
    }

    /// What admin calls have to name: the configured token, or the one that this server made.
    pub fn admin_token(&self) -> &Secret {
        &self.admin_token
    }

    /// Where the server listens, or the program that it is mounted in.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until `shutdown` resolves; then takes no more jobs, lets the running ones end within
    /// the grace time, says goodbye and returns.
    ///
    /// # Errors
    /// If a part of the server ends that it cannot be without. The process should then end too, so
    /// that whoever looks after it starts it anew: no accepted job is lost by that.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Broken> {
        self.run_until_over(shutdown).await.map(drop)
    }

    /// The same; and why the journal is another server's by now, if that has ended it.
    pub(crate) async fn run_until_over(
        self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Option<Over>, Broken> {
        let Self { ports, link_port, owner, gates, pipeline, inputs, door, within, .. } = self;
        let (front, inbox) = (door.front.clone(), door.inbox.clone());
        let over = pipeline.over();
        let mut parts = Parts::default();
        parts.start("the pipeline", pipeline.run(inputs));
        if let Some(Gates { jobs, results }) = gates {
            parts.start("the jobs port", accept_jobs(jobs, inbox.clone()));
            parts.start("the results port", accept_results(results, inbox.clone()));
        }
        let linked = link_port.zip(owner).map(|((port, token), owner)| {
            let (knows, known) = watch::channel(Known::Here(owner));
            parts.start("the link port", links::serve(port, token, known));
            knows
        });
        within.send_replace(Some(http::in_process(http::for_own_process(door.clone()))));
        let (closing, closes) = http::closing();
        // They are taken away at the end.
        let _files = ports.map(|ports| serve(ports, &door, &closes, &mut parts));
        // The ports have it.
        drop(closes);

        #[cfg(feature = "otlp")]
        let exporting = self.exporter.map(|exporter| {
            let (stop, stopped) = oneshot::channel();
            (stop, tokio::spawn(exporter.run(stopped)))
        });

        let ended = tokio::select! {
            () = shutdown => Ok(()),
            broken = parts.broken() => Err(broken),
        };
        let ended = match ended {
            // The pipeline lets running jobs end, says goodbye and returns.
            Ok(()) if inbox.send(Input::Drain).await.is_ok() => parts.first().await,
            ended => ended,
        };
        within.send_replace(None);
        drop(linked);
        if let Some(over) = over.get() {
            parts.end().await;
            return Ok(Some(over.clone()));
        }
        let closed = async { tokio::join!(front.all_closed(), closing.close()) };
        _ = tokio::time::timeout(CLOSE_TIME_MAX, closed).await;
        // All that was to be told of has been.
        #[cfg(feature = "otlp")]
        if let Some((stop, exporting)) = exporting {
            _ = stop.send(());
            _ = exporting.await;
        }
        ended.map(|()| None)
    }

    /// What this server is in its cluster; and it is over as soon as the role is another.
    pub(crate) fn set_cluster(
        &self,
        state: ClusterState,
        mut role: watch::Receiver<Role>,
        term: Term,
    ) {
        self.pipeline.set_cluster(state);
        let inbox = self.door.inbox.clone();
        tokio::spawn(async move {
            let is_over = |role: &Role| !matches!(role, Role::Owner(of) if *of == term);
            let is_lost = match role.wait_for(is_over).await.as_deref() {
                Ok(Role::Halted { .. }) => true,
                Ok(_) => false,
                Err(_) => return,
            };
            let message = "its lease names another server".to_owned();
            // A pipeline that is gone does not need to know.
            _ = inbox.send(Input::Journal(Notice::Over { message, is_lost })).await;
        });
    }
}

/// How long jobs wait for the workers of doors that may have them.
fn adoption(config: &Config) -> Duration {
    config.links.as_ref().map_or(Duration::ZERO, |_| ADOPTION)
}

/// What doors are told first.
fn welcome(pipeline: &Pipeline, limits: &Limits) -> Welcome {
    Welcome {
        epoch: pipeline.first_number(),
        server: concat!("acequia/", env!("CARGO_PKG_VERSION")).to_owned(),
        result_bytes_max: limits.result_bytes as u64,
        adoption_ms: u32::try_from(ADOPTION.as_millis()).unwrap_or(u32::MAX),
    }
}

/// The journal of a server that is nobody's stand-in.
fn source(config: &Config) -> Result<Source, StartError> {
    match &config.journal {
        None => Ok(Source::Nowhere),
        Some(Journal::File(path)) => Ok(Source::File(path.clone())),
        Some(Journal::Shared(_)) => Err(StartError::NotShared),
    }
}

/// Serves HTTP at the server's own ports and sockets. Returns the files of the latter.
fn serve(ports: Ports, door: &Arc<Door>, closes: &Closes, parts: &mut Parts) -> Vec<SocketFile> {
    let operators = http::for_operators(door.clone());
    let all = if ports.has_admin() {
        http::without_admin_calls(door.clone(), OTHER_PORT)
    } else {
        http::for_all(door.clone())
    };
    let house = House {
        limits: door.front.limits,
        refused: door.refused.clone(),
        refusals: door.access.refusals.clone(),
    };
    ports.serve(Apps { all, operators }, &house, closes, parts)
}

/// A pipeline that goes on where the journal says that the last one ended.
async fn open_pipeline(
    config: &Config,
    source: Source,
    metrics: Metrics,
    inbox: mpsc::Sender<Input>,
) -> Result<Pipeline, StartError> {
    let clock = Clock::start();
    let Config { limits, lease, default_timeout, retention, grace, absence, traces, .. } = *config;
    let in_ms = |timeout: Duration| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let scheduler = SchedulerConfig {
        limits,
        lease: lease.min(LONG),
        default_timeout_ms: default_timeout.map(in_ms),
        retention: retention.min(LONG),
        adoption: adoption(config),
        traces,
        #[cfg(feature = "otlp")]
        spans: config.otlp_endpoint.is_some(),
        seed: seed(),
        ..SchedulerConfig::default()
    };
    let open = move || durability::open(source, scheduler, absence, clock);
    let opened = tokio::task::spawn_blocking(open).await;
    let opened = opened.map_err(|panic| StartError::System(panic.into()))??;
    metrics.recovered(opened.recovered);
    let notify = move |notice| {
        // A pipeline that is gone does not need to know.
        _ = inbox.blocking_send(Input::Journal(notice));
    };
    let start = opened.start(notify).map_err(StartError::System)?;
    let worker_door = WorkerDoor::new(config.worker_token.clone(), metrics.refused());
    let workers = Workers::new(limits.result_bytes, worker_door, metrics.refused());
    let adoption = adoption(config);
    let times = Times { grace: grace.min(LONG), absence: absence.min(LONG), adoption };
    Ok(Pipeline::new(start, clock, limits, times, workers, metrics))
}

fn jobs_gate(config: &Config) -> GateConfig {
    GateConfig { connections_max: config.worker_connections, ..GateConfig::default() }
}

/// A result somewhat over its limit fails its job with a word about it; only one far over it costs
/// the worker its connection.
fn results_gate(config: &Config) -> GateConfig {
    let default = jobs_gate(config);
    let frame_bytes_max = default.limits.frame_bytes_max.max(2 * config.limits.result_bytes as u64);
    let message_bytes_max = default.limits.message_bytes_max.max(2 * frame_bytes_max);
    let limits = FrameLimits { frame_bytes_max, message_bytes_max, ..default.limits };
    GateConfig { limits, ..default }
}

/// Where the jitter of retries starts. It need not be secret, only different from server to
/// server.
fn seed() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), ())
}
