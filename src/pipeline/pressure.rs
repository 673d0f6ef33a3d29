//! Workers are held back whose chunks come faster than the client of their job reads. Pure
//! bookkeeping, but for the valves.

use std::collections::VecDeque;
use std::time::Duration;

use acequia_scheduler::SessionId;
use acequia_sink::{ResultsKey, Valve};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

/// How long a client may hold a worker back. One that has not read by then what waited for it is
/// slow, and the worker goes on without regard for it: others wait for results of it too.
const HOLD_TIME_MAX: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Connection {
    valve: Valve,
    /// Sessions that hold it back.
    held_by: usize,
}

/// Which results connections are held back, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    connections: FxHashMap<ResultsKey, Connection>,
    /// What each session holds back.
    held: FxHashMap<SessionId, Vec<ResultsKey>>,
    /// In the order in which their time is over. Some may be relieved already.
    due: VecDeque<(Instant, SessionId)>,
}

impl Pressure {
    /// A results connection is there.
    pub(crate) fn opened(&mut self, results: ResultsKey, valve: Valve) {
        self.connections.insert(results, Connection { valve, held_by: 0 });
    }

    /// A results connection is over.
    pub(crate) fn closed(&mut self, results: ResultsKey) {
        self.connections.remove(&results);
    }

    /// What comes on `results` is too much for a session.
    pub(crate) fn press(&mut self, session: SessionId, results: ResultsKey, now: Instant) {
        let Some(connection) = self.connections.get_mut(&results) else { return };
        let held = self.held.entry(session).or_insert_with(|| {
            self.due.push_back((now + HOLD_TIME_MAX, session));
            Vec::new()
        });
        if !held.contains(&results) {
            held.push(results);
            connection.held_by += 1;
            connection.valve.close();
        }
    }

    /// A session has room again, or is not to be waited for any more.
    pub(crate) fn relieve(&mut self, session: SessionId) {
        for results in self.held.remove(&session).into_iter().flatten() {
            if let Some(connection) = self.connections.get_mut(&results) {
                connection.held_by -= 1;
                if connection.held_by == 0 {
                    connection.valve.open();
                }
            }
        }
    }

    /// When the next session has held somebody back for long enough.
    pub(crate) fn due(&mut self) -> Option<Instant> {
        while let Some((_, session)) = self.due.front()
            && !self.held.contains_key(session)
        {
            self.due.pop_front();
        }
        self.due.front().map(|(due, _)| *due)
    }

    /// A session that has held somebody back for too long, if there is one. It does so no more.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<SessionId> {
        self.due().filter(|due| *due <= now)?;
        let (_, session) = self.due.pop_front()?;
        self.relieve(session);
        Some(session)
    }
}
