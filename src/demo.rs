//! What the page of the demo can do beside what any client can.

use tokio::sync::{mpsc, oneshot};

/// The demo, as its server sees it.
#[derive(Clone, Debug, Default)]
pub struct Demo {
    /// Who kills a worker process for the page. With `None` the page cannot have one killed.
    pub kills: Option<mpsc::Sender<Kill>>,
}

/// A wish that a worker process be killed. Whoever does it sends the name of the worker; one that is
/// dropped says that there is none.
pub type Kill = oneshot::Sender<String>;
