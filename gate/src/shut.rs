//! A port that lets nobody in.

use std::fmt;
use std::time::Duration;

use acequia_restraint::AcceptFailures;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::endpoint::Endpoint;
use crate::error::GateError;
use crate::listener::PublicListener;
use crate::peer::Peer;

/// How long a connection is held before it is closed. A peer that finds nobody tries again many times a
/// second; one that is held comes back when all are let go, as they are when this is dropped.
const HELD: Duration = Duration::from_secs(2);
/// So many are held. Others are closed at once.
const HELD_MAX: usize = 1_024;

/// A port of a server that others are not to work for at the moment.
pub struct ShutGate {
    listener: PublicListener,
}

impl ShutGate {
    /// Listens at the endpoint.
    ///
    /// # Errors
    /// As [`Gate::bind`](crate::Gate::bind).
    pub async fn bind(endpoint: &Endpoint) -> Result<Self, GateError> {
        Ok(Self { listener: PublicListener::bind(endpoint).await? })
    }

    /// Where it listens, with the port that the system chose where 0 was asked for.
    pub fn local_endpoint(&self) -> &Endpoint {
        self.listener.endpoint()
    }

    /// Turns away whoever comes, and tells `turned_away` of each.
    pub async fn run(self, mut turned_away: impl FnMut(Peer)) {
        let mut held = JoinSet::new();
        let mut failures = AcceptFailures::default();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = held.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    failures.succeeded();
                    turned_away(peer);
                    if held.len() < HELD_MAX {
                        held.spawn(async move {
                            sleep(HELD).await;
                            drop(stream);
                        });
                    }
                }
                Err(error) => {
                    if let Some(pause) = failures.failed(&error, Instant::now().into_std()) {
                        sleep(pause.pause).await;
                    }
                }
            }
        }
    }
}

impl fmt::Debug for ShutGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShutGate").field("endpoint", self.listener.endpoint()).finish()
    }
}
