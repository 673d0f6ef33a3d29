//! What a server did not take now, and is said again on the same connection.

use std::collections::BTreeMap;

use super::time::Ms;

/// What is said again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Again {
    Submit(i64),
    Cancel(i64),
    Watch(i64),
    Batch(i64),
    ReplayEnd,
    /// An op without an id was one too many in its second. Which it was is not said: all that matter are said
    /// again.
    Nameless,
}

/// In the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(Ms, u64), Again>,
    count: u64,
}

impl Agenda {
    pub(super) fn at(&mut self, ms: Ms, what: Again) {
        if what == Again::Nameless && self.due.values().any(|known| *known == what) {
            return;
        }
        self.count += 1;
        self.due.insert((ms, self.count), what);
    }

    pub(super) fn due(&self) -> Option<Ms> {
        self.due.keys().next().map(|(ms, _)| *ms)
    }

    /// The next that is due by now.
    pub(super) fn take(&mut self, now: Ms) -> Option<Again> {
        let first = self.due.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// The connection has ended.
    pub(super) fn clear(&mut self) {
        self.due.clear();
    }
}
