//! A call as a session: it asks, hears what comes of it, and is over.

use std::sync::Arc;

use acequia_sink::{Heard, Listener, outlet};
use acequia_ventilator::ConnectionId;
use acequia_wire::client::{Event, Refusal, Request};
use acequia_wire::code::RejectCode;
use tokio::sync::mpsc;

use super::problem::Problem;
use super::rights::Rights;
use crate::http::door::Door;
use crate::http::session::Place;
use crate::pipeline::Input;

/// When a caller may try again that found all places taken.
const RETRY_AFTER_MS: u32 = 5_000;

/// A session that lasts as long as this does.
#[derive(Debug)]
pub(super) struct Call {
    connection: ConnectionId,
    listener: Listener,
    inbox: mpsc::Sender<Input>,
    _place: Place,
}

impl Call {
    /// Asks for something.
    pub(super) async fn open(
        door: &Arc<Door>,
        rights: &Rights,
        requests: Vec<Request>,
    ) -> Result<Self, Problem> {
        let Some(place) = door.session_place(rights.peer()) else {
            let limit = door.front.limits.sessions;
            let message = format!("{limit} sessions are open, the limit; try again later");
            let refusal = Refusal::new(RejectCode::QueueFull, message);
            return Err(Refusal { retry_after_ms: Some(RETRY_AFTER_MS), ..refusal }.into());
        };
        let connection = door.front.next_connection();
        let (inlet, outlet) = outlet();
        let requests = rights.limits().into_iter().chain(requests).collect();
        let whose = rights.whose();
        let opened =
            Input::ConnectionOpened { connection, whose, inlet, asks_later: true, requests };
        door.inbox.send(opened).await.map_err(|_| Problem::unavailable())?;
        let (listener, inbox) = (Listener::new(outlet), door.inbox.clone());
        Ok(Self { connection, listener, inbox, _place: place })
    }

    /// What comes of it next; `None` if nothing comes any more.
    pub(super) async fn next(&mut self) -> Option<Event> {
        loop {
            match self.listener.next().await? {
                // The server stops; whatever is to be said of that is the caller's.
                Heard::Event(Event::Bye { .. }) => return None,
                Heard::Event(event) => return Some(event),
                Heard::Emptied => {
                    let connection = self.connection;
                    self.inbox.send(Input::Emptied { connection }).await.ok()?;
                }
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let closed = Input::ConnectionClosed { connection: self.connection, for_good: true };
        // A pipeline that is gone does not need to know; one that is busy has to.
        if let Err(mpsc::error::TrySendError::Full(closed)) = self.inbox.try_send(closed) {
            let inbox = self.inbox.clone();
            tokio::spawn(async move { inbox.send(closed).await });
        }
    }
}
