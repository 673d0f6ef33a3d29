//! What a worker was set up to be, checked.

use std::collections::HashMap;
use std::time::Duration;

use acequia_wire::QueueName;
use tokio::sync::watch;

use crate::handler::Handler;

/// A worker's options.
pub(crate) struct Config {
    pub(crate) jobs: String,
    pub(crate) results: String,
    pub(crate) name: String,
    pub(crate) slots: u32,
    pub(crate) pack: u32,
    pub(crate) token: Option<Vec<u8>>,
    pub(crate) beat: Duration,
    pub(crate) grace: Duration,
    pub(crate) handlers: HashMap<QueueName, Box<dyn Handler>>,
}

impl Config {
    pub(crate) fn queue_names(&self) -> Vec<QueueName> {
        let mut names: Vec<_> = self.handlers.keys().cloned().collect();
        names.sort_unstable();
        names
    }
}

/// The word to stop, as the tasks of a worker hear it.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// What tells to stop (by `true`, or by being dropped), and what hears it.
    pub(crate) fn new() -> (watch::Sender<bool>, Self) {
        let (tell, told) = watch::channel(false);
        (tell, Self(told))
    }

    /// Resolves once the worker is told to stop. May be cancelled.
    pub(crate) async fn told(&mut self) {
        // An error says that whoever ran the worker has dropped it.
        let _ = self.0.wait_for(|told| *told).await;
    }
}
