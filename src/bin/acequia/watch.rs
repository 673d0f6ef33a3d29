//! `acequia watch`: a job that somebody else submitted, as `acequia submit` shows its own.

use std::process::ExitCode;

use acequia::client::{Client, ServerUrl};
use acequia_wire::JobId;
use acequia_wire::client::{Encoding, Op, Watched};

use crate::failure::{Failure, Outcome, unconnected};
use crate::job::{Display, Following, ID, Whose, stopped};
use crate::login::Login;
use crate::stop;

const EXAMPLES: &str = "\
Examples:
  acequia watch 01938c2e-7a3b-7c4d-9e5f-60718293a4b5 > result
  acequia watch --quiet 01938c2e-7a3b-7c4d-9e5f-60718293a4b5 && echo done

Exit codes: 0 done, 1 failed or not all of the result, 2 wrong usage, 3 there is no such job for this
client, 4 no connection to the server, 130 the job was cancelled; 130, 143 and 129 also where Ctrl-C,
SIGTERM or SIGHUP ended the watch.";

/// Watch a job that is there already, and write its result to standard output
///
/// It shows what `acequia submit` shows of a job of its own. One that has ended tells its outcome, for as
/// long as the server keeps that. Whatever ends the watch, the job goes on.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The server's name for the job, which `acequia submit` and calls over HTTP tell
    job: JobId,

    /// The server: http://HOST:PORT, with the path below which a proxy has put it if there is one, or
    /// ws://HOST:PORT/v1/ws; https:// or wss:// by TLS
    #[arg(
        long,
        env = "ACEQUIA_SERVER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    server: ServerUrl,

    #[command(flatten)]
    login: Login,

    /// The result is written as JSON; each partial result is a line
    #[arg(long)]
    json: bool,

    /// Nothing on standard error but errors
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut display = Display::new(args.quiet, args.json);
    let ended = watch(&args, &mut display).await;
    Ok(display.conclude(ended))
}

async fn watch(args: &Args, display: &mut Display) -> Outcome<()> {
    let server = args.login.at(args.server.clone()).map_err(|error| Failure::usage(&error))?;
    let encoding = if args.json { Encoding::Json } else { Encoding::MsgPack };
    let client = tokio::select! {
        connected = Client::connect(&server, encoding) => {
            connected.map_err(|error| unconnected(&args.server, &error))?
        }
        signal = stop::first() => return Err(stopped(signal, "anything was heard of the job")),
    };
    let mut following = Following::new(client, display, &args.server, Whose::Another(args.job));
    let ended = following.run(&Op::Watch { id: ID, what: Watched::Job(args.job) }).await;
    following.close().await;
    ended
}
