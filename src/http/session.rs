//! One connection from its upgrade to its end: the WebSocket is split, its read half given to the
//! ventilator and its write half to the sink, and whichever ends first ends the connection. Whether its session ends with it is
//! the pipeline's to say.

mod pass;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use acequia_sink::{Pressure, Reason, WriteEnd, Writer, outlet};
use acequia_ventilator::{ConnectionId, ReadEnd, Reader};
use acequia_wire::Limits;
use acequia_wire::client::Encoding;
use acequia_wire::code::close;
use axum::extract::ws::WebSocket;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};

use self::pass::{First, Pass};
pub(super) use self::pass::{limited, not_for_queue};
use crate::access::Entry;
use crate::pipeline::{Input, Whose};

/// How long a client that is sent away may take to close its side.
const LINGER: Duration = Duration::from_secs(2);

/// What all sessions share.
#[derive(Debug)]
pub(crate) struct Front {
    inbox: mpsc::Sender<Input>,
    pub(crate) limits: Limits,
    next_connection: AtomicU64,
    open: AtomicUsize,
    all_closed: Notify,
    #[cfg(feature = "otlp")]
    spans: Option<crate::spans::Spans>,
}

/// A place among the sessions, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Front>);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.all_closed.notify_waiters();
        }
    }
}

impl Front {
    /// Counts connections from `first` on.
    pub(crate) fn new(inbox: mpsc::Sender<Input>, limits: Limits, first: u64) -> Self {
        Self {
            inbox,
            limits,
            next_connection: AtomicU64::new(first),
            open: AtomicUsize::new(0),
            all_closed: Notify::new(),
            #[cfg(feature = "otlp")]
            spans: None,
        }
    }

    /// From now on somebody is told what is delivered.
    #[cfg(feature = "otlp")]
    pub(crate) fn tell_spans(&mut self, spans: crate::spans::Spans) {
        self.spans = Some(spans);
    }

    /// The name of a connection that begins.
    pub(crate) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for one more session, if there is one.
    pub(crate) fn place(self: &Arc<Self>) -> Option<Place> {
        let place = Place(self.clone());
        // Counted first: two that come at once must not both get the last place.
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        (before < self.limits.sessions).then_some(place)
    }

    /// Waits until no session is open.
    pub(crate) async fn all_closed(&self) {
        loop {
            let closed = self.all_closed.notified();
            tokio::pin!(closed);
            // Before the look at the count, or the last end in between would be missed.
            closed.as_mut().enable();
            if self.open.load(Ordering::Relaxed) == 0 {
                return;
            }
            closed.await;
        }
    }
}

enum End {
    Read(ReadEnd),
    Write(WriteEnd),
}

/// Serves one connection until it ends.
pub(crate) async fn serve(socket: WebSocket, encoding: Encoding, place: Place, entry: Entry) {
    let front = &place.0;
    let connection = front.next_connection();
    let (sink, stream) = socket.split();
    let (inlet, outlet) = outlet();
    let pressure = outlet.pressure();
    let mut writer = Writer::new(sink, outlet, encoding);
    #[cfg(feature = "otlp")]
    if let Some(spans) = &front.spans {
        writer.tell(spans.deliveries());
    }
    let mut reader = Reader::new(stream, connection, encoding, front.limits);
    let handshake = Duration::from_secs(front.limits.handshake_s as u64);
    let (mut pass, first) = match Pass::enter(entry, handshake, &mut reader, &front.inbox).await {
        Ok(entered) => entered,
        Err(end) => return part(End::Read(end), &mut writer, &mut reader).await,
    };
    let whose = pass.client().map_or(Whose::Own, Whose::Proven);
    let First { requests, end: so_far } = first;
    let opened = Input::ConnectionOpened { connection, whose, inlet, asks_later: false, requests };
    if front.inbox.send(opened).await.is_err() {
        return;
    }
    let end = tokio::select! {
        end = read(so_far, &mut reader, &mut pass, &pressure, &front.inbox) => End::Read(end),
        end = write(&mut writer, connection, &front.inbox) => End::Write(end),
    };
    // A pipeline that is gone does not need to know.
    let for_good = matches!(end, End::Read(ReadEnd::Finished));
    _ = front.inbox.send(Input::ConnectionClosed { connection, for_good }).await;
    part(end, &mut writer, &mut reader).await;
}

/// Closes a connection as its end asks for.
async fn part(end: End, writer: &mut Writer, reader: &mut Reader) {
    let (code, reason): (u16, Reason) = match end {
        End::Read(ReadEnd::Closed | ReadEnd::Finished) => return writer.finish().await,
        End::Read(ReadEnd::Lost) | End::Write(WriteEnd::Lost) => return,
        End::Read(ReadEnd::Violation(code, reason)) => (code, reason.into()),
        End::Write(WriteEnd::Closed(code, reason)) => (code, reason),
        End::Read(ReadEnd::Stopping) => (close::GOING_AWAY, "the server stops".into()),
        End::Write(WriteEnd::SlowReader) => {
            (close::SLOW_READER, "events are read too slowly".into())
        }
    };
    writer.close(code, &reason).await;
    // Whoever does not close by then is cut off.
    _ = tokio::time::timeout(LINGER, reader.drain()).await;
}

/// Writes until the connection is to be closed, and tells when there is room for more.
async fn write(
    writer: &mut Writer,
    connection: ConnectionId,
    inbox: &mpsc::Sender<Input>,
) -> WriteEnd {
    loop {
        if let Err(end) = writer.run().await {
            return end;
        }
        // A pipeline that is gone does not need to know.
        _ = inbox.send(Input::Emptied { connection }).await;
    }
}

/// Reads until there is nothing more to read, or the client's token runs out.
async fn read(
    mut so_far: Result<(), ReadEnd>,
    reader: &mut Reader,
    pass: &mut Pass,
    pressure: &Pressure,
    inbox: &mpsc::Sender<Input>,
) -> ReadEnd {
    while so_far.is_ok() {
        let until = pass.until();
        so_far = tokio::select! {
            so_far = async {
                pressure.relieved().await;
                reader.step(inbox, |requests| pass.judge(requests)).await
            } => so_far,
            end = pass::expired(until) => Err(end),
        };
    }
    so_far.err().unwrap_or(ReadEnd::Lost)
}
