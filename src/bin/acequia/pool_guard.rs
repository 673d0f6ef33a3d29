//! `acequia pool-guard`: what ends the processes of a pool that was killed. Hidden: pools start it.

use std::io;
use std::process::{Command, ExitCode};
use std::time::Duration;

/// End the processes of a pool once it is gone. Started by the pool.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// From SIGTERM to SIGKILL
    #[arg(long)]
    grace_s: u64,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    acequia_pool::guard(Duration::from_secs(args.grace_s));
    ExitCode::SUCCESS
}

/// What a pool starts for it.
pub(crate) fn command(grace: Duration) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["pool-guard", "--config", "none", "--grace-s", &grace.as_secs().to_string()]);
    Ok(command)
}
