//! `acequia pool`: as many worker processes as there is work for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use acequia::Endpoint;
use acequia::client::AdminClient;
use acequia_pool::{Bounds, GRACE, IDLE, PoolName, Program, Rules, Setup};
use acequia_wire::QueueName;
use acequia_wire::limits::SLOTS_MAX;

use crate::login::AdminLogin;
use crate::pool_guard;

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
/// have been idle, and replaces those that die. It stops none that holds a job. SIGTERM or SIGINT
/// ends the pool: its processes get no more jobs, finish those that they have, and are stopped. A
/// second signal ends it at once.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The fewest processes
    #[arg(long, default_value_t = 0, value_name = "N")]
    min: usize,

    /// The most processes
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

    #[command(flatten)]
    login: AdminLogin,

    /// The pool's name; its processes are NAME-1, NAME-2 and so on [default: the first queue and
    /// this machine's name]
    #[arg(long, value_name = "NAME")]
    name: Option<PoolName>,

    /// Jobs that a process holds at a time: passed to it as ACEQUIA_SLOTS, and assumed until one is
    /// ready and shows its real number [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=SLOTS_MAX as i64), value_name = "N")]
    slots: Option<u32>,

    /// How long there must be too many processes before any is stopped
    #[arg(long, default_value_t = IDLE.as_secs(), value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    idle_s: u64,

    /// How long a process that was told to end may take before it is killed; also how long jobs may
    /// take to finish when the pool is stopped
    #[arg(long, default_value_t = GRACE.as_secs(), value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    grace_s: u64,

    /// Where the processes fetch jobs [default: what the server says]
    #[arg(long, value_name = "URL")]
    jobs: Option<Endpoint>,

    /// Where the processes deliver results [default: what the server says]
    #[arg(long, value_name = "URL")]
    results: Option<Endpoint>,

    /// The file with the worker token that the server asks for; the processes are told its name
    #[arg(long, env = "ACEQUIA_WORKER_TOKEN_FILE", value_name = "FILE")]
    worker_token_file: Option<PathBuf>,

    /// The worker program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let client = AdminClient::new(args.login.server()?);
    let setup = args.into_setup()?;
    acequia_pool::run(setup, client, crate::stop::signal()).await?;
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn into_setup(self) -> anyhow::Result<Setup> {
        let bounds = Bounds::new(self.min, self.max)?;
        let grace = Duration::from_secs(self.grace_s);
        let default_name = || PoolName::here(&self.queue[0]);
        let name = self.name.unwrap_or_else(default_name).into();
        let program = Program {
            command: self.command,
            queues: self.queue,
            slots: self.slots,
            told_queues: true,
            worker_token_file: self.worker_token_file,
            grace,
        };
        program.check()?;
        let idle = Duration::from_secs(self.idle_s);
        Ok(Setup {
            name,
            rules: Rules { bounds, idle, grace, slots: self.slots.unwrap_or(1) },
            program,
            jobs: self.jobs,
            results: self.results,
            guard: Some(pool_guard::command),
            kills: None,
        })
    }
}
