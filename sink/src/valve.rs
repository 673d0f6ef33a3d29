//! Holds back a worker while somebody cannot take what it brings.

use std::sync::Arc;

use tokio::sync::watch;

/// What the pipeline closes, so that a results connection is not read from; cheap to clone.
#[derive(Clone, Debug)]
pub struct Valve(Arc<watch::Sender<bool>>);

impl Valve {
    /// An open one.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// Nothing more is to be read.
    pub fn close(&self) {
        self.0.send_replace(false);
    }

    /// Reading may go on.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub(crate) async fn opened(&self) {
        if !*self.0.borrow() {
            // Its sender is here, so there is an answer.
            _ = self.0.subscribe().wait_for(|is_open| *is_open).await;
        }
    }
}
