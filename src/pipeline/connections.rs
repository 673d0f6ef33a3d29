//! Connections come and go, and sessions with them or not.

use std::time::Duration;

use acequia_journal::Session;
use acequia_scheduler::{Action, ClientId, Event, SessionId, Tally, Ticket, Time};
use acequia_sink::Inlet;
use acequia_ventilator::ConnectionId;
use acequia_wire::JobId;
use acequia_wire::client::{Event as ClientEvent, HelloOp, Refusal, Resume, Welcome};
use acequia_wire::code::{RejectCode, close};
use acequia_wire::limits::{MAILBOX_BYTES_MAX, RESULT_BYTES_MAX};
use tokio::time::Instant;

use super::durability::{Restored, Told};
use super::input::Whose;
use super::sessions::Closed;
use super::{Pipeline, look_up};

/// Clients that a stopping server sends away come back spread over this time.
const RECONNECT_MS: std::ops::Range<u32> = 500..5_000;

/// Bytes that are kept in all for clients that are not there. Beyond it the client for whom most is
/// kept loses its sessions, the one that has been away for longest first.
const ABSENT_BYTES_MAX: usize = 256 << 20;

const _: () = assert!(RESULT_BYTES_MAX + MAILBOX_BYTES_MAX < ABSENT_BYTES_MAX / 2);

impl Pipeline {
    pub(super) fn open_connection(
        &mut self,
        now: Time,
        connection: ConnectionId,
        whose: Whose,
        inlet: Inlet,
    ) -> SessionId {
        let session = SessionId(connection.0);
        self.sessions.opened(connection, session, whose);
        self.mailboxes.open(session, inlet);
        // Without authentication each session is a client of its own.
        let client = whose.client().unwrap_or(ClientId(session.0));
        self.handle(now, Event::SessionOpened { session, client });
        session
    }

    pub(super) fn close_connection(
        &mut self,
        now: Time,
        instant: Instant,
        connection: ConnectionId,
        for_good: bool,
    ) {
        match self.sessions.closed(connection, instant) {
            Closed::Over(session) => self.forget_session(now, session),
            Closed::Absent(session) if for_good => self.end_session(now, instant, session),
            Closed::Absent(session) => {
                self.pressure.relieve(session);
                drop(self.detach(session));
                self.handle(now, Event::SessionAbsent { session });
            }
            Closed::Nothing => {}
        }
    }

    /// A session that another server began may be resumed.
    pub(super) fn restore(&mut self, restored: Restored) {
        let Restored { session, secret, left } = restored;
        self.sessions.restored(session, secret, Instant::now());
        // A session has fewer events than there are microseconds, and the numbers stay below 2^53,
        // which JavaScript can count to, for two hundred years.
        let first = self.first_number;
        self.mailboxes.restore(session, self.client_of(session), left, first);
    }

    fn client_of(&self, session: SessionId) -> ClientId {
        self.scheduler.client_of(session).unwrap_or(ClientId(session.0))
    }

    /// A session goes on without its connection.
    fn detach(&mut self, session: SessionId) -> Option<Inlet> {
        self.mailboxes.detach(session, self.client_of(session))
    }

    /// Answers `hello`. The connection may speak for another session then.
    pub(super) fn greet(
        &mut self,
        now: Time,
        instant: Instant,
        connection: ConnectionId,
        hello: HelloOp,
    ) {
        let is_first = self.sessions.speaks(connection);
        let Some(session) = self.sessions.of(connection) else { return };
        match hello.resume {
            None => {
                let welcome = self.welcome(None, false);
                self.put_aside(now, session, welcome);
            }
            Some(_) if !is_first => {
                let message = "hello: `resume` is for the first op of a connection";
                let refusal = Refusal::new(RejectCode::BadRequest, message);
                self.tell(session, refusal.into());
            }
            Some(Resume::Session { secret, last }) => match self.find(connection, &secret) {
                Some(known) => self.resume(now, connection, known, secret, last),
                None => self.begin_resumable(now, instant, connection, session),
            },
            Some(Resume::New) => self.begin_resumable(now, instant, connection, session),
        }
    }

    /// Answers a door that had this session with another owner, or before its link broke. Its client may have
    /// come by another way since. That one asked for the session, and keeps it.
    pub(super) fn go_on(&mut self, now: Time, connection: ConnectionId, secret: String, last: u64) {
        self.sessions.speaks(connection);
        let Some(own) = self.sessions.of(connection) else { return };
        match self.find(connection, &secret) {
            Some(known) if !self.sessions.is_present(known) => {
                self.resume(now, connection, known, secret, last);
            }
            _ => {
                let welcome = self.welcome(None, false);
                self.put_aside(now, own, welcome);
            }
        }
    }

    /// The session with this secret. Whoever has proven who it is resumes its own only: to it,
    /// those of others are not there.
    fn find(&self, connection: ConnectionId, secret: &str) -> Option<SessionId> {
        let proven = self.sessions.proven(connection);
        let is_own = |of: &SessionId| proven.is_none() || self.scheduler.client_of(*of) == proven;
        self.sessions.find(secret).filter(is_own)
    }

    fn welcome(&self, secret: Option<String>, resumed: bool) -> ClientEvent {
        let welcome = Welcome { session: secret, resumed, limits: self.limits };
        ClientEvent::Welcome(Box::new(welcome))
    }

    /// Tells something that is about the connection.
    fn put_aside(&mut self, now: Time, session: SessionId, event: ClientEvent) {
        self.mailboxes.put_aside(session, event, &look_up(&self.scheduler, now));
    }

    fn begin_resumable(
        &mut self,
        now: Time,
        instant: Instant,
        connection: ConnectionId,
        own: SessionId,
    ) {
        let made = self.sessions.make_resumable(connection);
        let secret = made.map(|(session, secret, secret_hash)| {
            self.mailboxes.number(session);
            let client = self.client_of(session).0;
            let session = session.0;
            self.durability.session_began(Session { session, client, secret_hash }, instant);
            if let Some(group) = self.durability.next_group() {
                self.sessions.begins_with(SessionId(session), group);
            }
            secret
        });
        let welcome = self.welcome(secret, false);
        self.put_aside(now, own, welcome);
    }

    /// A client comes back: all that it missed is told, then what comes, in one step.
    fn resume(
        &mut self,
        now: Time,
        connection: ConnectionId,
        session: SessionId,
        secret: String,
        last: u64,
    ) {
        let Some(own) = self.sessions.resume(connection, session) else { return };
        let Some(inlet) = self.mailboxes.take(own) else { return };
        self.forget_session(now, own);
        self.supersede(session);
        let welcome = self.welcome(Some(secret), true);
        self.mailboxes.attach(session, inlet, last, welcome);
        self.handle(now, Event::SessionBack { session });
    }

    /// Another connection goes on with a session: the one that it had is closed, and what waited to
    /// be written to it goes to the other.
    fn supersede(&mut self, session: SessionId) {
        const REASON: &str = "another connection goes on with this session";
        self.pressure.relieve(session);
        if let Some(inlet) = self.detach(session) {
            let (reason, close) = (REASON.to_owned(), close::TAKEN_OVER);
            let bye = ClientEvent::Bye { reason, reconnect_in_ms: 0, close };
            inlet.supersede(bye, close, REASON);
        }
    }

    /// Says goodbye on the connection of a session, and closes it; the session is not touched.
    fn part(&mut self, session: SessionId, reason: &'static str, reconnect_in_ms: u32, code: u16) {
        let bye = ClientEvent::Bye { reason: reason.to_owned(), reconnect_in_ms, close: code };
        let now = self.clock.time_of(Instant::now());
        self.mailboxes.put_aside(session, bye, &look_up(&self.scheduler, now));
        if let Some(inlet) = self.detach(session) {
            inlet.close(code, reason);
        }
    }

    /// Sessions end whose clients were away for too long, or that have grown too large meanwhile.
    pub(super) fn end_sessions(&mut self, now: Time, instant: Instant) {
        if self.declared_by.take_if(|until| *until <= instant).is_some() {
            let absent: Vec<SessionId> = self.sessions.all_absent().collect();
            for session in absent {
                self.handle(now, Event::SessionAbsent { session });
            }
        }
        for session in std::mem::take(&mut self.hopeless) {
            self.end_session(now, instant, session);
        }
        while let Some((until, session)) = self.sessions.longest_absent()
            && until <= instant
        {
            self.end_session(now, instant, session);
        }
        while let Some(session) = self.mailboxes.gives_way(self.limits.sessions, ABSENT_BYTES_MAX) {
            self.end_session(now, instant, session);
        }
        self.act(instant);
    }

    /// A session that could be resumed is over.
    fn end_session(&mut self, now: Time, instant: Instant, session: SessionId) {
        if self.sessions.over(session) {
            self.durability.session_ended(session, instant);
            self.forget_session(now, session);
        }
    }

    fn forget_session(&mut self, now: Time, session: SessionId) {
        self.pressure.relieve(session);
        drop(self.mailboxes.take(session));
        self.topics.close(session);
        self.handle(now, Event::SessionClosed { session });
    }

    /// For whom a new job is recorded, or the end of one.
    pub(super) fn recorded(&mut self, action: &Action) -> Told {
        let resumable = |session: &SessionId| self.sessions.is_resumable(*session);
        let session = match action {
            Action::Record { session, .. } | Action::Settle { session, .. } => *session,
            Action::GiveUp { retained } => retained.session,
            _ => None,
        };
        let Some(session) = session.filter(resumable) else { return Told::default() };
        let seq = match action {
            Action::Settle { ticket, job, in_batch, retain, .. } => {
                // The end of its batch waits for the disk. Were that another server's by then, a client
                // that knows of all of its jobs would never hear that it is over.
                let waits = retain.is_some() || (*in_batch && self.durability.is_shared());
                self.hold(session, *ticket, *job, retain.is_some(), waits)
            }
            _ => None,
        };
        Told { session: Some(session), seq }
    }

    /// The outcome of a job that was just told to a session which can be resumed waits until the
    /// disk knows of it: were it told and then forgotten, the job would run again and end twice.
    /// Only a job that no server could find again is told of at once, and only in a session that one
    /// would find. Returns the event's number.
    fn hold(
        &mut self,
        session: SessionId,
        ticket: Ticket,
        job: JobId,
        is_retained: bool,
        waits: bool,
    ) -> Option<u64> {
        let begun_by = self.sessions.begun_by(session);
        let is_known = begun_by.is_none_or(|group| group <= self.durability.durable());
        if !waits && is_known && !self.durability.is_handed_over(ticket) {
            return None;
        }
        let group = self.durability.next_group();
        self.mailboxes.hold(session, job, is_retained, group)
    }

    /// The end of a batch was just told to those who submitted to it. To those whose sessions can be
    /// resumed it may have to be told again by another server, so it waits for the disk as an outcome
    /// does.
    pub(super) fn record_end(&mut self, tally: &Tally, elapsed: Duration, instant: Instant) {
        if !self.durability.is_kept() {
            return;
        }
        let group = self.durability.next_group();
        let (sessions, mailboxes) = (&self.sessions, &mut self.mailboxes);
        let resumable = tally.sessions.iter().filter(|session| sessions.is_resumable(**session));
        let told = resumable.filter_map(|session| {
            Some((*session, mailboxes.hold_end(*session, &tally.name, group)?))
        });
        let told: Vec<(SessionId, u64)> = told.collect();
        self.durability.end_told(&tally.summary(elapsed), told, instant);
    }

    /// Says goodbye to all sessions of this server; their writers stop after it.
    pub(super) fn send_all_away(&mut self) {
        // Doors hear it of their link, and keep their clients.
        let sessions: Vec<SessionId> = self.mailboxes.near_sessions().collect();
        let span = RECONNECT_MS.end - RECONNECT_MS.start;
        for (nth, session) in sessions.into_iter().enumerate() {
            // Spread evenly; a prime stride keeps neighbours apart.
            let spread = u32::try_from(nth * 1_777 % span as usize).unwrap_or(0);
            let reconnect_in_ms = RECONNECT_MS.start + spread;
            self.part(session, "the server stops", reconnect_in_ms, close::GOING_AWAY);
        }
    }
}
