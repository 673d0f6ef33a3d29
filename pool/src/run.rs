//! Pools that print what their processes say.

use acequia_client::AdminClient;
use futures_util::future::join_all;

use crate::engine;
use crate::output::Printer;
use crate::setup::Setup;

/// Keeps a pool of the client's server until `stop` resolves, and then until all its processes have
/// ended. What they say goes to standard output and error, line by line.
///
/// # Errors
/// If it cannot begin: the server does not let it, or the program cannot be started.
pub async fn run(
    setup: Setup,
    client: AdminClient,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (printer, writers) = Printer::new();
    engine::run(setup, client, printer, stop).await?;
    writers.finish().await;
    Ok(())
}

/// Keeps pools of a server in this process until `stop` resolves, and then until all their processes
/// have ended. One that cannot begin is told in the log.
pub async fn run_within(pools: Vec<(Setup, AdminClient)>, stop: impl Future<Output = ()> + Clone) {
    if pools.is_empty() {
        return;
    }
    let (printer, writers) = Printer::new();
    join_all(pools.into_iter().map(async |(setup, client)| {
        let name = setup.name.clone();
        if let Err(error) = engine::run(setup, client, printer.clone(), stop.clone()).await {
            tracing::error!(pool = name, "{error:#}; there is no such pool until the next start");
        }
    }))
    .await;
    drop(printer);
    writers.finish().await;
}
