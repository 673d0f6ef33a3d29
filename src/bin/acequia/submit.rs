//! `acequia submit`: one job from the command line, its result on standard output.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use acequia::client::{Client, ServerUrl};
use acequia_wire::client::{Encoding, Event, HelloOp, OnDisconnect, Op, Submit};
use acequia_wire::limits::{ATTEMPTS_MAX, PRIORITY_DEFAULT, PRIORITY_MAX};
use acequia_wire::{ContentType, Limits, Payload, QueueName};

use crate::failure::{Failure, Outcome, REJECTED, USAGE, unconnected};
use crate::job::{Display, Following, ID, Whose, gone, lost, stopped, too_large};
use crate::login::Login;
use crate::payload::STDIN;
use crate::{payload, stop};

const EXAMPLES: &str = "\
Examples:
  acequia submit --queue thumbnail photo.jpg > small.jpg
  echo '{\"n\": 40}' | acequia submit --queue fib --json
  acequia submit --queue report --timeout-ms 60000 --attempts 3 < figures.csv > report.pdf

Exit codes: 0 done, 1 failed or not all of the result, 2 wrong usage, 3 rejected by the server, 4 no
connection to the server, 130 cancelled, also by Ctrl-C; 143 and 129 ended by SIGTERM and SIGHUP.";

/// Submit one job and write its result to standard output
///
/// The payload is the bytes of a file or of standard input. What the worker returns is written as
/// it is: bytes as bytes, text as text, values as JSON; partial results as they come. Progress and
/// states go to standard error. Ctrl-C cancels the job. SIGTERM and SIGHUP leave it to the server,
/// and say how to see and cancel it there. On a terminal, control characters in text are not
/// obeyed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The payload; `-` is standard input
    #[arg(default_value = STDIN, value_name = "FILE|-")]
    file: PathBuf,

    /// The server: http://HOST:PORT, with its path if it is behind a proxy, or
    /// ws://HOST:PORT/v1/ws; https:// or wss:// for TLS
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

    /// Do not start before this many milliseconds have passed
    #[arg(long, default_value_t = 0, value_name = "MS")]
    delay_ms: u32,

    /// Give up a run after this many milliseconds
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u32>,

    /// Give up the job if it has not started within this many milliseconds
    #[arg(long, value_name = "MS")]
    ttl_ms: Option<u32>,

    /// How many times the job may be tried if its worker fails it
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(ATTEMPTS_MAX)), value_name = "N")]
    attempts: u32,

    /// The payload is JSON, and the result is written as JSON; each partial result is one line
    #[arg(long)]
    json: bool,

    /// Write only errors to standard error
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut display = Display::new(args.quiet, args.json);
    let ended = submit(&args, &mut display).await;
    Ok(display.conclude(ended))
}

async fn submit(args: &Args, display: &mut Display) -> Outcome<()> {
    let (client, payload) = tokio::select! {
        ready = prepare(args, display) => ready?,
        signal = stop::first() => return Err(stopped(signal, "the job was submitted")),
    };
    let delay = Duration::from_millis(args.delay_ms.into());
    let whose = Whose::Own { queue: &args.queue, delay };
    let mut following = Following::new(client, display, &args.server, whose);
    let ended = following.run(&Op::Submit(args.job(payload))).await;
    following.close().await;
    ended
}

/// All that comes before the job is submitted.
async fn prepare(args: &Args, display: &Display) -> Outcome<(Client, Payload)> {
    let payload = args.payload(display).await?;
    let encoding = if args.json { Encoding::Json } else { Encoding::MsgPack };
    let server = args.login.at(args.server.clone()).map_err(|error| Failure::usage(&error))?;
    let connected = Client::connect(&server, encoding).await;
    let mut client = connected.map_err(|error| unconnected(&args.server, &error))?;
    let limits = greet(&mut client).await?;
    let size = payload.bytes().len();
    // A message that is much too large costs the connection, and its end would not say why.
    if size > limits.payload_bytes {
        return Err(too_large(size, limits.payload_bytes));
    }
    Ok((client, payload))
}

impl Args {
    async fn payload(&self, display: &Display) -> Outcome<Payload> {
        let file = (self.file.as_os_str() != STDIN).then(|| self.file.clone());
        let bytes = payload::read(file, "payload", |text| display.state(text)).await?;
        let content_type = if self.json { ContentType::Json } else { ContentType::Octets };
        Payload::new(content_type, bytes).map_err(|_| {
            let message = "--json: the payload is not one JSON value; correct it, or leave --json \
                           away to send it as bytes";
            Failure(USAGE, message.to_owned())
        })
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
    let broken = |error| lost(&error);
    client.send(&Op::Hello(HelloOp::default())).await.map_err(broken)?;
    loop {
        match client.recv().await.map_err(broken)? {
            Event::Welcome(welcome) => return Ok(welcome.limits),
            Event::Error { code, message, .. } => {
                return Err(Failure(REJECTED, format!("{code}: {message}")));
            }
            Event::Bye { reason, .. } => return Err(gone(&reason)),
            _ => {}
        }
    }
}
