//! Which connection speaks for which session, and which sessions can be resumed. Pure bookkeeping:
//! no IO.

use std::collections::BTreeSet;
use std::time::Duration;

use acequia_scheduler::{ClientId, SessionId};
use acequia_ventilator::ConnectionId;
use rustc_hash::FxHashMap;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::input::Whose;

/// Bytes of a session's secret.
const SECRET_BYTES: usize = 32;

/// What a session's secret is known by here, so that neither memory nor journal gives it away. It
/// is as random as the secret, so a quick hasher of maps is safe.
pub(crate) type SecretHash = [u8; 32];

#[derive(Debug)]
struct Connection {
    session: SessionId,
    whose: Whose,
    /// Ops that its token allows in a second.
    ops_per_s: u32,
    /// It has said something, so that it is too late for a `hello`.
    has_spoken: bool,
}

#[derive(Debug)]
struct Resumable {
    secret: SecretHash,
    connection: Option<ConnectionId>,
    /// The group of records that its own is in, if there is a journal and this server began it.
    begun_by: Option<u64>,
    /// When it ends, if nobody comes back.
    until: Option<Instant>,
}

/// What the end of a connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// Its session is over too.
    Over(SessionId),
    /// Its session goes on without it for a while.
    Absent(SessionId),
    /// Its session has another connection by now, or is over.
    Nothing,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    connections: FxHashMap<ConnectionId, Connection>,
    resumable: FxHashMap<SessionId, Resumable>,
    by_secret: FxHashMap<SecretHash, SessionId>,
    /// Those without a connection, by when they end.
    absent: BTreeSet<(Instant, SessionId)>,
    /// How long a session goes on without a connection.
    absence_max: Duration,
}

impl Sessions {
    pub(crate) fn new(absence_max: Duration) -> Self {
        Self {
            connections: FxHashMap::default(),
            resumable: FxHashMap::default(),
            by_secret: FxHashMap::default(),
            absent: BTreeSet::new(),
            absence_max,
        }
    }

    /// A connection opens, with a session of its own.
    pub(crate) fn opened(&mut self, connection: ConnectionId, session: SessionId, whose: Whose) {
        self.connections.insert(
            connection,
            Connection { session, whose, ops_per_s: u32::MAX, has_spoken: false },
        );
    }

    /// The token of a connection allows so many ops in a second.
    pub(crate) fn limit(&mut self, connection: ConnectionId, ops_per_s: u32) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.ops_per_s = ops_per_s;
        }
    }

    /// How many ops the token of a connection allows in a second.
    pub(crate) fn ops_per_s(&self, connection: ConnectionId) -> usize {
        let known = self.connections.get(&connection);
        known.and_then(|known| usize::try_from(known.ops_per_s).ok()).unwrap_or(usize::MAX)
    }

    /// The client that a connection has proven to be of.
    pub(crate) fn proven(&self, connection: ConnectionId) -> Option<ClientId> {
        self.connections.get(&connection)?.whose.proven()
    }

    /// The session that a connection speaks for.
    pub(crate) fn of(&self, connection: ConnectionId) -> Option<SessionId> {
        Some(self.connections.get(&connection)?.session)
    }

    /// Whether a connection goes on with a session that it has not begun itself.
    pub(crate) fn is_resumed_by(&self, connection: ConnectionId) -> bool {
        self.of(connection).is_some_and(|session| session.0 != connection.0)
    }

    /// The connection says something. Returns whether it is the first that it says.
    pub(crate) fn speaks(&mut self, connection: ConnectionId) -> bool {
        let known = self.connections.get_mut(&connection);
        known.is_some_and(|known| !std::mem::replace(&mut known.has_spoken, true))
    }

    /// Whether a connection speaks for a session that can be resumed.
    pub(crate) fn is_present(&self, session: SessionId) -> bool {
        self.resumable.get(&session).is_some_and(|known| known.connection.is_some())
    }

    pub(crate) fn is_resumable(&self, session: SessionId) -> bool {
        self.resumable.contains_key(&session)
    }

    /// Makes the session of a connection one that can be resumed. Returns its secret and what that
    /// is known by; `None` if the system has no randomness to make one.
    pub(crate) fn make_resumable(
        &mut self,
        connection: ConnectionId,
    ) -> Option<(SessionId, String, SecretHash)> {
        let session = self.of(connection)?;
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).ok()?;
        let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let hash = hash(&secret);
        let connection = Some(connection);
        self.resumable
            .insert(session, Resumable { secret: hash, connection, begun_by: None, until: None });
        self.by_secret.insert(hash, session);
        Some((session, secret, hash))
    }

    /// The record of a session is in that group.
    pub(crate) fn begins_with(&mut self, session: SessionId, group: u64) {
        if let Some(resumable) = self.resumable.get_mut(&session) {
            resumable.begun_by = Some(group);
        }
    }

    /// The group that the record of a session is in; `None` where it is on the disk for certain, or
    /// never comes there.
    pub(crate) fn begun_by(&self, session: SessionId) -> Option<u64> {
        self.resumable.get(&session)?.begun_by
    }

    /// A session that another server began may be resumed from now on.
    pub(crate) fn restored(&mut self, session: SessionId, secret: SecretHash, now: Instant) {
        let until = now + self.absence_max;
        self.resumable.insert(
            session,
            Resumable { secret, connection: None, begun_by: None, until: Some(until) },
        );
        self.by_secret.insert(secret, session);
        self.absent.insert((until, session));
    }

    /// The session with this secret.
    pub(crate) fn find(&self, secret: &str) -> Option<SessionId> {
        self.by_secret.get(&hash(secret)).copied()
    }

    /// A connection takes a session over; its own is over. Returns that one.
    pub(crate) fn resume(
        &mut self,
        connection: ConnectionId,
        session: SessionId,
    ) -> Option<SessionId> {
        let resumed = self.resumable.get_mut(&session)?;
        if let Some(until) = resumed.until.take() {
            self.absent.remove(&(until, session));
        }
        if let Some(before) = resumed.connection.replace(connection) {
            self.connections.remove(&before);
        }
        let known = self.connections.get_mut(&connection)?;
        Some(std::mem::replace(&mut known.session, session))
    }

    /// A connection is over.
    pub(crate) fn closed(&mut self, connection: ConnectionId, now: Instant) -> Closed {
        let Some(known) = self.connections.remove(&connection) else { return Closed::Nothing };
        let Some(resumable) = self.resumable.get_mut(&known.session) else {
            return Closed::Over(known.session);
        };
        let until = now + self.absence_max;
        (resumable.connection, resumable.until) = (None, Some(until));
        self.absent.insert((until, known.session));
        Closed::Absent(known.session)
    }

    /// A session is over. Returns whether it was one that could be resumed.
    pub(crate) fn over(&mut self, session: SessionId) -> bool {
        let Some(resumable) = self.resumable.remove(&session) else { return false };
        self.by_secret.remove(&resumable.secret);
        if let Some(until) = resumable.until {
            self.absent.remove(&(until, session));
        }
        if let Some(connection) = resumable.connection {
            self.connections.remove(&connection);
        }
        true
    }

    /// All that are without a connection.
    pub(crate) fn all_absent(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.absent.iter().map(|(_, session)| *session)
    }

    /// The session that has been without a connection for longest, and when it ends.
    pub(crate) fn longest_absent(&self) -> Option<(Instant, SessionId)> {
        self.absent.first().copied()
    }

    /// Nobody listened for so long: those who could not come back meanwhile have so much longer.
    pub(crate) fn forgive(&mut self, gap: Duration) {
        let early = std::mem::take(&mut self.absent);
        self.absent = early.into_iter().map(|(until, session)| (until + gap, session)).collect();
        for (until, session) in &self.absent {
            if let Some(resumable) = self.resumable.get_mut(session) {
                resumable.until = Some(*until);
            }
        }
    }
}

fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: ConnectionId = ConnectionId(1);
    const SECOND: ConnectionId = ConnectionId(2);

    fn sessions() -> Sessions {
        let mut sessions = Sessions::new(Duration::from_secs(10));
        sessions.opened(FIRST, SessionId(1), Whose::Own);
        sessions.opened(SECOND, SessionId(2), Whose::Own);
        sessions
    }

    #[test]
    fn a_plain_session_ends_with_its_connection() {
        let mut sessions = sessions();
        assert_eq!(sessions.closed(FIRST, Instant::now()), Closed::Over(SessionId(1)));
        assert_eq!(sessions.of(FIRST), None);
        assert_eq!(sessions.closed(FIRST, Instant::now()), Closed::Nothing);
    }

    #[test]
    fn a_session_that_can_be_resumed_waits_for_its_client() {
        let mut sessions = sessions();
        let now = Instant::now();
        let (session, secret, _) = sessions.make_resumable(FIRST).expect("randomness");
        assert_eq!(session, SessionId(1));
        assert_eq!(sessions.closed(FIRST, now), Closed::Absent(session));
        assert_eq!(sessions.longest_absent(), Some((now + Duration::from_secs(10), session)));
        assert_eq!(sessions.find("another"), None);
        assert_eq!(sessions.find(&secret), Some(session));
        assert_eq!(sessions.resume(SECOND, session), Some(SessionId(2)), "its own is over");
        assert_eq!((sessions.of(SECOND), sessions.longest_absent()), (Some(session), None));
        assert!(sessions.over(session));
        assert_eq!((sessions.find(&secret), sessions.of(SECOND)), (None, None));
    }

    #[test]
    fn whoever_has_the_secret_takes_over() {
        let mut sessions = sessions();
        let (session, ..) = sessions.make_resumable(FIRST).expect("randomness");
        sessions.resume(SECOND, session);
        assert_eq!(sessions.of(FIRST), None, "it speaks for nobody any more");
        assert_eq!(sessions.closed(FIRST, Instant::now()), Closed::Nothing);
        assert_eq!(sessions.closed(SECOND, Instant::now()), Closed::Absent(session));
    }

    #[test]
    fn hello_comes_first() {
        let mut sessions = sessions();
        assert!(sessions.speaks(FIRST));
        assert!(!sessions.speaks(FIRST));
    }
}
