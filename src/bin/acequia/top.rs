//! `acequia top`: what a server does, in a terminal.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use acequia::client::{CallError, ServerUrl};
use acequia_top::{Begin, Plain, Watch};
use anyhow::bail;
use hyper::StatusCode;

use crate::login::{AdminLogin, NO_ADMIN_TOKEN, remedy};

const EXAMPLES: &str = "\
Examples:
  acequia top
  acequia top --server https://jobs.example --admin-token-file admin-token
  acequia top --once | grep paused
      one picture as plain text

Keys: Tab or 1 to 4 for another panel, arrows for another row, s to sort, ? for the rest, q to quit.";

/// Watch a server in a terminal, and operate it
///
/// Shows queues, workers, pools and the newest failures, updated every two seconds, and charts of
/// the last ten minutes. You can pause queues, drain workers, scale pools and run failed jobs
/// again. There are no colours if NO_COLOR is set.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    login: AdminLogin,

    /// Print one picture as plain text, and exit
    #[arg(long)]
    once: bool,
}

impl Args {
    /// Whether the log would be written into the picture.
    pub(crate) fn shows_a_picture(&self) -> bool {
        !self.once && std::io::stderr().is_terminal()
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let server = args.login.server()?;
    if !args.once && !std::io::stdout().is_terminal() {
        bail!(
            "standard output is not a terminal: use `acequia top --once`, or for JSON `curl -H \
             \"Authorization: Bearer TOKEN\" {}`",
            server.admin_url("server")
        );
    }
    let explained = {
        let server = server.clone();
        move |error: &CallError| what_to_do(error, &server)
    };
    let until = if args.once { Begin::WithTick } else { Begin::WithHistory };
    let begun = tokio::select! {
        begun = Watch::begin(server, until) => begun,
        signal = crate::stop::first() => return Ok(signal.code().into()),
    };
    let watch = match begun {
        Ok(watch) => watch,
        Err(error) => {
            let said = format!("{error}{}", explained(&error));
            bail!("{}", Plain::new(&said));
        }
    };
    if args.once {
        std::io::stdout().lock().write_all(watch.picture().as_bytes())?;
    } else {
        watch.show(explained, crate::stop::signal()).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What an operator can do about a call that failed.
fn what_to_do(error: &CallError, server: &ServerUrl) -> String {
    match (error, error.status()) {
        (CallError::Connect(error), _) => remedy(error, server.authority()),
        (_, Some(StatusCode::UNAUTHORIZED)) => NO_ADMIN_TOKEN.to_owned(),
        _ => String::new(),
    }
}
