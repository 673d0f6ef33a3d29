//! What is kept for clients that are not there, and who of them gives way when it is too much.

use std::collections::BTreeMap;

use acequia_restraint::Holders;
use acequia_scheduler::{ClientId, SessionId};
use rustc_hash::FxHashMap;

/// The sessions without a connection.
#[derive(Debug, Default)]
pub(crate) struct Absent {
    sessions: FxHashMap<SessionId, Away>,
    /// Which clients have how many, by the order in which they went.
    holders: Holders<ClientId, BTreeMap<u64, SessionId>>,
    /// How many ever went.
    went: u64,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Away {
    nth: u64,
    holder: usize,
    bytes: usize,
}

impl Absent {
    /// A session has no connection any more, and so much is kept for it.
    pub(crate) fn went(&mut self, session: SessionId, client: ClientId, bytes: usize) {
        if self.sessions.contains_key(&session) {
            return;
        }
        let nth = self.went;
        let holder = self.holders.add(client, bytes, nth);
        self.holders[holder].insert(nth, session);
        self.sessions.insert(session, Away { nth, holder, bytes });
        self.went += 1;
        self.bytes += bytes;
    }

    /// A session has a connection again, or is over.
    pub(crate) fn left(&mut self, session: SessionId) {
        let Some(Away { nth, holder, bytes }) = self.sessions.remove(&session) else { return };
        self.holders[holder].remove(&nth);
        let oldest = self.holders[holder].first_key_value().map(|(nth, _)| *nth);
        self.holders.remove(holder, bytes, oldest);
        self.bytes -= bytes;
    }

    /// So much is kept for a session now.
    pub(crate) fn keeps(&mut self, session: SessionId, bytes: usize) {
        let Some(away) = self.sessions.get_mut(&session) else { return };
        let before = std::mem::replace(&mut away.bytes, bytes);
        self.holders.resize(away.holder, before, bytes);
        self.bytes = self.bytes - before + bytes;
    }

    /// If there are more sessions than this, or more is kept for them: the one that has been away
    /// for longest, of the client that has most.
    pub(crate) fn gives_way(&self, sessions_max: usize, bytes_max: usize) -> Option<SessionId> {
        let holder = if self.sessions.len() > sessions_max {
            self.holders.most()
        } else if self.bytes > bytes_max {
            self.holders.most_bytes()
        } else {
            None
        };
        self.holders[holder?].first_key_value().map(|(_, session)| *session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: usize = usize::MAX;

    fn ids(session: u64, client: u64) -> (SessionId, ClientId) {
        (SessionId(session), ClientId(client))
    }

    fn absent(all: &[(u64, u64, usize)]) -> Absent {
        let mut absent = Absent::default();
        for (session, client, bytes) in all {
            let (session, client) = ids(*session, *client);
            absent.went(session, client, *bytes);
        }
        absent
    }

    #[test]
    fn who_fills_it_gives_way_and_not_who_has_been_away_for_longest() {
        let mut absent = absent(&[(1, 1, 50), (2, 2, 60), (3, 2, 60)]);
        assert_eq!(absent.gives_way(NONE, 170), None);
        assert_eq!(absent.gives_way(NONE, 169), Some(SessionId(2)));
        absent.left(SessionId(2));
        assert_eq!(absent.gives_way(NONE, 109), Some(SessionId(3)));
        absent.keeps(SessionId(1), 70);
        assert_eq!(absent.gives_way(NONE, 129), Some(SessionId(1)));
        assert_eq!(absent.gives_way(NONE, 130), None);
    }

    #[test]
    fn a_client_with_many_sessions_gives_way_to_one_with_few() {
        let absent = absent(&[(1, 1, 9), (2, 2, 0), (3, 2, 0)]);
        assert_eq!(absent.gives_way(2, NONE), Some(SessionId(2)));
        assert_eq!(absent.gives_way(3, NONE), None);
    }

    #[test]
    fn of_clients_with_as_much_the_one_who_has_been_away_for_longest_gives_way() {
        let mut absent = absent(&[(1, 1, 9), (2, 2, 9), (3, 3, 9)]);
        assert_eq!(absent.gives_way(2, NONE), Some(SessionId(1)));
        assert_eq!(absent.gives_way(NONE, 20), Some(SessionId(1)));
        let (session, client) = ids(1, 1);
        absent.left(session);
        absent.went(session, client, 9);
        absent.went(session, client, 100);
        assert_eq!(absent.gives_way(NONE, 20), Some(SessionId(2)), "it was there meanwhile");
        absent.left(session);
        absent.left(session);
        assert_eq!(absent.gives_way(NONE, 18), None);
    }
}
