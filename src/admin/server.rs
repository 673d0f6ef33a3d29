//! The server itself.

use std::sync::Arc;

use acequia_scheduler::Totals;
use acequia_wire::Limits;
use axum::extract::State;
use serde::Serialize;

use super::{Answer, Desk, Door, as_json, at_desk};
use crate::readiness::Readiness;
use crate::server::Addresses;

/// What does not change while a server runs.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct About {
    version: &'static str,
    pub(crate) started_ms: u64,
    http: String,
    jobs: String,
    results: String,
    limits: Limits,
}

impl About {
    pub(crate) fn new(started_ms: u64, addresses: &Addresses, limits: Limits) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            started_ms,
            http: addresses.http.to_string(),
            jobs: addresses.jobs.to_string(),
            results: addresses.results.to_string(),
            limits,
        }
    }
}

/// What does.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Overview {
    uptime_ms: u64,
    state: &'static str,
    why: Option<String>,
    sessions: usize,
    live_jobs: usize,
    payload_bytes: usize,
    dead_letters: usize,
    workers: usize,
    slots: u64,
    slots_busy: u64,
    journal: Journal,
}

#[derive(Clone, Debug, Serialize)]
struct Journal {
    kind: &'static str,
    writable: bool,
    waiting_bytes: usize,
    syncs: u64,
}

/// Both.
#[derive(Debug, Serialize)]
pub(super) struct Server<'a> {
    #[serde(flatten)]
    pub(super) about: &'a About,
    #[serde(flatten)]
    pub(super) overview: &'a Overview,
}

impl Desk<'_> {
    pub(super) fn overview(&self) -> Overview {
        let Totals { sessions, live_jobs, payload_bytes, dead_letters, lanes, slots, slots_busy } =
            self.scheduler.totals();
        let (state, why) = match self.readiness {
            Readiness::Ready => ("ready", None),
            Readiness::Draining => ("draining", Some("the server is about to stop".to_owned())),
            Readiness::Storage(why) => ("storage", Some(why.clone())),
        };
        let (syncs, waiting_bytes) = self.durability.work();
        let uptime = self.now - self.started;
        Overview {
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            state,
            why,
            sessions,
            live_jobs,
            payload_bytes,
            dead_letters,
            workers: lanes,
            slots,
            slots_busy,
            journal: Journal {
                kind: if self.durability.is_kept() { "file" } else { "none" },
                writable: self.durability.fault().is_none(),
                waiting_bytes,
                syncs,
            },
        }
    }
}

pub(super) async fn read(State(door): State<Arc<Door>>) -> Answer {
    let overview = at_desk(&door, |desk| desk.overview()).await?;
    Ok(as_json(&Server { about: &door.about, overview: &overview }))
}
