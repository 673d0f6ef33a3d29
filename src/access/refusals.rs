//! Who was refused at a door, in the log: seldom enough that no stranger fills it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use acequia_restraint::{LeftOut, Seldom};

use super::peer::Peer;

/// One line of a kind about a peer in so much time.
const LINE_EVERY: Duration = Duration::from_secs(60);
/// Lines in that time in all.
const LINES_MAX: usize = 30;

/// Which refusals were logged. Its lock is taken when somebody is refused, never else.
#[derive(Debug)]
pub(crate) struct Refusals(Mutex<Seldom<(&'static str, Peer)>>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Mutex::new(Seldom::new(LINE_EVERY, LINES_MAX)))
    }
}

impl Refusals {
    /// Whether this refusal of `peer` is logged, and what to say of those that were not.
    pub(crate) fn line(&self, kind: &'static str, peer: Peer) -> Option<LeftOut> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.line((kind, peer.canonical()), Instant::now())
    }
}
