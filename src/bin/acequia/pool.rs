//! `acequia pool`: as many worker processes as there is work for.

mod engine;
mod errands;
pub(crate) mod guard;
mod kin;
mod line;
mod name;
mod output;
mod place;
mod program;
mod server;
mod sizer;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use acequia::client::{AdminClient, ServerUrl};
use acequia::{Endpoint, Secret};
use acequia_wire::QueueName;
use acequia_wire::limits::{QUEUES_PER_WORKER_MAX, SLOTS_MAX};
use acequia_worker::exec::check_program;
use anyhow::{Context as _, bail};
use futures_util::future::join_all;

pub(crate) use self::engine::Setup;
use self::name::PoolName;
use self::output::Printer;
pub(crate) use self::program::Program;
pub(crate) use self::sizer::{Bounds, Rules};

/// How long processes have to be too many, by default.
pub(crate) const IDLE: Duration = Duration::from_secs(10);
/// How long they may take to end, by default.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
/// Processes that a pool may have at most.
const PROCESSES_MAX: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  acequia pool -- python3 worker.py
      none while there is nothing to do, up to eight under load
  acequia pool --min 1 --max 4 --queue thumb --queue crop -- node worker.mjs
      at least one, so that nobody waits for its start
  acequia pool --queue wc --slots 4 -- acequia worker -- wc -w
      workers of four slots each
  acequia pool --server https://jobs.example --admin-token-file admin-token -- php worker.php
      beside a server on another machine

The processes get ACEQUIA_JOBS, ACEQUIA_RESULTS, ACEQUIA_QUEUE (separated by commas) and ACEQUIA_NAME.";

/// Keep as many worker processes as there is work for
///
/// It starts processes of any worker program when jobs wait and no slot is free, stops those that
/// have been idle, and starts those anew that die. None that holds a job is stopped. SIGTERM or
/// SIGINT ends the pool: its processes get no more jobs, end those that they have, and are stopped;
/// a second one is at once.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Processes that there are at least
    #[arg(long, default_value_t = 0, value_name = "N")]
    min: usize,

    /// Processes that there are at most
    #[arg(long, default_value_t = 8, value_name = "N")]
    max: usize,

    /// A queue that the program serves; may be given several times
    #[arg(
        long,
        env = "ACEQUIA_QUEUE",
        default_value = "default",
        value_name = "NAME",
        value_delimiter = ','
    )]
    queue: Vec<QueueName>,

    /// The server: http://HOST:PORT, or https:// by TLS
    #[arg(
        long,
        env = "ACEQUIA_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    server: ServerUrl,

    /// The certificates of those who vouch for the server, in PEM, for https:// [default: those
    /// that this system trusts]
    #[arg(long, env = "ACEQUIA_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// The server's admin token, in a file: the same as its --admin-token-file
    #[arg(long, env = "ACEQUIA_ADMIN_TOKEN_FILE", value_name = "FILE")]
    admin_token_file: Option<PathBuf>,

    /// What the pool is called; its processes are NAME-1, NAME-2 and so on [default: the first
    /// queue and this machine's name]
    #[arg(long, value_name = "NAME")]
    name: Option<PoolName>,

    /// Jobs that a process holds at a time: told to it in ACEQUIA_SLOTS, and gone by until one is
    /// ready and shows how many it really does [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=SLOTS_MAX as i64), value_name = "N")]
    slots: Option<u32>,

    /// How long processes have to be too many before they are stopped
    #[arg(long, default_value_t = IDLE.as_secs(), value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle_s: u64,

    /// How long a process that was told to end may take before it is killed; and how long its jobs
    /// may take to end when the pool is stopped
    #[arg(long, default_value_t = GRACE.as_secs(), value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    grace_s: u64,

    /// Where the processes fetch jobs [default: what the server says]
    #[arg(long, value_name = "URL")]
    jobs: Option<Endpoint>,

    /// Where the processes bring results [default: what the server says]
    #[arg(long, value_name = "URL")]
    results: Option<Endpoint>,

    /// The worker token that the server asks for, in a file, whose name is told to the processes
    #[arg(long, env = "ACEQUIA_WORKER_TOKEN_FILE", value_name = "FILE")]
    worker_token_file: Option<PathBuf>,

    /// The worker program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = AdminClient::new(args.server()?);
    let setup = args.into_setup()?;
    let (printer, writers) = Printer::new();
    engine::run(setup, client, printer, crate::stop_signal()).await?;
    writers.finish().await;
    Ok(ExitCode::SUCCESS)
}

/// Keeps pools of a server in this process until `stop` resolves, and then until all their processes
/// have ended. One that cannot begin is told in the log.
pub(crate) async fn run_within(
    pools: Vec<(Setup, AdminClient)>,
    stop: impl Future<Output = ()> + Clone,
) {
    if pools.is_empty() {
        return;
    }
    let (printer, writers) = Printer::new();
    join_all(pools.into_iter().map(async |(setup, client)| {
        let name = setup.name.clone();
        if let Err(error) = engine::run(setup, client, printer.clone(), stop.clone()).await {
            tracing::error!(pool = name, "{error:#}; there is no such pool until the next start");
        }
    }))
    .await;
    drop(printer);
    writers.finish().await;
}

impl Args {
    /// The server, with what is shown to it.
    fn server(&self) -> anyhow::Result<ServerUrl> {
        let server = self.server.clone();
        let server = match &self.ca_file {
            Some(file) => server.with_authorities(file).context("--ca-file")?,
            None => server,
        };
        let Some(file) = &self.admin_token_file else { return Ok(server) };
        let token = Secret::read(file).context("--admin-token-file")?;
        let shown = std::str::from_utf8(token.expose()).ok();
        let Some(shown) = shown.filter(|token| token.chars().all(|c| matches!(c, ' '..='~')))
        else {
            bail!(
                "--admin-token-file {}: a header cannot hold this token; make one: \
                 openssl rand -hex 32",
                file.display()
            );
        };
        Ok(server.with_token(shown))
    }

    fn into_setup(self) -> anyhow::Result<Setup> {
        let bounds = bounds(self.min, self.max)?;
        check_program(&self.command[0])?;
        check_queues(&self.queue)?;
        let grace = Duration::from_secs(self.grace_s);
        let default_name = || PoolName::made_of(self.queue[0].as_str(), &place::host_name());
        Ok(Setup {
            name: self.name.unwrap_or_else(default_name).into(),
            rules: Rules {
                bounds,
                idle: Duration::from_secs(self.idle_s),
                grace,
                slots: self.slots.unwrap_or(1),
            },
            program: Program {
                command: self.command,
                queues: self.queue,
                slots: self.slots,
                told_queues: true,
                worker_token_file: self.worker_token_file,
                grace,
            },
            jobs: self.jobs,
            results: self.results,
            guarded: true,
        })
    }
}

fn check_queues(queues: &[QueueName]) -> anyhow::Result<()> {
    let count = queues.len();
    if count > QUEUES_PER_WORKER_MAX {
        bail!("{count} queues are too many: a worker serves {QUEUES_PER_WORKER_MAX} at most");
    }
    Ok(())
}

fn bounds(min: usize, max: usize) -> anyhow::Result<Bounds> {
    if max == 0 || max > PROCESSES_MAX {
        bail!("at most {max} processes: that is 1 to {PROCESSES_MAX}, by --max");
    }
    if min > max {
        bail!("--min {min} --max {max}: there cannot be more at least than at most");
    }
    Ok(Bounds { min, max })
}
