//! The gate: binds the public side and accepts workers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use crate::admission;
use crate::config::GateConfig;
use crate::endpoint::Endpoint;
use crate::error::GateError;
use crate::lease::Lease;
use crate::listener::{Outer, PublicListener};
use crate::peer::Peer;
use crate::private::PrivateSocket;
use crate::registry::Registry;
use crate::role::{Jobs, Results, Role, Wiring};
use crate::stats::GateStats;

/// The gate of the jobs port.
pub type JobsGate = Gate<Jobs>;
/// The gate of the results port.
pub type ResultsGate = Gate<Results>;

/// One public endpoint that workers connect to.
///
/// Dropping it stops to listen, removes its files and closes the connections that were not handed
/// out yet; those that were live on with their owners.
pub struct Gate<R: Role> {
    listener: PublicListener,
    registry: Arc<Registry>,
    /// Lent to the task of each connection.
    accepted_sender: mpsc::Sender<R::Connection>,
    accepted: mpsc::Receiver<R::Connection>,
}

impl<R: Role> Gate<R> {
    /// Binds `endpoint`. Connections wait in the kernel until [`accept`](Self::accept) is polled.
    ///
    /// # Errors
    /// [`GateError`]: the endpoint is taken, not allowed or cannot be resolved, or there is no
    /// directory for private sockets.
    pub async fn bind(endpoint: &Endpoint, config: GateConfig) -> Result<Self, GateError> {
        try_private_socket::<R>().await?;
        let listener = PublicListener::bind(endpoint).await?;
        let places = config.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        let (accepted_sender, accepted) = mpsc::channel(places);
        Ok(Self {
            listener,
            registry: Arc::new(Registry::new(R::PORT, config)),
            accepted_sender,
            accepted,
        })
    }

    /// Where the gate listens, with the port that the system chose where 0 was asked for.
    pub fn local_endpoint(&self) -> &Endpoint {
        self.listener.endpoint()
    }

    /// What this gate counts.
    pub fn stats(&self) -> GateStats {
        GateStats(Arc::clone(&self.registry.counters))
    }

    /// The next connection whose ZMTP handshake is complete. It is not ready: see
    /// [`ConnectionHandle::promote`](crate::ConnectionHandle::promote). It may have ended since.
    ///
    /// New connections are taken in, side by side, while this is polled. Cancel-safe.
    pub async fn accept(&mut self) -> <R as Wiring>::Connection {
        loop {
            tokio::select! {
                biased;
                Some(connection) = self.accepted.recv() => return connection,
                incoming = next_incoming(&self.listener, self.registry.shortage.paused_until()) => {
                    match incoming {
                        Ok((outer, peer)) => self.take_in(outer, peer),
                        Err(error) => self.note_failure(&error),
                    }
                }
                () = self.registry.refusals.told() => {}
            }
        }
    }

    fn take_in(&self, outer: Outer, peer: Peer) {
        let Some(lease) = Lease::obtain(&self.registry, peer) else { return };
        outer.set_options(&self.registry.config);
        tokio::spawn(admission::run::<R>(outer, lease, self.accepted_sender.clone()));
    }

    fn note_failure(&self, error: &io::Error) {
        self.registry.counters.accept_failures.fetch_add(1, Relaxed);
        self.registry.shortage.not_accepted(error, R::PORT);
    }
}

async fn next_incoming(
    listener: &PublicListener,
    paused_until: Option<Instant>,
) -> io::Result<(Outer, Peer)> {
    if let Some(until) = paused_until {
        tokio::time::sleep_until(until).await;
    }
    listener.accept().await
}

/// Whether private sockets can be made at all: there may be no directory for them, or one with too
/// long a name.
async fn try_private_socket<R: Role>() -> Result<(), GateError> {
    let failed =
        |source: io::Error| GateError::PrivateDirectory { parent: std::env::temp_dir(), source };
    match PrivateSocket::<R::Socket>::open().await {
        Ok((trial, stream)) => {
            drop(stream);
            trial.discard().await;
            Ok(())
        }
        Err(zeromq::ZmqError::Network(source)) => Err(failed(source)),
        Err(error) => Err(failed(io::Error::other(error))),
    }
}

impl<R: Role> std::fmt::Debug for Gate<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate")
            .field("endpoint", &self.local_endpoint().to_string())
            .finish_non_exhaustive()
    }
}
