//! `acequia conform`: judges workers and client libraries by the rules of their protocols.
//!
//! The rules, the scripted servers and the cases are in the crate `acequia-conform`.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use acequia_conform::worker::Claim;
use acequia_conform::{Format, Report, client, worker};
use acequia_plain::plain_lines;
use acequia_wire::QueueName;
use anyhow::{Context as _, bail};
use clap::Subcommand;

use crate::words::told;

const WORKER: &str = "\
Examples:
  acequia conform worker -- python3 worker.py
      the worker finds the server in ACEQUIA_JOBS and ACEQUIA_RESULTS
  acequia conform worker -- ./worker --jobs {jobs} --results {results}
      or in its arguments
  acequia conform worker --claims all --slots 4 -- python3 conduct.py
      a library, with all that it can do
  acequia conform worker --only W31,W45 --format tap -- node worker.mjs
      two rules, for a harness
  acequia conform worker --listen 127.0.0.1:5557,127.0.0.1:5558 -- ./worker
      a program with fixed addresses

What the worker has to be: it serves a queue (--queue, or `default`, `upper` or `echo`) that answers
any JSON text, such as \"hello\", with a JSON value, such as \"HELLO\". Other queues are optional, and
tests of what they are for are skipped without them:
  sleep     a JSON number of ms; looks for its cancellation all the time
  hang      blocks for an hour and heeds nothing
  echo      the payload back as it came, with its type
  bytes     a JSON number of bytes as application/octet-stream
  throw     JSON text: `error`, `bytes`, `long`, `other` or `fail`, and fails in that way; `fail` is the
            code no_image, and no retry
  progress  a JSON number of reports, and that number as the result
  chunks    the same of chunks
  publish   {\"topic\", \"data\"}, published as JSON

Exit code 0: no MUST is broken; 1: one is; 2: wrong usage. A SHOULD that is broken is a warning.
docs/conform.md has the rules and how to read the report.";

const CLIENT: &str = "\
Examples:
  acequia conform client -- node conform.js
      the program finds the server in ACEQUIA_SERVER
  acequia conform client -- ./client --server {server}
      or in its arguments: {server} is http://HOST:PORT, {ws} is ws://HOST:PORT/v1/ws

The program is a few lines around the library. It reads lines of JSON from its standard input and does
what they say; what comes of that it prints, as lines of JSON:
  {\"do\": \"submit\", \"jobs\": [{\"as\": \"a\", \"payload\": \"hello\", \"queue\": \"upper\"}]}
      submits them, at one time if there are several; a job may have a \"key\". When one has ended:
      {\"as\": \"a\", \"done\": \"HELLO\"} or {\"as\": \"a\", \"failed\": \"the code\"}
  {\"do\": \"cancel\", \"as\": \"a\"}
  {\"do\": \"subscribe\", \"topic\": \"news\"}
      prints what comes: {\"topic\": \"news\", \"data\": …}
  {\"do\": \"close\"}
      ends the client for good, and the program with exit code 0
Bytes are printed as {\"$hex\": \"00ff\"}.

Exit code 0: no MUST is broken; 1: one is; 2: wrong usage. A SHOULD that is broken is a warning.
docs/conform.md has the rules and how to read the report.";

/// Judge a worker, or a client library, by the rules of its protocol
///
/// A scripted server leads the program through conversations, good ones and odd ones, and gives a
/// verdict for each numbered rule of the protocol's document.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    of: Of,
}

#[derive(Subcommand)]
enum Of {
    Worker(Box<WorkerArgs>),
    Client(Box<ClientArgs>),
}

/// A worker, by the rules of docs/worker-protocol.md
#[derive(clap::Args)]
#[command(after_help = WORKER)]
struct WorkerArgs {
    #[command(flatten)]
    how: How,

    /// The queue that answers any JSON text with a JSON value; also told as ACEQUIA_QUEUE [default:
    /// `default`, `upper` or `echo`, or the first that is served]
    #[arg(long, value_name = "NAME")]
    queue: Option<QueueName>,

    /// The slots that the worker is told to have, as ACEQUIA_SLOTS [default: its own]
    #[arg(long, value_name = "N")]
    slots: Option<u32>,

    /// The file with the worker token that the program has; also told as ACEQUIA_WORKER_TOKEN_FILE
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// What the worker can do that does not show by itself: version (it looks at the version of a
    /// hello), drain (SIGTERM), token (ACEQUIA_WORKER_TOKEN_FILE), servers (several, with commas), all
    #[arg(long, value_delimiter = ',', value_name = "CLAIM")]
    claims: Vec<String>,

    /// Run also what takes more than a minute
    #[arg(long)]
    slow: bool,

    /// Fixed addresses for jobs and results, for a program that cannot be told
    #[arg(long, value_delimiter = ',', num_args = 1..=2, value_name = "JOBS,RESULTS")]
    listen: Vec<SocketAddr>,
}

/// A client library, by the rules of docs/client-protocol.md
#[derive(clap::Args)]
#[command(after_help = CLIENT)]
struct ClientArgs {
    #[command(flatten)]
    how: How,

    /// Where the scripted server listens
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<SocketAddr>,

    /// Run also what takes more than half a minute
    #[arg(long)]
    slow: bool,
}

/// What both have.
#[derive(clap::Args)]
struct How {
    /// The rules that are asked about [default: all]
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    only: Vec<String>,

    /// The conversations that are gone through, by the names that a report has; may be given several
    /// times [default: all]
    #[arg(long, value_name = "NAME")]
    case: Vec<String>,

    /// How the report is written
    #[arg(long, default_value = "text", value_name = "text|tap|json")]
    format: Format,

    /// How long anything that must come may take
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600), value_name = "SECONDS")]
    timeout_s: u64,

    /// Cases that go on at one time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    at_once: u16,

    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let format = match &args.of {
        Of::Worker(args) => args.how.format,
        Of::Client(args) => args.how.format,
    };
    let judged = crate::stop::unless_stopped(async {
        Ok(match args.of {
            Of::Worker(args) => of_worker(*args).await,
            Of::Client(args) => of_client(*args).await,
        })
    });
    match judged.await? {
        Err(code) => Ok(code),
        Ok(Ok(report)) => {
            std::io::stdout()
                .write_all(report.written(format).as_bytes())
                .context("cannot print it")?;
            Ok(if report.conforms() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Ok(Err(error)) => {
            // Nobody is left to tell if it cannot be written.
            _ = writeln!(std::io::stderr(), "acequia: {}", plain_lines(told(&error)));
            Ok(crate::failure::USAGE.into())
        }
    }
}

async fn of_worker(args: WorkerArgs) -> anyhow::Result<Report> {
    let listen = match args.listen[..] {
        [] => None,
        [jobs, results] => Some([jobs, results]),
        _ => bail!("--listen takes two addresses: that for jobs, a comma, and that for results"),
    };
    worker::judge(worker::Setup {
        command: args.how.command,
        queue: args.queue,
        slots: args.slots,
        token_file: args.token_file,
        claims: claims(&args.claims)?,
        only: worker::only(&args.how.only, &args.how.case)?,
        time_max: Duration::from_secs(args.how.timeout_s),
        slow: args.slow,
        listen,
        at_once: args.how.at_once.into(),
    })
    .await
}

fn claims(names: &[String]) -> anyhow::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for name in names {
        match name.as_str() {
            "all" => claims.extend(Claim::ALL),
            name => claims.push(name.parse().map_err(anyhow::Error::msg)?),
        }
    }
    Ok(claims)
}

async fn of_client(args: ClientArgs) -> anyhow::Result<Report> {
    client::judge(client::Setup {
        command: args.how.command,
        only: client::only(&args.how.only, &args.how.case)?,
        time_max: Duration::from_secs(args.how.timeout_s),
        slow: args.slow,
        listen: args.listen,
        at_once: args.how.at_once.into(),
    })
    .await
}
