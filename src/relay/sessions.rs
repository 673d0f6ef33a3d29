//! The clients at a door, and what it has to know of them: to tell the owner what was written to them, and
//! to have the next owner go on with them.

use std::collections::BTreeSet;

use acequia_link::{FromDoor, FromOwner, Whose as FarWhose};
use acequia_sink::{Inlet, weight};
use acequia_ventilator::ConnectionId;
use acequia_wire::client::{Event, HelloOp, Request, Resume};
use acequia_wire::code::close;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;
use rustc_hash::FxHashMap;
use tokio::sync::OwnedSemaphorePermit;

use super::unanswered::Unanswered;
use super::way::Way;
use crate::pipeline::Whose;

/// The owner is told of so many events that were written, or so many bytes, and not of each.
const TOLD_EVENTS: u64 = 128;
const TOLD_BYTES: u64 = 64 << 10;
/// Beyond so much that waits at the door, what comes is told of once it is written.
const AT_HAND_EVENTS: usize = 512;
const AT_HAND_BYTES: usize = 256 << 10;

/// A client of whom more than this is unanswered is sent away when the owner changes, and says it again itself.
const UNANSWERED_MAX: usize = 10_000;

/// Clients that are sent away come back spread over this time, in milliseconds.
const COME_BACK_MS: std::ops::Range<u32> = 200..5_000;

/// One batch of what a client asks, for which it waits with the next.
type Turn = Option<OwnedSemaphorePermit>;

struct Session {
    inlet: Inlet,
    whose: Whose,
    /// The owner knows of it.
    is_opened: bool,
    /// It was begun with an owner before, and it has not been heard whether this one goes on with it.
    is_adopted: bool,
    /// Its client has asked for one that can be resumed.
    may_be_resumed: bool,
    /// The secret that it is resumed by, if it can be.
    secret: Option<String>,
    /// The number of the last event that went to its client.
    last: u64,
    /// What its client's token allows.
    limited: Option<(u32, u32)>,
    topics: BTreeSet<String>,
    /// It watches what others have submitted, which no owner knows but the one that was asked.
    watches: bool,
    unanswered: Unanswered,
    /// What could not be said yet.
    unsaid: Vec<Request>,
    turn: Turn,
    /// Written, and not told of.
    events: u64,
    bytes: u64,
    /// The owner wants to be told once nothing waits.
    is_wanted_empty: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Sessions {
    open: FxHashMap<ConnectionId, Session>,
    /// How many were sent away.
    sent_away: usize,
}

impl Sessions {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// A client has come.
    pub(super) fn opened(
        &mut self,
        connection: ConnectionId,
        whose: Whose,
        inlet: Inlet,
        way: Option<&Way>,
    ) {
        let session = Session {
            inlet,
            whose,
            is_opened: way.is_some(),
            is_adopted: false,
            may_be_resumed: false,
            secret: None,
            last: 0,
            limited: None,
            topics: BTreeSet::new(),
            watches: false,
            unanswered: Unanswered::default(),
            unsaid: Vec::new(),
            turn: None,
            events: 0,
            bytes: 0,
            is_wanted_empty: false,
        };
        if let Some(way) = way {
            way.say(opened(connection, whose));
        }
        self.open.insert(connection, session);
    }

    /// A client asks for something.
    pub(super) fn asks(
        &mut self,
        connection: ConnectionId,
        requests: Vec<Request>,
        turn: Turn,
        way: Option<&Way>,
    ) {
        let Some(session) = self.open.get_mut(&connection) else { return };
        session.note(&requests);
        let Some(way) = way.filter(|_| session.is_opened) else {
            // What is not answered is said again anyway.
            let is_fresh = !session.is_opened;
            let unsaid = requests.into_iter();
            session
                .unsaid
                .extend(unsaid.filter(|one| is_fresh || matches!(one, Request::Refused(_))));
            session.turn = turn;
            return;
        };
        way.say_in_turn(FromDoor::Requests { connection: connection.0, requests }, turn);
    }

    /// A client has gone.
    pub(super) fn closed(&mut self, connection: ConnectionId, for_good: bool, way: Option<&Way>) {
        let session = self.open.remove(&connection);
        if let Some(way) = way.filter(|_| session.is_some_and(|session| session.is_opened)) {
            way.say(FromDoor::Closed { connection: connection.0, for_good });
        }
    }

    /// Nothing has come from a client for a while.
    pub(super) fn ping(&self, connection: ConnectionId) {
        if let Some(session) = self.open.get(&connection) {
            session.inlet.ping();
        }
    }

    /// All that was sent to a client is written.
    pub(super) fn emptied(&mut self, connection: ConnectionId, way: Option<&Way>) {
        if let Some(session) = self.open.get_mut(&connection) {
            session.tell_written(connection, way);
        }
    }

    /// The owner says something of a client.
    pub(super) fn hear(&mut self, frame: FromOwner, way: &Way) {
        match frame {
            FromOwner::Events { connection, first_seq, events } => {
                self.events(ConnectionId(connection), first_seq, events, way);
            }
            FromOwner::WantEmpty { connection } => {
                let connection = ConnectionId(connection);
                let Some(session) = self.open.get_mut(&connection) else { return };
                session.is_wanted_empty = true;
                if session.inlet.want_empty() {
                    session.tell_written(connection, Some(way));
                }
            }
            FromOwner::Backlog { connection, bytes } => {
                if let Some(session) = self.open.get(&ConnectionId(connection)) {
                    session.inlet.set_backlog(usize::try_from(bytes).unwrap_or(usize::MAX));
                }
            }
            FromOwner::Close { connection, last, code, reason, superseded } => {
                let Some(session) = self.open.remove(&ConnectionId(connection)) else { return };
                way.say(FromDoor::Closed { connection, for_good: false });
                match last {
                    Some(last) if superseded => session.inlet.supersede(*last, code, reason),
                    Some(last) => session.inlet.close_after(*last, code, reason),
                    None => session.inlet.close(code, reason),
                }
            }
            FromOwner::Overflow { connection } => {
                if let Some(session) = self.open.remove(&ConnectionId(connection)) {
                    way.say(FromDoor::Closed { connection, for_good: false });
                    session.inlet.overflow();
                }
            }
            _ => {}
        }
    }

    fn events(
        &mut self,
        connection: ConnectionId,
        first_seq: Option<u64>,
        mut events: Vec<Event>,
        way: &Way,
    ) {
        let Some(session) = self.open.get_mut(&connection) else { return };
        if session.is_adopted
            && let [Event::Welcome(welcome)] = &*events
        {
            // Its client knows nothing of another owner, and need not.
            session.is_adopted = false;
            if !welcome.resumed {
                self.send_away(connection);
                way.say(FromDoor::Closed { connection: connection.0, for_good: true });
            }
            return;
        }
        for event in &mut events {
            if let Event::Welcome(welcome) = event
                && welcome.session.is_some()
            {
                session.secret.clone_from(&welcome.session);
            }
            session.unanswered.hears(event);
            session.inlet.count(event);
            session.events += 1;
            session.bytes += weight(event) as u64;
        }
        if let Some(first) = first_seq {
            session.last = first + events.len() as u64 - 1;
        }
        session.inlet.send(first_seq, events);
        let (waiting, bytes) = session.inlet.waiting();
        if waiting >= AT_HAND_EVENTS || bytes >= AT_HAND_BYTES {
            if session.inlet.want_empty() {
                session.tell_written(connection, Some(way));
            }
        } else if session.events >= TOLD_EVENTS || session.bytes >= TOLD_BYTES {
            session.tell_written(connection, Some(way));
        }
    }

    /// There is an owner again: it is told of all clients whose sessions can go on, and the others are
    /// sent away, so that they begin anew.
    pub(super) fn linked(&mut self, way: &Way) {
        let all: Vec<_> = self.open.keys().copied().collect();
        for connection in all {
            let Some(session) = self.open.get_mut(&connection) else { continue };
            if session.goes_on() {
                session.declare(connection, way);
            } else {
                self.send_away(connection);
            }
        }
    }

    /// The link is over, and all that came through it.
    pub(super) fn unlinked(&mut self) {
        for session in self.open.values_mut() {
            (session.events, session.bytes, session.is_wanted_empty) = (0, 0, false);
        }
    }

    /// Those whose sessions cannot go on need not wait for another owner.
    pub(super) fn give_up(&mut self) {
        let over = self.open.iter().filter(|(_, session)| !session.goes_on());
        let over: Vec<_> = over.map(|(connection, _)| *connection).collect();
        over.into_iter().for_each(|connection| self.send_away(connection));
    }

    fn send_away(&mut self, connection: ConnectionId) {
        let Some(session) = self.open.remove(&connection) else { return };
        let span = COME_BACK_MS.end - COME_BACK_MS.start;
        // Spread evenly; a prime stride keeps neighbours apart.
        let spread = u32::try_from(self.sent_away * 1_777 % span as usize).unwrap_or(0);
        self.sent_away += 1;
        let reason = "another server goes on";
        let (reconnect_in_ms, close) = (COME_BACK_MS.start + spread, close::GOING_AWAY);
        let bye = Event::Bye { reason: reason.to_owned(), reconnect_in_ms, close };
        session.inlet.close_after(bye, close, reason);
    }

    /// The door stops: all are to come back, here or elsewhere.
    pub(super) fn send_all_away(&mut self) {
        let all: Vec<_> = self.open.keys().copied().collect();
        all.into_iter().for_each(|connection| self.send_away(connection));
    }
}

impl Session {
    /// What another owner would have to know.
    fn note(&mut self, requests: &[Request]) {
        for request in requests {
            match request {
                Request::Limited { jobs, ops_per_s } => self.limited = Some((*jobs, *ops_per_s)),
                Request::Hello(HelloOp { resume: Some(resume), .. }) => {
                    self.may_be_resumed = true;
                    if let Resume::Session { last, .. } = resume {
                        self.last = *last;
                    }
                }
                Request::Submit { .. } | Request::Cancel { .. } if self.may_be_resumed => {
                    self.unanswered.asks(self.last, request);
                }
                Request::Watch { .. } => self.watches = true,
                Request::Subscribe { topic } if self.topics.len() < TOPICS_PER_SESSION_MAX => {
                    self.topics.insert(topic.clone());
                }
                Request::Unsubscribe { topic } => _ = self.topics.remove(topic),
                _ => {}
            }
        }
    }

    /// Whether another owner can go on with it, and nobody notices.
    fn goes_on(&self) -> bool {
        let has_few = self.unanswered.len() <= UNANSWERED_MAX;
        let is_known = self.secret.is_some() && !self.watches && has_few;
        !self.is_opened || is_known
    }

    /// Tells the owner of it.
    fn declare(&mut self, connection: ConnectionId, way: &Way) {
        way.say(opened(connection, self.whose));
        let mut requests = Vec::new();
        if let Some(secret) = self.secret.clone() {
            self.is_adopted = true;
            way.say(FromDoor::GoesOn { connection: connection.0, secret, last: self.last });
            let limited = self.limited;
            requests.extend(limited.map(|(jobs, ops_per_s)| Request::Limited { jobs, ops_per_s }));
            let topics = self.topics.iter();
            requests.extend(topics.map(|topic| Request::Subscribe { topic: topic.clone() }));
        }
        let was_opened = std::mem::replace(&mut self.is_opened, true);
        requests.append(&mut self.unsaid);
        let (connection, turn) = (connection.0, self.turn.take());
        way.say_in_turn(FromDoor::Requests { connection, requests }, turn);
        if was_opened {
            for (since, requests) in self.unanswered.again() {
                way.say(FromDoor::Again { connection, since, requests });
            }
        }
    }

    fn tell_written(&mut self, connection: ConnectionId, way: Option<&Way>) {
        let (events, bytes) = (std::mem::take(&mut self.events), std::mem::take(&mut self.bytes));
        let is_empty = std::mem::take(&mut self.is_wanted_empty);
        if let Some(way) = way.filter(|_| events > 0 || is_empty) {
            way.say(FromDoor::Written { connection: connection.0, events, bytes, is_empty });
        }
    }
}

fn opened(connection: ConnectionId, whose: Whose) -> FromDoor {
    let whose = match whose.proven() {
        Some(client) => FarWhose::Proven(client.0),
        None => FarWhose::Own,
    };
    FromDoor::Opened { connection: connection.0, whose }
}
