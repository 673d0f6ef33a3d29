//! Whether the system has room for further connections, and how long the gate waits if not.

use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use acequia_restraint::{AcceptFailures, Held};
use tokio::time::Instant;

/// Told of by the gate, which accepts, and by the tasks of connections, which need files too.
#[derive(Debug, Default)]
pub(crate) struct Shortage {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    failures: AcceptFailures,
    paused_until: Option<Instant>,
}

impl Shortage {
    /// Accept(2) failed.
    pub(crate) fn not_accepted(&self, error: &io::Error, port: &'static str) {
        let now = Instant::now();
        let mut inner = self.inner();
        if let Some(held) = inner.failures.failed(error, now.into_std()) {
            inner.pause(held, now, port, error);
        }
    }

    /// A connection was accepted, and there was no room for its socket.
    pub(crate) fn no_socket(&self, error: &impl fmt::Display, port: &'static str) {
        let now = Instant::now();
        let mut inner = self.inner();
        let held = inner.failures.out_of_resources(now.into_std());
        inner.pause(held, now, port, error);
    }

    /// A connection was accepted and has its socket.
    pub(crate) fn over(&self) {
        self.inner().failures.succeeded();
    }

    /// No connection is to be accepted before.
    pub(crate) fn paused_until(&self) -> Option<Instant> {
        self.inner().paused_until
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // It is whole after every call, so a panic elsewhere says nothing against it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn pause(&mut self, held: Held, now: Instant, port: &'static str, error: &impl fmt::Display) {
        self.paused_until = Some(now + held.pause);
        if let Some(left_out) = held.line {
            tracing::warn!(
                port, %error,
                "no worker can be let in for now: if open files are short, raise their limit \
                 (ulimit -n){left_out}"
            );
        }
    }
}
