//! `acequia serve`: the server.

mod limits;

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use acequia::{Config, Endpoint, Server};
use anyhow::{Context as _, bail};

use self::limits::LimitArgs;

/// Run the server: browsers on one port, workers on two
///
/// When it takes jobs it prints one line: `acequia ready http=… jobs=… results=…`. Port 0 lets the
/// system choose a port. SIGTERM or SIGINT stops it: running jobs may end; a second one is at once.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where HTTP and WebSocket listen
    #[arg(long, env = "ACEQUIA_LISTEN", default_value = Config::LISTEN, value_name = "HOST:PORT")]
    listen: String,

    /// Where workers fetch jobs: tcp://HOST:PORT or ipc://PATH
    #[arg(long, env = "ACEQUIA_JOBS", default_value = Config::JOBS, value_name = "URL")]
    jobs: String,

    /// Where workers bring results: tcp://HOST:PORT or ipc://PATH
    #[arg(long, env = "ACEQUIA_RESULTS", default_value = Config::RESULTS, value_name = "URL")]
    results: String,

    /// Where accepted jobs are kept, so that none is lost with the server; with `none` they live
    /// as long as it
    #[arg(long, env = "ACEQUIA_JOURNAL", default_value = Config::JOURNAL, value_name = "FILE|none")]
    journal: PathBuf,

    /// How long the outcome of an accepted job is kept for whoever asks for it
    #[arg(long, env = "ACEQUIA_RETENTION_S", default_value_t = Config::RETENTION.as_secs(), value_name = "SECONDS")]
    retention_s: u64,

    /// How long a session that can be resumed goes on without a connection
    #[arg(long, env = "ACEQUIA_SESSION_S", default_value_t = Config::ABSENCE.as_secs(), value_name = "SECONDS")]
    session_s: u64,

    /// Let workers connect from other machines although nothing proves who they are
    #[arg(long, env = "ACEQUIA_ALLOW_OPEN_WORKERS")]
    allow_open_workers: bool,

    #[command(flatten)]
    limits: LimitArgs,

    /// How long a worker that beats may be silent while it holds jobs before others get them; the
    /// SDKs beat every 5 seconds
    #[arg(
        long,
        env = "ACEQUIA_LEASE_S",
        default_value_t = Config::LEASE.as_secs(),
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    lease_s: u64,

    /// How long running jobs may take to end once the server is told to stop
    #[arg(long, env = "ACEQUIA_GRACE_S", default_value_t = Config::GRACE.as_secs(), value_name = "SECONDS")]
    grace_s: u64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.into_config()?;
    raise_file_limit();
    keep_pages_small();
    let server = Server::bind(config).await?;
    let stop = crate::stop_signal();
    writeln!(std::io::stdout(), "{}", server.addresses()).context("cannot say that it is ready")?;
    server.run(stop).await;
    Ok(ExitCode::SUCCESS)
}

/// A session takes one open file, a worker six; the usual soft limit is a thousand.
pub(crate) fn raise_file_limit() {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(files) => tracing::info!(files, "open files allowed"),
        Err(error) => tracing::warn!(%error, "the limit of open files stays as it was"),
    }
}

impl Args {
    fn into_config(self) -> anyhow::Result<Config> {
        let jobs = self.endpoint("--jobs", &self.jobs)?;
        let results = self.endpoint("--results", &self.results)?;
        let worker_connections = self.limits.worker_connections;
        Ok(Config {
            listen: self.listen,
            jobs,
            results,
            journal: (self.journal.as_os_str() != "none").then_some(self.journal),
            retention: Duration::from_secs(self.retention_s),
            absence: Duration::from_secs(self.session_s),
            limits: self.limits.check()?,
            worker_connections,
            lease: Duration::from_secs(self.lease_s),
            grace: Duration::from_secs(self.grace_s),
        })
    }

    fn endpoint(&self, flag: &str, url: &str) -> anyhow::Result<Endpoint> {
        let endpoint: Endpoint = url.parse().with_context(|| flag.to_owned())?;
        if let Endpoint::Tcp { host, .. } = &endpoint
            && !is_loopback(host)
            && !self.allow_open_workers
        {
            bail!(
                "{flag} {url}: whoever reaches this port can take jobs and answer them. Use a \
                 loopback address, ipc:// or a tunnel, or say --allow-open-workers"
            );
        }
        Ok(endpoint)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
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
