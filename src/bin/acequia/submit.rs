//! `acequia submit`: one job from the command line, its result on standard output.

mod display;

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use self::display::Display;
use crate::login::{Login, remedy};
use acequia::client::{Client, ClientError, ConnectError, ServerUrl};
use acequia_wire::client::{Encoding, Event, HelloOp, JobEvent, OnDisconnect, Op, Submit};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::{ATTEMPTS_MAX, PRIORITY_DEFAULT, PRIORITY_MAX};
use acequia_wire::{ContentType, CorrelationId, Limits, Payload, QueueName};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

/// The job failed, or its result could not be written.
const FAILED: u8 = 1;
/// The payload is not to be had.
const USAGE: u8 = 2;
/// The server did not take the job.
const REJECTED: u8 = 3;
/// There is no server, or it went.
const LOST: u8 = 4;
/// Ctrl-C.
const INTERRUPTED: u8 = 130;

/// How long a cancelled job may take to say so.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(2);
/// The one job of this session.
const ID: CorrelationId = CorrelationId::Int(1);

const EXAMPLES: &str = "\
Examples:
  acequia submit --queue thumbnail photo.jpg > small.jpg
  echo '{\"n\": 40}' | acequia submit --queue fib --json
  acequia submit --queue report --timeout-ms 60000 --attempts 3 < figures.csv > report.pdf

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 rejected by the server, 4 no connection to the
server, 130 cancelled by Ctrl-C.";

/// Submit one job and write its result to standard output
///
/// The payload is the bytes of a file or of standard input. What the worker returns is written as
/// it is: bytes as bytes, text as text, values as JSON; partial results as they come. Progress and
/// states go to standard error. Ctrl-C cancels the job.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The payload; `-` is standard input
    #[arg(default_value = "-", value_name = "FILE|-")]
    file: PathBuf,

    /// The server: http://HOST:PORT, with the path below which a proxy has put it if there is one, or
    /// ws://HOST:PORT/v1/ws; https:// or wss:// by TLS
    #[arg(
        long,
        env = "ACEQUIA_SERVER",
        default_value = "ws://127.0.0.1:8080/v1/ws",
        value_name = "URL"
    )]
    server: ServerUrl,

    #[command(flatten)]
    login: Login,

    /// The queue in which the job waits for a worker
    #[arg(long, env = "ACEQUIA_QUEUE", default_value_t, value_name = "NAME")]
    queue: QueueName,

    /// From 0 to 9; higher goes first
    #[arg(long, default_value_t = PRIORITY_DEFAULT, value_parser = clap::value_parser!(u8).range(..=i64::from(PRIORITY_MAX)), value_name = "N")]
    priority: u8,

    /// Do not start before so many milliseconds have passed
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_ms: u32,

    /// Give a run up after so many milliseconds
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u32>,

    /// Give the job up if it has not started within so many milliseconds
    #[arg(long, value_name = "MS")]
    ttl_ms: Option<u32>,

    /// How often the job may be tried if its worker fails it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(ATTEMPTS_MAX)), value_name = "N")]
    attempts: u32,

    /// The payload is JSON, and the result is written as JSON; each partial result is a line
    #[arg(long)]
    json: bool,

    /// Nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
}

/// Why there is no result, and the exit code that says so.
struct Failure(u8, String);

type Outcome<T> = Result<T, Failure>;

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut display = Display::new(args.quiet, args.json);
    let code = match submit(&args, &mut display).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(code, message)) => {
            display.complain(&message);
            ExitCode::from(code)
        }
    };
    Ok(code)
}

async fn submit(args: &Args, display: &mut Display) -> Outcome<()> {
    let payload = args.payload(display)?;
    let encoding = if args.json { Encoding::Json } else { Encoding::MsgPack };
    let server = args.login.at(args.server.clone());
    let server = server.map_err(|error| Failure(USAGE, format!("{error:#}")))?;
    let mut client =
        Client::connect(&server, encoding).await.map_err(|error| unconnected(args, &error))?;
    let limits = greet(&mut client).await?;
    let size = payload.bytes().len();
    // A message that is much too large costs the connection, and its end would not say why.
    if size > limits.payload_bytes {
        return Err(Failure(REJECTED, too_large(size, limits.payload_bytes)));
    }
    client.send(&Op::Submit(args.job(payload))).await.map_err(lost)?;
    let ended = tokio::select! {
        ended = follow(&mut client, display) => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => cancel(&mut client, display).await,
    };
    client.close().await;
    ended
}

impl Args {
    fn payload(&self, display: &mut Display) -> Outcome<Payload> {
        let bytes = self.read(display)?;
        let content_type = if self.json { ContentType::Json } else { ContentType::Octets };
        Payload::new(content_type, bytes).map_err(|_| {
            let message = "--json: the payload is not one JSON value; correct it, or leave --json \
                           away to send it as bytes";
            Failure(USAGE, message.to_owned())
        })
    }

    /// The payload's bytes. It blocks, but there is nothing else to do yet, and Ctrl-C still ends
    /// the process.
    fn read(&self, display: &mut Display) -> Outcome<Bytes> {
        if self.file.as_os_str() != "-" {
            return std::fs::read(&self.file).map(Bytes::from).map_err(|error| {
                let file = self.file.display();
                Failure(USAGE, format!("cannot read the payload from {file}: {error}"))
            });
        }
        let mut input = std::io::stdin().lock();
        if input.is_terminal() {
            display.state("type the payload and end it with Ctrl-D");
        }
        let mut bytes = Vec::new();
        match input.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes.into()),
            Err(error) => {
                Err(Failure(USAGE, format!("cannot read the payload from standard input: {error}")))
            }
        }
    }

    fn job(&self, payload: Payload) -> Submit {
        Submit {
            id: ID,
            payload,
            queue: self.queue.clone(),
            priority: self.priority,
            delay_ms: self.delay_ms,
            timeout_ms: self.timeout_ms,
            ttl_ms: self.ttl_ms,
            attempts: self.attempts,
            key: None,
            on_disconnect: OnDisconnect::Keep,
            batch: None,
            traceparent: None,
        }
    }
}

/// Asks the server what it allows.
async fn greet(client: &mut Client) -> Outcome<Limits> {
    client.send(&Op::Hello(HelloOp::default())).await.map_err(lost)?;
    loop {
        match client.recv().await.map_err(lost)? {
            Event::Welcome(welcome) => return Ok(welcome.limits),
            Event::Error { code, message, .. } => {
                return Err(Failure(REJECTED, format!("{code}: {message}")));
            }
            Event::Bye { reason, .. } => return Err(gone(&reason)),
            _ => {}
        }
    }
}

/// Shows what happens to the job until it ends.
async fn follow(client: &mut Client, display: &mut Display) -> Outcome<()> {
    loop {
        match client.recv().await.map_err(lost)? {
            Event::Job { job, what, .. } => match what {
                JobEvent::Accepted => display.state(&format!("accepted: job {job}")),
                JobEvent::Started { attempt, worker } => display.started(attempt, &worker),
                JobEvent::Progress(progress) => display.progress(&progress),
                JobEvent::Chunk { n, data } => display.chunk(n, &data).map_err(unwritable)?,
                JobEvent::Retrying(retry) => display.retrying(&retry),
                JobEvent::Done { result } => {
                    display.result(&result).map_err(unwritable)?;
                    return display.is_complete().then_some(()).ok_or_else(incomplete);
                }
                JobEvent::Failed { code, message, .. } => {
                    return Err(Failure(FAILED, format!("failed: {}: {message}", code.as_str())));
                }
                JobEvent::Cancelled => {
                    return Err(Failure(INTERRUPTED, "the job was cancelled".to_owned()));
                }
            },
            Event::Rejected { code, message, retry_after_ms, .. } => {
                return Err(rejected(code, &message, retry_after_ms));
            }
            Event::Error { code, message, .. } => {
                return Err(rejected(code, &message, None));
            }
            Event::Bye { reason, .. } => return Err(gone(&reason)),
            Event::Welcome(_) | Event::Batch(_) | Event::Message { .. } | Event::Gap { .. } => {}
        }
    }
}

/// Ends the job, and waits for its end.
async fn cancel(client: &mut Client, display: &mut Display) -> Outcome<()> {
    display.state("cancelling");
    let until = Instant::now() + CANCEL_TIME_MAX;
    client.send(&Op::Cancel { id: ID }).await.map_err(lost)?;
    match timeout_at(until, follow(client, display)).await {
        // It was done just then: a result is a result.
        Ok(ended) => ended,
        Err(_) => {
            let message = "asked the server to cancel the job, and got no answer in time";
            Err(Failure(INTERRUPTED, message.to_owned()))
        }
    }
}

fn unconnected(args: &Args, error: &ConnectError) -> Failure {
    let remedy = remedy(error, args.server.authority());
    Failure(LOST, format!("{error}{remedy}"))
}

fn lost(error: ClientError) -> Failure {
    Failure(LOST, error.to_string())
}

fn gone(reason: &str) -> Failure {
    Failure(LOST, format!("the server says goodbye: {reason}; submit again once it is back"))
}

fn rejected(code: RejectCode, message: &str, retry_after_ms: Option<u32>) -> Failure {
    let again = retry_after_ms.map(|ms| format!("; try again in {ms} ms")).unwrap_or_default();
    Failure(REJECTED, format!("rejected: {code}: {message}{again}"))
}

fn too_large(size: usize, limit: usize) -> String {
    format!(
        "the payload has {size} bytes and the server takes at most {limit}; send a smaller one, or \
         where it is to be found"
    )
}

fn unwritable(error: std::io::Error) -> Failure {
    Failure(FAILED, format!("cannot write the result: {error}"))
}

fn incomplete() -> Failure {
    let message = "partial results were lost, since they were read too slowly; what was written is \
                   not all of them";
    Failure(FAILED, message.to_owned())
}
