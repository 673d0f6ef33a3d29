//! What the server counts and measures, for Prometheus.
//!
//! Handles are made once and kept; a job's path touches only handles. What is a state and not an
//! event (depths, slots) is asked of the scheduler when somebody scrapes.

mod cluster;
mod cluster_state;
mod doors;
mod history;
mod job_times;
mod maker;
mod queues;
mod refused;
mod server;
mod times;

pub(crate) use self::cluster::StandbyMetrics;
pub(crate) use self::cluster_state::ClusterState;
pub(crate) use self::doors::{DoorMetrics, LinkMetrics};
pub(crate) use self::history::{INTERVAL, Overall, Point, Recent};
pub(crate) use self::job_times::JobTimes;
pub(crate) use self::maker::{Recorder, recorder};
pub(crate) use self::refused::{
    DroppedMessage, DroppedMessages, Reason, RefusedRequest, RefusedRequests, RefusedToken,
    RefusedTokens, RefusedWorker, RefusedWorkers,
};
#[cfg(feature = "otlp")]
pub(crate) use self::refused::{DroppedSpan, DroppedSpans};
pub(crate) use self::server::{History, JournalState, Metrics};
