//! How connections learn that the server closes, and the server that all of them are over.

use tokio::sync::{mpsc, watch};

/// The server's side.
pub(crate) struct Closing {
    told: watch::Sender<bool>,
    open: mpsc::Receiver<()>,
}

/// A connection's side, and a port's. As long as there is one the server waits.
#[derive(Clone)]
pub(crate) struct Closes {
    told: watch::Receiver<bool>,
    _open: mpsc::Sender<()>,
}

/// Both sides.
pub(crate) fn closing() -> (Closing, Closes) {
    let (tell, told) = watch::channel(false);
    // Nothing is sent: whoever waits is told when no sender is left.
    let (open, closed) = mpsc::channel(1);
    (Closing { told: tell, open: closed }, Closes { told, _open: open })
}

impl Closing {
    /// Has all ports and connections close once they have answered what they were asked, and waits
    /// until they have.
    pub(crate) async fn close(mut self) {
        self.told.send_replace(true);
        _ = self.open.recv().await;
    }
}

impl Closes {
    /// Waits until the server closes.
    pub(super) async fn told(&mut self) {
        // A server that is gone has closed.
        _ = self.told.wait_for(|told| *told).await;
    }
}
