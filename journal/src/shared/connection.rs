//! A connection to the database, which may break and be made anew.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Client;

use super::connected::Connected;
use super::database::Database;
use super::refusal::{self, Refusal};

/// A connection that is made when it is needed, for whoever asks one thing at a time.
#[derive(Debug)]
pub(crate) struct Line {
    database: Database,
    connected: Option<Connected>,
}

impl Line {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, connected: None }
    }

    /// Whatever is asked next has a connection of its own.
    pub(crate) fn hang_up(&mut self) {
        self.connected = None;
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Asks something, which may take so long, with a connection if it takes one. After an error other than
    /// a refusal of the statement, the next one gets a connection of its own: nobody knows what became of
    /// this one.
    pub(crate) async fn ask<T>(
        &mut self,
        time_max: Duration,
        ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Refusal> {
        let before = self.connected.take().filter(|connected| !connected.client.is_closed());
        let asked = tokio::time::timeout(time_max, async {
            let connected = match before {
                Some(connected) => connected,
                None => self
                    .database
                    .connect()
                    .await
                    .map_err(|why| refusal::of_connect(&self.database, &why))?,
            };
            let answer = ask(&connected.client).await;
            Ok((connected, answer))
        });
        match asked.await {
            Ok(Ok((connected, Ok(answer)))) => {
                self.connected = Some(connected);
                Ok(answer)
            }
            Ok(Ok((connected, Err(error)))) => {
                let refusal = refusal::of(&self.database, &error);
                if refusal.is_certain() {
                    self.connected = Some(connected);
                }
                Err(refusal)
            }
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => Err(Refusal::silent(time_max)),
        }
    }
}

/// What connections run by, on a thread that waits for them.
#[derive(Debug)]
pub(crate) struct Reactor(Option<Runtime>);

impl Reactor {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = self.0.as_ref().expect("it is there until it is dropped");
        runtime.block_on(future)
    }
}

impl Drop for Reactor {
    /// Waits for nothing, so that it may be done anywhere.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
