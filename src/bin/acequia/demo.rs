//! `acequia demo`: a server, worker processes and the page, with one command.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use acequia::{Addresses, Config, Demo, Endpoint, Server, StartError};
use acequia_pool::{Bounds, GRACE, IDLE, Program, Rules, Setup};
use anyhow::Context as _;
use futures_util::FutureExt as _;
use tokio::sync::mpsc;

use crate::serve::run_with_pools;
use crate::{log, operators};

/// Wishes of pages that a worker be killed. One that finds no place is refused.
const KILLS: usize = 16;

/// See it work: a server, two worker processes and a page to open
///
/// The page submits jobs and paints a picture that the workers compute. It can be loaded again in the
/// middle, and kill a worker: nothing is lost. Start one more in another terminal with `acequia worker
/// --demo` and watch it join.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the page is [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, env = "ACEQUIA_LISTEN", value_name = "HOST:PORT")]
    listen: Option<String>,

    /// Where workers fetch jobs [default: tcp://127.0.0.1:5557, or a free port if that is taken]
    #[arg(long, env = "ACEQUIA_JOBS", value_name = "URL")]
    jobs: Option<Endpoint>,

    /// Where workers bring results [default: tcp://127.0.0.1:5558, or a free port]
    #[arg(long, env = "ACEQUIA_RESULTS", value_name = "URL")]
    results: Option<Endpoint>,

    /// How many worker processes to start
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: usize,

    /// How many jobs each worker holds at a time
    #[arg(long, default_value_t = 2, value_name = "N")]
    slots: u32,
}

pub(crate) async fn run(args: Args, log: log::Format) -> anyhow::Result<ExitCode> {
    crate::serve::raise_file_limit();
    // Without workers of its own there is none that it could kill.
    let (kills, wishes) = (args.workers > 0).then(|| mpsc::channel(KILLS)).unzip();
    let server = bind(&args, Demo { kills }).await?;
    let addresses = server.addresses().clone();
    let mut pools = Vec::new();
    if args.workers > 0 {
        let setup = Setup { kills: wishes, ..workers(args.workers, args.slots)? };
        pools.push((setup, server.operator()));
    }
    let stop = crate::stop::signal().shared();
    let _left = operators::let_in(&server, false, log);
    let said = tell(&addresses, args.workers);
    said.context("cannot say where the page is")?;
    run_with_pools(server, pools, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// The usual ports if they are free, so that what the documents say works; else any.
async fn bind(args: &Args, demo: Demo) -> Result<Server, StartError> {
    let usual = Config::default();
    let config = Config {
        listen: args.listen.clone().unwrap_or(usual.listen),
        jobs: args.jobs.clone().unwrap_or(usual.jobs),
        results: args.results.clone().unwrap_or(usual.results),
        // A demo leaves nothing behind.
        journal: None,
        demo: Some(demo),
        ..Config::default()
    };
    let chosen = args.listen.is_some() || args.jobs.is_some() || args.results.is_some();
    match Server::bind(config.clone()).await {
        Err(StartError::Listen { .. } | StartError::Gate(_)) if !chosen => {
            let any_port: Endpoint = "tcp://127.0.0.1:0".parse()?;
            let config = Config {
                listen: "127.0.0.1:0".to_owned(),
                jobs: any_port.clone(),
                results: any_port,
                ..config
            };
            Server::bind(config).await
        }
        bound => bound,
    }
}

/// Workers are processes of their own, as they would be elsewhere.
fn workers(count: usize, slots: u32) -> anyhow::Result<Setup> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let args = ["worker", "--config", "none", "--demo", "--leashed"];
    let queues = acequia_worker::demo::QUEUES.iter().map(|queue| queue.parse());
    Ok(Setup {
        name: "demo".to_owned(),
        rules: Rules { bounds: Bounds { min: count, max: count }, idle: IDLE, grace: GRACE, slots },
        program: Program {
            command: std::iter::once(program.into()).chain(args.map(OsString::from)).collect(),
            queues: queues.collect::<Result<_, _>>().context("a queue of the demo")?,
            // They know.
            told_queues: false,
            slots: Some(slots),
            worker_token_file: None,
            grace: GRACE,
        },
        jobs: None,
        results: None,
        // They see by themselves that this process is gone.
        guard: None,
        kills: None,
    })
}

fn tell(addresses: &Addresses, workers: usize) -> std::io::Result<()> {
    let Addresses { http, jobs, results, .. } = addresses;
    let usual = Config::default();
    let flags = if (jobs, results) == (&usual.jobs, &usual.results) {
        String::new()
    } else {
        format!(" --jobs {jobs} --results {results}")
    };
    let out = &mut std::io::stdout().lock();
    writeln!(out, "{addresses}")?;
    writeln!(out)?;
    writeln!(out, "  Open        http://{http}/")?;
    writeln!(out, "  Workers     {workers}; one more, in another terminal:")?;
    writeln!(out, "              acequia worker --demo{flags}")?;
    writeln!(out, "  Stop        Ctrl-C")?;
    out.flush()
}
