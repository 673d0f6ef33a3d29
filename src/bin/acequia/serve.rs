//! `acequia serve`: the server.

mod access;
mod journal;
mod limits;
mod links;
mod listen;
mod traces;

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use acequia::client::AdminClient;
use acequia::{
    Addresses, Broken, Cluster, Config, End, Endpoint, Journal, Server, Shared, TlsFiles,
};
use acequia_pool::{GuardCommand, Setup};
use acequia_wire::limits::DURATION_MS_MAX;
use anyhow::{Context as _, bail};
use futures_util::FutureExt as _;
use futures_util::future::select;
use tokio::sync::{oneshot, watch};

pub(crate) use self::access::AccessArgs;
use self::journal::JournalArgs;
pub(crate) use self::journal::database;
pub(crate) use self::limits::LimitArgs;
use self::links::LinkArgs;
pub(crate) use self::listen::{Listen, ListenAccess, split};
use crate::{log, operators, pool_guard};

/// Run the server: browsers on one port, workers on two
///
/// When it is ready for jobs it prints one line: `acequia ready http=… jobs=… results=…`, and `unix=…`
/// for each socket; while another server of its cluster works, `acequia standby … owner=URL`. Port 0 lets the system choose a port. SIGTERM or SIGINT stops it: running jobs may
/// finish. A second signal stops it at once.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where HTTP and WebSocket listen: HOST:PORT, and beside it unix:PATH, a socket file for programs of
    /// this machine, given several times; by sockets there is no TLS. A file that a server left there which
    /// was killed is replaced
    #[arg(
        long,
        env = "ACEQUIA_LISTEN",
        default_value = Config::LISTEN,
        value_delimiter = ',',
        value_name = "HOST:PORT|unix:PATH"
    )]
    listen: Vec<Listen>,

    /// Who may connect to the sockets of --listen unix:PATH: the user that the server runs as, the group
    /// of the file too, or all users of this machine. Admin calls need the admin token all the same
    #[arg(
        long,
        env = "ACEQUIA_LISTEN_ACCESS",
        default_value = "owner",
        value_name = "owner|group|all"
    )]
    listen_access: ListenAccess,

    /// A separate address for admin calls and the dashboard, which the ready line then names too
    /// [default: that of --listen]
    #[arg(long, env = "ACEQUIA_ADMIN_LISTEN", value_name = "HOST:PORT")]
    admin_listen: Option<String>,

    /// The certificate for HTTPS and WSS, followed by those that lead to its authority, in PEM.
    /// Reloaded when it changes
    #[arg(long, env = "ACEQUIA_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// The private key of that certificate, in PEM
    #[arg(long, env = "ACEQUIA_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Where workers fetch jobs: tcp://HOST:PORT or ipc://PATH
    #[arg(long, env = "ACEQUIA_JOBS", default_value = Config::JOBS, value_name = "URL")]
    jobs: String,

    /// Where workers deliver results: tcp://HOST:PORT or ipc://PATH
    #[arg(long, env = "ACEQUIA_RESULTS", default_value = Config::RESULTS, value_name = "URL")]
    results: String,

    #[command(flatten)]
    journal: JournalArgs,

    #[command(flatten)]
    links: LinkArgs,

    /// How long the outcome of an accepted job is kept for those who ask later
    #[arg(long, env = "ACEQUIA_RETENTION_S", default_value_t = Config::RETENTION.as_secs(), value_name = "SECONDS")]
    retention_s: u64,

    /// How long a resumable session lives without a connection
    #[arg(long, env = "ACEQUIA_SESSION_S", default_value_t = Config::ABSENCE.as_secs(), value_name = "SECONDS")]
    session_s: u64,

    #[command(flatten)]
    limits: LimitArgs,

    /// How long a worker that sends beats may be silent before its jobs go to others; the SDKs beat
    /// every 5 seconds
    #[arg(
        long,
        env = "ACEQUIA_LEASE_S",
        default_value_t = Config::LEASE.as_secs(),
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    lease_s: u64,

    /// How long a run may take if its job has no `timeout_ms` of its own [default: no limit]
    #[arg(
        long,
        env = "ACEQUIA_TIMEOUT_S",
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=DURATION_MS_MAX / 1_000)
    )]
    timeout_s: Option<u64>,

    /// How long running jobs may take to finish once the server is told to stop [default: 10; 1 with a journal
    /// in PostgreSQL, where another server waits to take over]
    #[arg(long, env = "ACEQUIA_GRACE_S", value_name = "SECONDS")]
    grace_s: Option<u64>,

    /// A pool of worker processes beside the server, as many as there is work for: 'NAME: MIN..MAX
    /// queue=A,B -- CMD ARGS' (docs/pools.md); may be given several times
    #[arg(long, env = "ACEQUIA_POOL", value_name = "POOL")]
    pool: Vec<String>,

    /// Do not count or measure jobs: their metrics and the history stay empty, and each job costs a
    /// few percent less
    #[arg(long, env = "ACEQUIA_NO_MEASURES")]
    no_measures: bool,

    #[command(flatten)]
    traces: traces::TraceArgs,

    // Last: its heading is that of all behind it.
    #[command(flatten)]
    access: AccessArgs,
}

pub(crate) async fn run(args: Args, log: log::Format) -> anyhow::Result<ExitCode> {
    let pools = args.pools();
    let setups = pools.setups()?;
    let never_own = args.links.never_own;
    let config = args.into_config()?;
    let (by_tls, makes_token) = (config.tls.is_some(), config.admin_token.is_none());
    raise_file_limit();
    if setups.is_empty() {
        keep_pages_small();
    }
    if never_own && !matches!(config.journal, Some(Journal::Shared(_))) {
        bail!(
            "--never-own is for servers of a cluster (--journal postgres://…); without one there is `acequia door`"
        );
    }
    if let Some(Journal::Shared(_)) = config.journal {
        return run_in_cluster(config, never_own, &pools, log).await;
    }
    // Opening a large journal takes its time, and may be given up at any moment of it.
    let bound = async { Ok(Server::bind(config).await?) };
    let server = match crate::stop::unless_stopped(bound).await? {
        Ok(server) => server,
        Err(_) => {
            tracing::info!("stopped before it was ready");
            // As when it is stopped later: it is what was asked for.
            return Ok(ExitCode::SUCCESS);
        }
    };
    let stop = crate::stop::signal().shared();
    let _left = makes_token.then(|| operators::let_in(&server, by_tls, log));
    writeln!(std::io::stdout(), "{}", server.addresses()).context("cannot say that it is ready")?;
    let pools = setups.into_iter().map(|pool| (pool, server.operator())).collect();
    run_with_pools(server, pools, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a server of a cluster until it is stopped: it stands by, works, and stands by again.
async fn run_in_cluster(
    config: Config,
    never_own: bool,
    pools: &Pools,
    log: log::Format,
) -> anyhow::Result<ExitCode> {
    let (by_tls, makes_token) = (config.tls.is_some(), config.admin_token.is_none());
    let joined = async {
        Ok(match never_own {
            true => Cluster::join_as_door(config).await?,
            false => Cluster::join(config).await?,
        })
    };
    let Ok(mut cluster) = crate::stop::unless_stopped(joined).await? else {
        tracing::info!("stopped before it was ready");
        return Ok(ExitCode::SUCCESS);
    };
    let stop = crate::stop::signal().shared();
    let takes_jobs = cluster.takes_jobs();
    let is_door = takes_jobs.is_some();
    if let Some(takes_jobs) = takes_jobs {
        tokio::spawn(say_when_ready(takes_jobs, cluster.addresses().clone()));
    }
    loop {
        let addresses = cluster.addresses().clone();
        let mut known = None;
        let told = |owner: &str| {
            if known.as_deref() != Some(owner) {
                say(addresses.standby(owner));
                known = Some(owner.to_owned());
            }
        };
        let server = tokio::select! {
            server = cluster.stand_by(told) => server?,
            () = stop.clone() => break,
        };
        let _left = makes_token.then(|| operators::let_in(&server, by_tls, log));
        if !is_door {
            say(server.addresses());
        }
        let setups = pools.setups()?.into_iter();
        let setups = setups.map(|pool| (pool, server.operator())).collect();
        let run = |stop| cluster.run(server, stop);
        if beside_pools(run, setups, stop.clone()).await? == End::Stopped {
            break;
        }
        // Who it is instead is said when it is known.
        say(cluster.addresses().standby("none"));
    }
    cluster.leave().await;
    Ok(ExitCode::SUCCESS)
}

/// Says so each time that jobs are taken again.
async fn say_when_ready(mut takes_jobs: watch::Receiver<bool>, addresses: Addresses) {
    loop {
        if takes_jobs.wait_for(|takes| *takes).await.is_err() {
            return;
        }
        say(&addresses);
        if takes_jobs.wait_for(|takes| !*takes).await.is_err() {
            return;
        }
    }
}

/// Says a line to whoever started the server, who may have gone.
fn say(line: impl std::fmt::Display) {
    _ = writeln!(std::io::stdout(), "{line}");
}

/// Runs a server and pools beside it until `stop` resolves.
pub(crate) async fn run_with_pools(
    server: Server,
    pools: Vec<(Setup, AdminClient)>,
    stop: impl Future<Output = ()> + Clone,
) -> Result<(), Broken> {
    beside_pools(|stop| server.run(stop), pools, stop).await
}

/// Runs what `run` makes of `stop`, and pools beside it.
async fn beside_pools<S, F, T>(
    run: impl FnOnce(S) -> F,
    pools: Vec<(Setup, AdminClient)>,
    stop: S,
) -> Result<T, Broken>
where
    S: Future<Output = ()> + Clone,
    F: Future<Output = Result<T, Broken>>,
{
    // Pools without a server have nothing to do: they stop with it, however it ends.
    let (serves, has_ended) = oneshot::channel::<()>();
    let (until, has_ended) = (stop.clone(), has_ended.map(drop));
    let stop_pools = async move { _ = select(pin!(until), has_ended).await }.shared();
    let serve = async {
        let served = run(stop).await;
        drop(serves);
        served
    };
    let (served, ()) = tokio::join!(serve, acequia_pool::run_within(pools, stop_pools));
    served
}

/// A session takes one open file, a worker six; the usual soft limit is a thousand.
pub(crate) fn raise_file_limit() {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(files) => tracing::info!(files, "open files allowed"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it was"),
    }
}

/// The pools that run beside the server.
struct Pools {
    lines: Vec<String>,
    /// The file of the workers' token.
    token: Option<PathBuf>,
}

impl Pools {
    fn setups(&self) -> anyhow::Result<Vec<Setup>> {
        let guard = Some(pool_guard::command as GuardCommand);
        let setups = self.lines.iter().map(|line| Setup::of_line(line, self.token.clone(), guard));
        let setups: Vec<_> = setups.collect::<anyhow::Result<_>>()?;
        let mut names = HashSet::new();
        if let Some(twice) = setups.iter().find(|pool| !names.insert(&pool.name)) {
            bail!("--pool: there are two pools {:?}; give each its own name", twice.name);
        }
        Ok(setups)
    }
}

impl Args {
    fn pools(&self) -> Pools {
        let token = self.access.worker_token_file().cloned();
        Pools { lines: self.pool.clone(), token }
    }

    fn into_config(self) -> anyhow::Result<Config> {
        let jobs = endpoint("--jobs", &self.jobs)?;
        let results = endpoint("--results", &self.results)?;
        let worker_connections = self.limits.worker_connections;
        let (listen, sockets) = split(self.listen)?;
        let journal = self.journal.into_journal()?;
        let grace = match (self.grace_s, &journal) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, Some(Journal::Shared(_))) => Shared::GRACE,
            (None, _) => Config::GRACE,
        };
        let config = Config {
            listen,
            sockets,
            socket_access: self.listen_access.into(),
            admin_listen: self.admin_listen,
            tls: self.tls_cert.zip(self.tls_key).map(|(cert, key)| TlsFiles { cert, key }),
            jobs,
            results,
            journal,
            links: self.links.into_links()?,
            retention: Duration::from_secs(self.retention_s),
            absence: Duration::from_secs(self.session_s),
            limits: self.limits.check()?,
            worker_connections,
            lease: Duration::from_secs(self.lease_s),
            default_timeout: self.timeout_s.map(Duration::from_secs),
            grace,
            measures: !self.no_measures,
            ..Config::default()
        };
        self.access.apply(self.traces.apply(config)?)
    }
}

pub(crate) fn endpoint(flag: &str, url: &str) -> anyhow::Result<Endpoint> {
    url.parse().with_context(|| flag.to_owned())
}

/// The allocator asks for pages of 2 MiB. Between what is used they keep memory that is not, 1.5 KiB
/// for each of some thousand idle sessions, and no job was quicker for them.
///
/// Not in other commands: it is inherited by the processes that they start.
fn keep_pages_small() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay as the system has them");
    }
}
