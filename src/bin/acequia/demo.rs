//! placeholder
use std::process::ExitCode;

/// placeholder
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args) -> anyhow::Result<ExitCode> {
    Ok(ExitCode::SUCCESS)
}
