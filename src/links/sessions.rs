//! The connection of a link on which clients speak: to the pipeline they are as any others.

use std::sync::Arc;

use acequia_link::{FromDoor, FromOwner, Link, Whose as FarWhose};
use acequia_scheduler::ClientId;
use acequia_sink::{Carry, Parcel, Written, far_inlet};
use acequia_ventilator::ConnectionId;
use acequia_wire::client::{Event, Refusal, Request};
use acequia_wire::code::{RejectCode, close};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::takeovers::Turn;
use super::turns::Turns;
use super::{Broken, Owner, read, write};
use crate::http::Place;
use crate::pipeline::{Input, Whose};

/// When a client may come back that found all places taken, in milliseconds.
const COME_BACK_MS: u32 = 5_000;

/// A session of a client at the door.
struct Session {
    connection: ConnectionId,
    written: Written,
    _place: Place,
}

/// All that came through the connection.
struct Sessions<'a> {
    owner: &'a Owner,
    carry: Carry,
    /// By what the door calls them.
    open: FxHashMap<u64, Session>,
    /// Until the end of all of them is said.
    turn: Option<Turn>,
}

/// Serves the connection until it ends.
pub(super) async fn serve<S>(link: Link<S>, owner: &Owner, turn: Turn) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, writer) = link.split();
    let (out, frames) = mpsc::unbounded_channel();
    let mut sessions = Sessions::new(owner, out, turn);
    // When this is given up, too.
    let reading = async {
        let (mut taken, turns) = (Vec::new(), Turns::default());
        loop {
            read(&mut reader, &mut taken).await?;
            let inputs = taken.drain(..).filter_map(|frame| sessions.input(frame));
            turns.hand_on(inputs, &owner.inbox).await;
        }
    };
    tokio::select! {
        ended = reading => ended,
        ended = write(writer, frames, &owner.inbox) => ended,
    }
}

impl<'a> Sessions<'a> {
    fn new(owner: &'a Owner, out: mpsc::UnboundedSender<FromOwner>, turn: Turn) -> Self {
        let carry: Carry = Arc::new(move |connection, parcel| {
            if let Some(frame) = frame(connection, parcel) {
                // The end of the link is on its way to the pipeline.
                _ = out.send(frame);
            }
        });
        Self { owner, carry, open: FxHashMap::default(), turn: Some(turn) }
    }

    /// What a frame is to the pipeline, if anything.
    fn input(&mut self, frame: FromDoor) -> Option<Input> {
        match frame {
            FromDoor::Opened { connection, whose } => self.opened(connection, whose),
            FromDoor::GoesOn { connection, secret, last } => {
                let connection = self.open.get(&connection)?.connection;
                Some(Input::GoesOn { connection, secret, last })
            }
            FromDoor::Again { connection, since, requests } => {
                let connection = self.open.get(&connection)?.connection;
                Some(Input::Again { connection, since, requests })
            }
            FromDoor::Requests { connection, mut requests } => {
                let connection = self.open.get(&connection)?.connection;
                requests.iter_mut().for_each(|request| self.limit(request));
                Some(Input::Asked { connection, requests })
            }
            FromDoor::Closed { connection, for_good } => {
                let connection = self.open.remove(&connection)?.connection;
                Some(Input::ConnectionClosed { connection, for_good })
            }
            FromDoor::Written { connection, events, bytes, is_empty } => {
                let session = self.open.get(&connection)?;
                let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
                session.written.count(count(events), count(bytes));
                let is_wanted = is_empty && session.written.is_wanted_empty();
                is_wanted.then_some(Input::Emptied { connection: session.connection })
            }
            // What is said of workers is not said here.
            FromDoor::Ready { .. }
            | FromDoor::Said { .. }
            | FromDoor::Ended { .. }
            | FromDoor::Declared
            | FromDoor::Mark { .. }
            | FromDoor::Beat => None,
        }
    }

    /// A door may have been told other limits than its owner.
    fn limit(&self, request: &mut Request) {
        let limit = self.owner.front.limits.payload_bytes;
        if let Request::Submit { spec, .. } = request
            && let bytes = spec.payload.bytes().len()
            && bytes > limit
        {
            let message = format!("the payload has {bytes} bytes; the limit is {limit}");
            let refusal = Refusal::new(RejectCode::TooLarge, message);
            *request = Request::Refused(refusal.of_submit(spec.id.clone()));
        }
    }

    fn opened(&mut self, named: u64, whose: FarWhose) -> Option<Input> {
        let (inlet, written) = far_inlet(named, self.carry.clone());
        let Some(place) = self.owner.front.place() else {
            let reason = "the owner has as many sessions as it may";
            let code = close::TRY_AGAIN_LATER;
            let bye = Event::Bye {
                reason: reason.to_owned(),
                reconnect_in_ms: COME_BACK_MS,
                close: code,
            };
            inlet.close_after(bye, code, reason);
            return None;
        };
        let connection = self.owner.front.next_connection();
        self.open.insert(named, Session { connection, written, _place: place });
        let whose = match whose {
            FarWhose::Proven(client) => Whose::Proven(ClientId(client)),
            FarWhose::Own => Whose::Own,
        };
        let (asks_later, requests) = (false, Vec::new());
        Some(Input::ConnectionOpened { connection, whose, inlet, asks_later, requests })
    }
}

impl Drop for Sessions<'_> {
    fn drop(&mut self) {
        let over = self.open.drain().map(|(_, session)| session);
        let (inbox, over) = (self.owner.inbox.clone(), over.collect::<Vec<_>>());
        let turn = self.turn.take();
        tokio::spawn(async move {
            let _turn = turn;
            for Session { connection, .. } in over {
                let closed = Input::ConnectionClosed { connection, for_good: false };
                // A pipeline that is gone does not need to know.
                if inbox.send(closed).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// What goes to the door for a parcel.
fn frame(connection: u64, parcel: Parcel) -> Option<FromOwner> {
    let close = |last, code, reason: acequia_sink::Reason, superseded| FromOwner::Close {
        connection,
        last,
        code,
        reason: reason.into_owned(),
        superseded,
    };
    Some(match parcel {
        Parcel::Events(first_seq, events) => FromOwner::Events { connection, first_seq, events },
        Parcel::Close(code, reason) => close(None, code, reason, false),
        Parcel::Last(last, code, reason) => close(Some(last), code, reason, false),
        Parcel::Superseded(last, code, reason) => close(Some(last), code, reason, true),
        Parcel::Overflow => FromOwner::Overflow { connection },
        Parcel::WantEmpty => FromOwner::WantEmpty { connection },
        Parcel::Backlog(bytes) => FromOwner::Backlog { connection, bytes: bytes as u64 },
        // A door pings by itself.
        Parcel::Ping => return None,
    })
}
