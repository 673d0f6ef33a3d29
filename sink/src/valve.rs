//! Holds back a worker while somebody cannot take what it brings.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// What the pipeline closes, so that a results connection is not read from; cheap to clone.
#[derive(Clone)]
pub struct Valve(Kind);

#[derive(Clone)]
enum Kind {
    Near(Arc<watch::Sender<bool>>),
    /// At the other end of a link, which is told whether it is open.
    Far(Arc<dyn Fn(bool) + Send + Sync>),
}

impl Valve {
    /// An open one.
    pub(crate) fn new() -> Self {
        Self(Kind::Near(Arc::new(watch::Sender::new(true))))
    }

    /// An open one at the other end of a link. `tell` must not wait.
    pub fn far(tell: impl Fn(bool) + Send + Sync + 'static) -> Self {
        Self(Kind::Far(Arc::new(tell)))
    }

    /// Nothing more is to be read.
    pub fn close(&self) {
        self.set(false);
    }

    /// Reading may go on.
    pub fn open(&self) {
        self.set(true);
    }

    fn set(&self, is_open: bool) {
        match &self.0 {
            Kind::Near(sender) => _ = sender.send_replace(is_open),
            Kind::Far(tell) => tell(is_open),
        }
    }

    /// Waits until it is open. One at the other end of a link is waited for there.
    pub(crate) async fn opened(&self) {
        if let Kind::Near(sender) = &self.0
            && !*sender.borrow()
        {
            // Its sender is here, so there is an answer.
            _ = sender.subscribe().wait_for(|is_open| *is_open).await;
        }
    }
}

impl fmt::Debug for Valve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Near(_) => "Near",
            Kind::Far(_) => "Far",
        })
    }
}
