//! What a gate counts. Readable from any task; nothing here is on a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::reason::CloseReason;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) handshaken: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
    pub(crate) open: AtomicUsize,
    pub(crate) not_ready: AtomicUsize,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) closed: [AtomicU64; CloseReason::ALL.len()],
}

impl Counters {
    pub(crate) fn count_closed(&self, reason: CloseReason) {
        self.closed[reason.index()].fetch_add(1, Relaxed);
    }
}

/// A cheap handle to what a gate counts; it outlives the gate.
#[derive(Clone, Debug)]
pub struct GateStats(pub(crate) Arc<Counters>);

impl GateStats {
    /// The counts as they stand. They are read one after the other, so two of them may be apart
    /// by what happens in between.
    pub fn snapshot(&self) -> GateStatsSnapshot {
        let counters = &self.0;
        GateStatsSnapshot {
            accepted: counters.accepted.load(Relaxed),
            handshaken: counters.handshaken.load(Relaxed),
            accept_failures: counters.accept_failures.load(Relaxed),
            open: counters.open.load(Relaxed),
            not_ready: counters.not_ready.load(Relaxed),
            bytes_in: counters.bytes_in.load(Relaxed),
            bytes_out: counters.bytes_out.load(Relaxed),
            closed: std::array::from_fn(|at| counters.closed[at].load(Relaxed)),
        }
    }
}

/// The counts of one gate at one moment. Counters count from the bind of the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateStatsSnapshot {
    /// Connections that accept(2) returned, refused ones included.
    pub accepted: u64,
    /// Connections whose ZMTP handshake came to its end.
    pub handshaken: u64,
    /// Failures of accept(2), most often for want of open files.
    pub accept_failures: u64,
    /// Gauge: connections that hold a place, in handshake and on their way out included.
    pub open: usize,
    /// Gauge: those of them that are not ready.
    pub not_ready: usize,
    /// Bytes read from workers.
    pub bytes_in: u64,
    /// Bytes written to workers.
    pub bytes_out: u64,
    closed: [u64; CloseReason::ALL.len()],
}

impl GateStatsSnapshot {
    /// How many connections ended for this reason.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        self.closed[reason.index()]
    }

    /// How many connections ended, for each reason in the order of [`CloseReason::ALL`].
    pub fn closed_by_reason(&self) -> impl Iterator<Item = (CloseReason, u64)> + '_ {
        CloseReason::ALL.into_iter().zip(self.closed.iter().copied())
    }

    /// How many connections the server turned away.
    pub fn refused(&self) -> u64 {
        self.closed_by_reason().filter(|(r, _)| r.is_refusal()).map(|(_, n)| n).sum()
    }
}
