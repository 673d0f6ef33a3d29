//! The server itself: how it is, and how much there is of everything.

use acequia_scheduler::Totals;
use serde::Serialize;

use super::Desk;
use crate::metrics::JournalState;
use crate::pipeline::readiness::Readiness;

/// How a server is.
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
    slots_held: u64,
    journal: Journal,
}

#[derive(Clone, Debug, Serialize)]
struct Journal {
    kind: &'static str,
    writable: bool,
    waiting_bytes: usize,
    syncs: u64,
}

impl Desk<'_> {
    pub(crate) fn overview(&self) -> Overview {
        let Totals {
            sessions,
            live_jobs,
            payload_bytes,
            dead_letters,
            lanes,
            slots,
            slots_busy,
            slots_held,
        } = self.scheduler.totals();
        let (state, why) = match self.readiness {
            Readiness::Ready => ("ready", None),
            Readiness::Draining => ("draining", Some("the server is about to stop".to_owned())),
            Readiness::Storage(why) => ("storage", Some(why.clone())),
        };
        let JournalState { syncs, waiting_bytes, is_writable } = self.durability.state();
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
            slots_held,
            journal: Journal {
                kind: if self.durability.is_kept() { "file" } else { "none" },
                writable: is_writable,
                waiting_bytes,
                syncs,
            },
        }
    }
}
