//! `acequia publish`: one message on a topic from the command line.

use std::io::Write as _;
use std::process::ExitCode;

use acequia::client::{CallError, Message, PublishError, ServerUrl, publish};
use acequia_wire::limits::CONTENT_TYPE_BYTES_MAX;
use acequia_wire::{BadBody, ContentType, Payload};
use bytes::Bytes;
use hyper::StatusCode;

use crate::failure::{Failure, LOST, Outcome, REJECTED, USAGE, tell, unconnected};
use crate::login::Login;
use crate::payload::STDIN;
use crate::{payload, stop};

const EXAMPLES: &str = "\
Examples:
  acequia publish prices/gold 1934.5
  acequia publish news 'back in five minutes' --retain
  acequia publish charts/today --type image/png < chart.png
  acequia publish news '' --retain
      nothing is kept any more

Exit codes: 0 published, 2 wrong usage, 3 refused by the server, 4 no connection to the server; 130, 143
and 129 ended by Ctrl-C, SIGTERM and SIGHUP.";

/// Publish a message: it goes to all pages and programs that subscribed to a topic
///
/// It says how many sessions are told. A message that is one JSON value is that value to them; any other
/// text is a text, and what is no text is bytes.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The topic, of 1 to 128 bytes
    topic: String,

    /// The message; `-` is standard input
    #[arg(default_value = STDIN, allow_negative_numbers = true, value_name = "MESSAGE|-")]
    message: String,

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

    /// Keep the message for those who subscribe later, in place of the one before it; an empty one is not
    /// kept, and nor is the one before
    #[arg(long)]
    retain: bool,

    /// Refuse a message that is not JSON
    #[arg(long)]
    json: bool,

    /// The media type of the message, such as image/png [default: application/json, text/plain or
    /// application/octet-stream, the first that it is]
    #[arg(long = "type", conflicts_with = "json", value_parser = content_type, value_name = "TYPE")]
    content_type: Option<ContentType>,

    /// Do not say how many are told
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let told = tokio::select! {
        told = send(&args) => told,
        signal = stop::first() => {
            let message = "stopped: the message may have been published or not";
            Err(Failure(signal.code(), message.to_owned()))
        }
    };
    match told {
        Ok(told) => {
            if !args.quiet {
                // It is published all the same if nobody is left to hear it.
                _ = writeln!(std::io::stdout(), "{told}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Failure(code, message)) => {
            tell(&message);
            Ok(ExitCode::from(code))
        }
    }
}

/// Publishes the message; returns what is said of that.
async fn send(args: &Args) -> Outcome<String> {
    let server = args.login.at(args.server.clone()).map_err(|error| Failure::usage(&error))?;
    let message =
        Message { topic: args.topic.clone(), data: args.data().await?, retain: args.retain };
    let told = publish(&server, &message).await.map_err(|error| failure(args, error))?;
    let sessions = if told == 1 { "session" } else { "sessions" };
    let kept = match (args.retain, message.data.bytes().is_empty()) {
        (true, false) => "; kept for those who subscribe later",
        (true, true) => "; nothing is kept for those who subscribe later",
        (false, _) => "",
    };
    Ok(format!("told {told} {sessions}{kept}"))
}

impl Args {
    async fn data(&self) -> Outcome<Payload> {
        let bytes = if self.message == STDIN {
            let typed = |text: &str| {
                if !self.quiet {
                    tell(text)
                }
            };
            payload::read(None, "message", typed).await?
        } else {
            Bytes::copy_from_slice(self.message.as_bytes())
        };
        let (flag, data) = match &self.content_type {
            Some(given) => (format!("--type {given}"), Payload::new(given.clone(), bytes)),
            None if self.json => ("--json".to_owned(), Payload::new(ContentType::Json, bytes)),
            None => (String::new(), of_its_type(bytes)),
        };
        data.map_err(|_| {
            let message =
                "the message is not one value of that type; correct it, or leave the flag away";
            Failure(USAGE, format!("{flag}: {message}"))
        })
    }
}

/// The bytes as JSON if they are, else as text if they are, else as they are.
fn of_its_type(bytes: Bytes) -> Result<Payload, BadBody> {
    Payload::new(ContentType::Json, bytes.clone()).or_else(|_| {
        let is_text = std::str::from_utf8(&bytes).is_ok();
        Payload::new(if is_text { ContentType::Text } else { ContentType::Octets }, bytes)
    })
}

fn content_type(text: &str) -> Result<ContentType, String> {
    let bad = || {
        format!("a media type is one such as image/png, of at most {CONTENT_TYPE_BYTES_MAX} bytes")
    };
    let is_one = text.contains('/') && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    ContentType::parse(text).filter(|_| is_one).ok_or_else(bad)
}

/// Why the message is not published, and what to do.
fn failure(args: &Args, error: PublishError) -> Failure {
    let said = error.to_string();
    let error = match error {
        PublishError::Call(error) => error,
        PublishError::Topic { .. } | PublishError::Type(_) => return Failure(USAGE, said),
    };
    let status = error.status();
    match (error, status) {
        (CallError::Connect(error), _) => unconnected(&args.server, &error),
        (_, Some(StatusCode::UNAUTHORIZED)) => {
            Failure(REJECTED, said + "; --token-file names a file with one")
        }
        (_, Some(StatusCode::NOT_FOUND)) => Failure(
            REJECTED,
            said + "; is there an Acequia server of this version or a newer one? --server names it, with the \
                    path below which a proxy has put it",
        ),
        (_, Some(_)) => Failure(REJECTED, said),
        (_, None) => Failure(LOST, said + "; the message may have been published or not"),
    }
}
