//! `acequia bench`: load over WebSocket, and what a job costs.
//!
//! What it measures, and how, is in the crate `acequia-bench`.

use std::process::ExitCode;
use std::time::Duration;

use acequia::client::ServerUrl;
use acequia_bench::{Mode, Options, Part, Role, Running, Sizes};
use acequia_wire::QueueName;
use acequia_wire::client::Encoding;
use clap::ValueEnum;

use crate::login::Login;

const EXAMPLES: &str = "\
Examples:
  acequia bench                      jobs a second, latency, CPU a job, on a server of its own
  acequia bench --echo               the same beside a bare WebSocket echo server, with the ratios
  acequia bench --suite              that for packed and single messages and for one job in flight
  acequia bench --durable            what the journal costs, on the disk of this folder
  acequia bench --durable --journal /var/lib/acequia/bench.redb      on another disk
  acequia bench --durable --journal postgres://amy:secret@db/jobs    in PostgreSQL, beside a file here
  acequia bench --cluster            an owner and two doors beside one server
  acequia bench --scale              a million waiting jobs, a thousand workers, ten thousand clients
  acequia bench --idle 5000          memory of idle sessions
  acequia bench --mixed              short jobs beside long ones
  acequia bench --http               one job at a time on each connection, over WebSocket and over HTTP
  acequia bench --hostile            one client's jobs beside others that do their worst
  acequia bench --server ws://127.0.0.1:8080 --server-pid $(pidof acequia) --queue default

Load is for servers of your own only.";

/// Measure a server: throughput, latency, CPU and memory
///
/// Starts a server and a worker that echoes, loads them over WebSocket and measures from outside.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Load this running server instead of starting one; its workers must serve the queue
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,

    #[command(flatten)]
    login: Login,

    /// The process of that server, so that its CPU and memory are measured
    #[arg(long, requires = "server", value_name = "PID")]
    server_pid: Option<u32>,

    /// The journal of the server that it starts
    #[arg(long, default_value = "none", conflicts_with = "server", value_name = "FILE|none")]
    journal: String,

    /// WebSocket connections
    #[arg(long, default_value_t = 32, value_parser = at_least_one(), value_name = "N")]
    connections: u32,

    /// Jobs that each connection keeps in flight
    #[arg(long, default_value_t = 16, value_parser = at_least_one(), value_name = "N")]
    in_flight: u32,

    /// Bytes of each payload, and of its result
    #[arg(long, default_value_t = 128, value_name = "BYTES")]
    payload: usize,

    /// How long each round measures [default: 5; with --mixed 30; where servers are loaded in
    /// turn 2]
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,

    /// Load before each measurement that is not counted
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    warmup_s: f64,

    /// Rounds of each server where several are loaded in turn; medians are reported
    #[arg(long, default_value_t = 5, value_parser = at_least_one(), value_name = "N")]
    rounds: u32,

    /// Slots of each worker that it starts
    #[arg(long, default_value_t = 512, value_parser = at_least_one(), value_name = "N")]
    slots: u32,

    /// Workers that it starts
    #[arg(long, default_value_t = 1, value_parser = at_least_one(), value_name = "N")]
    workers: u32,

    /// These workers take and send one message at a time
    #[arg(long)]
    no_pack: bool,

    /// The queue of the jobs
    #[arg(long, default_value = "bench", value_name = "NAME")]
    queue: QueueName,

    /// How the sessions write their messages
    #[arg(long, default_value = "json", value_name = "json|msgpack")]
    encoding: Written,

    /// Report as JSON
    #[arg(long)]
    json: bool,

    /// Load a bare WebSocket echo server of the same stack in turn with Acequia: the ratios show
    /// what a job costs compared to a message
    #[arg(long, conflicts_with = "server", group = "mode")]
    echo: bool,

    /// --echo for packed messages, single messages, and one job in flight a connection, the last
    /// also beside an echo server with the library's default settings; and for a gateway that is
    /// glued together in an afternoon from the same crates, without slots, limits or redelivery
    #[arg(long, conflicts_with = "server", group = "mode")]
    suite: bool,

    /// A server with a journal in turn with one without: what it costs to keep jobs on disk. The
    /// journal is in a folder of its own beside --journal, or in this folder, and removed. With a --journal
    /// in PostgreSQL: that, under a cluster name of its own, in turn with a file
    #[arg(long, conflicts_with = "server", group = "mode")]
    durable: bool,

    /// An owner with all clients at one door and all workers at another, in turn with one server that has
    /// both
    #[arg(long, conflicts_with = "server", group = "mode")]
    cluster: bool,

    /// A server that measures, watched by a dashboard and scraped every second, in turn with one that does
    /// not measure
    #[arg(long, conflicts_with = "server", group = "mode")]
    measures: bool,

    /// Memory of N sessions that each had one job and then do nothing
    #[arg(long, group = "mode", num_args = 0..=1, default_missing_value = "5000", value_name = "N")]
    idle: Option<u32>,

    /// Short jobs beside long ones, on two workers of one slot
    #[arg(long, conflicts_with = "server", group = "mode")]
    mixed: bool,

    /// One job at a time on each connection, over WebSocket and over HTTP, with the ratio
    #[arg(long, group = "mode")]
    http: bool,

    /// What a job of one client takes while others do their worst, at the limits that they have
    #[arg(long, conflicts_with = "server", group = "mode")]
    hostile: bool,

    /// Throughput and memory with a million waiting jobs, with a thousand workers, and turns among
    /// ten thousand clients; takes two minutes and a GiB of memory
    #[arg(long, conflicts_with = "server", group = "mode")]
    scale: bool,

    #[command(flatten)]
    sizes: SizeArgs,

    /// Be something that a bench starts
    #[arg(long, hide = true)]
    role: Option<Role>,

    /// Where a worker in a role fetches its jobs
    #[arg(long, hide = true, requires = "role", default_value = "")]
    jobs: String,

    /// Where a worker in a role brings its results
    #[arg(long, hide = true, requires = "role", default_value = "")]
    results: String,
}

/// How much of each there is.
#[derive(clap::Args)]
struct SizeArgs {
    /// With --scale: jobs that wait while others are run, and whose memory is measured
    #[arg(long, default_value_t = 1_000_000, value_parser = at_least_one(), value_name = "N")]
    backlog: u32,

    /// With --scale: workers that are connected
    #[arg(long, default_value_t = 1_000, value_parser = at_least_one(), value_name = "N")]
    many_workers: u32,

    /// With --scale: clients with a job each, beside one with ten jobs for each of theirs
    #[arg(long, default_value_t = 10_000, value_parser = at_least_one(), value_name = "N")]
    many_clients: u32,
}

/// An [`Encoding`] as it is typed.
#[derive(Clone, Copy, ValueEnum)]
enum Written {
    Json,
    Msgpack,
}

impl From<Written> for Encoding {
    fn from(written: Written) -> Self {
        match written {
            Written::Json => Self::Json,
            Written::Msgpack => Self::MsgPack,
        }
    }
}

fn at_least_one() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(role) = args.role {
        let part = args.into_part(role);
        let played = crate::stop::unless_stopped(acequia_bench::play(&part)).await?;
        return Ok(played.map_or_else(|code| code, |()| ExitCode::SUCCESS));
    }
    let options = args.into_options()?;
    // The processes of the bench end as their handles are dropped.
    let measured = crate::stop::unless_stopped(acequia_bench::run(&options)).await?;
    Ok(measured.map_or_else(|code| code, |()| ExitCode::SUCCESS))
}

impl Args {
    fn into_part(self, role: Role) -> Part {
        Part {
            role,
            jobs: self.jobs,
            results: self.results,
            queue: self.queue,
            slots: self.slots,
            workers: self.workers,
            packed: !self.no_pack,
        }
    }

    fn into_options(self) -> anyhow::Result<Options> {
        let mode = self.mode();
        let url = self.server.map(|server| self.login.at(server)).transpose()?;
        Ok(Options {
            mode,
            server: url.map(|url| Running { url, process: self.server_pid }),
            journal: self.journal,
            connections: self.connections,
            in_flight: self.in_flight,
            payload: self.payload,
            encoding: self.encoding.into(),
            time: self.seconds.map(|time| seconds("--seconds", time)).transpose()?,
            warmup: seconds("--warmup-s", self.warmup_s)?,
            rounds: self.rounds,
            slots: self.slots,
            workers: self.workers,
            packed: !self.no_pack,
            queue: self.queue,
            json: self.json,
            sizes: Sizes {
                backlog: self.sizes.backlog,
                many_workers: self.sizes.many_workers,
                many_clients: self.sizes.many_clients,
            },
        })
    }

    fn mode(&self) -> Mode {
        if let Some(sessions) = self.idle {
            Mode::Idle(sessions)
        } else if self.mixed {
            Mode::Mixed
        } else if self.http {
            Mode::Http
        } else if self.hostile {
            Mode::Hostile
        } else if self.scale {
            Mode::Scale
        } else if self.measures {
            Mode::Measures
        } else if self.cluster {
            Mode::Cluster
        } else if self.durable {
            Mode::Durable
        } else if self.suite {
            Mode::Suite
        } else if self.echo {
            Mode::Echo
        } else {
            Mode::Single
        }
    }
}

fn seconds(flag: &str, seconds: f64) -> anyhow::Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|error| anyhow::anyhow!("{flag} {seconds}: {error}"))
}
