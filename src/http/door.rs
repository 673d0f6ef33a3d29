//! What all routes share.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, mpsc, watch};

use super::about::About;
use super::greeting::Greeting;
use super::scrape::Scrape;
use super::session::{Front, Place};
use crate::access::{Access, Peer};
use crate::demo::Demo;
use crate::metrics::{RefusedRequest, RefusedRequests};
use crate::pipeline::desk::tick::Tick;
use crate::pipeline::{Input, readiness};

/// Streams of what goes on at one time.
pub(crate) const STREAMS_MAX: usize = 100;

#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) front: Arc<Front>,
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) access: Access,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) scrape: Scrape,
    pub(crate) refused: RefusedRequests,
    pub(crate) readiness: readiness::Watcher,
    pub(crate) about: About,
    pub(crate) greeting: Greeting,
    pub(crate) demo: Option<Demo>,
    pub(crate) ticks: watch::Receiver<Option<Arc<Tick>>>,
    /// Places for those who watch.
    pub(crate) streams: Arc<Semaphore>,
}

impl Door {
    /// A place among the sessions for somebody at `peer`, if there is one.
    pub(super) fn session_place(&self, peer: Peer) -> Option<Place> {
        let place = self.front.place();
        if place.is_none() {
            self.refused.count(RefusedRequest::Sessions);
            let limit = self.front.limits.sessions;
            if let Some(left_out) = self.access.refusals.line("sessions", peer) {
                tracing::warn!(
                    %peer,
                    "a client is refused: {limit} sessions are open, the limit; allow more with \
                     --sessions{left_out}"
                );
            }
        }
        place
    }
}
