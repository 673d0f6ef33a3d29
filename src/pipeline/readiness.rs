//! Whether the server takes jobs, for whoever asks from outside.

use tokio::sync::watch;

/// Whether jobs are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// The server is about to stop.
    Draining,
    /// Nothing can be written to the journal, and why.
    Storage(String),
}

pub(crate) type Watcher = watch::Receiver<Readiness>;
