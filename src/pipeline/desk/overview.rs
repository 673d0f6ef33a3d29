//! The server itself: how it is, and how much there is of everything.

use acequia_scheduler::Totals;
use serde::Serialize;
use utoipa::ToSchema;

use super::Desk;
use crate::metrics::JournalState;
use crate::pipeline::readiness::Readiness;

/// How a server is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// For how long it has run, in milliseconds.
    uptime_ms: u64,
    /// Whether jobs are taken.
    #[schema(inline)]
    state: State,
    /// Why they are not.
    #[schema(required = true)]
    why: Option<String>,
    /// Open sessions.
    sessions: usize,
    /// Live jobs.
    live_jobs: usize,
    /// Bytes of their payloads.
    payload_bytes: usize,
    /// Dead letters.
    dead_letters: usize,
    /// Workers that are ready.
    workers: usize,
    /// Their slots.
    slots: u64,
    /// Those of them that hold a job.
    slots_busy: u64,
    /// Those of them whose runs are void, which workers have not given back.
    slots_held: u64,
    #[schema(inline)]
    journal: Journal,
}

/// Whether a server takes jobs.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Ready,
    Draining,
    Storage,
}

/// Where jobs are written down.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Journal {
    /// Whether there is a journal.
    #[schema(inline)]
    kind: Kind,
    /// Whether jobs can be written down.
    writable: bool,
    /// What waits for its disk.
    waiting_bytes: usize,
    /// Syncs of its file, or commits of its database.
    syncs: u64,
    /// In a cluster, how often the journal has changed hands; this server has it now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    epoch: Option<u64>,
}

/// What a journal is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    File,
    Postgresql,
    None,
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
            Readiness::Ready => (State::Ready, None),
            Readiness::Draining => {
                (State::Draining, Some("the server is about to stop".to_owned()))
            }
            Readiness::Storage(why) => (State::Storage, Some(why.clone())),
        };
        let JournalState { syncs, waiting_bytes, is_writable } = self.durability.state();
        let epoch = self.durability.epoch();
        let kind = match epoch {
            Some(_) => Kind::Postgresql,
            None if self.durability.is_kept() => Kind::File,
            None => Kind::None,
        };
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
            journal: Journal { kind, writable: is_writable, waiting_bytes, syncs, epoch },
        }
    }
}
