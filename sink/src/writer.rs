//! The write half of a WebSocket: events in, messages out, one flush for all that waits.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use acequia_wire::client::{Encoding, Event};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::SinkExt as _;
use futures_util::future::poll_immediate;
use futures_util::stream::SplitSink;
use tokio::time::timeout;

use crate::outlet::{Outlet, Parcel, Reason};

/// A session whose connection takes nothing for so long is given up.
const STALL_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a last message may take to leave.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);

/// Why a session's writing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteEnd {
    /// All is written, and the connection is to be closed with this code and reason.
    Closed(u16, Reason),
    /// The client does not read: too much waits for it, or nothing has left for too long.
    SlowReader,
    /// The connection broke.
    Lost,
}

/// The write half of one session.
#[derive(Debug)]
pub struct Writer {
    sink: SplitSink<WebSocket, Message>,
    outlet: Outlet,
    encoding: Encoding,
    #[cfg(feature = "spans")]
    deliveries: Option<crate::deliveries::Deliveries>,
}

impl Writer {
    /// Writes what comes out of `outlet` to `sink`.
    pub fn new(sink: SplitSink<WebSocket, Message>, outlet: Outlet, encoding: Encoding) -> Self {
        Self {
            sink,
            outlet,
            encoding,
            #[cfg(feature = "spans")]
            deliveries: None,
        }
    }

    /// From now on somebody is told of what is delivered.
    #[cfg(feature = "spans")]
    pub fn tell(&mut self, deliveries: crate::deliveries::Deliveries) {
        self.deliveries = Some(deliveries);
    }

    /// Writes until the connection is to be closed or ends. To be called again if it was
    /// cancelled: no event is lost by that but the ones being written. Also returns, and is to be
    /// called again, when all is written and somebody waits to be told so.
    ///
    /// # Errors
    /// How it ends.
    pub async fn run(&mut self) -> Result<(), WriteEnd> {
        loop {
            let Some(parcel) = self.outlet.recv().await else {
                let overflowed = self.outlet.has_overflowed();
                return Err(if overflowed { WriteEnd::SlowReader } else { WriteEnd::Lost });
            };
            self.write(parcel).await?;
            if self.outlet.is_wanted_empty() {
                return Ok(());
            }
        }
    }

    async fn write(&mut self, parcel: Parcel) -> Result<(), WriteEnd> {
        let mut next = Some(parcel);
        let mut close = None;
        while let Some(parcel) = next {
            match parcel {
                // The connection that goes on with the session gets them.
                Parcel::Events(..) if self.outlet.superseded().is_some() => {}
                Parcel::Events(first_seq, events) => {
                    for (nth, event) in (0..).zip(events) {
                        let seq = first_seq.map(|first| first + nth);
                        let message = encode(self.encoding, &event, seq);
                        unless_stalled(&self.outlet, self.sink.feed(message)).await?;
                        self.outlet.written(&event);
                        #[cfg(feature = "spans")]
                        if let Some(deliveries) = &mut self.deliveries {
                            deliveries.written(&event);
                        }
                    }
                }
                Parcel::Ping => {
                    let ping = self.sink.feed(Message::Ping(Default::default()));
                    unless_stalled(&self.outlet, ping).await?;
                }
                Parcel::Close(code, reason) => close = Some(WriteEnd::Closed(code, reason)),
                Parcel::Last(event, code, reason) => {
                    let message = encode(self.encoding, &event, None);
                    unless_stalled(&self.outlet, self.sink.feed(message)).await?;
                    close = Some(WriteEnd::Closed(code, reason));
                }
                // Their way goes elsewhere.
                Parcel::Superseded(..)
                | Parcel::Overflow
                | Parcel::WantEmpty
                | Parcel::Backlog(_) => {}
            }
            next = self.outlet.try_recv();
        }
        unless_stalled(&self.outlet, self.sink.flush()).await?;
        #[cfg(feature = "spans")]
        if let Some(deliveries) = &mut self.deliveries {
            deliveries.flushed();
        }
        close.map_or(Ok(()), Err)
    }

    /// Lets the answer to the client's own close leave.
    pub async fn finish(&mut self) {
        // Whoever does not wait for it has gone already.
        _ = timeout(CLOSE_TIME_MAX, self.sink.flush()).await;
    }

    /// Says why the connection is closed, and closes it.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let close = self.sink.send(Message::Close(Some(frame)));
        // Whoever does not take even this is cut off.
        _ = timeout(CLOSE_TIME_MAX, close).await;
    }
}

/// An event as a message of a session's encoding.
pub fn encode(encoding: Encoding, event: &Event, seq: Option<u64>) -> Message {
    match encoding {
        Encoding::Json => {
            let mut text = String::with_capacity(160 + event.payload_len());
            event.encode_json(seq, &mut text);
            Message::Text(text.into())
        }
        Encoding::MsgPack => Message::Binary(event.encode_msgpack(seq).into()),
    }
}

/// Runs `work`, with a limit only once it has to wait: most writes do not, and a timer for each
/// would cost more than they do.
async fn unless_stalled(
    outlet: &Outlet,
    work: impl Future<Output = Result<(), axum::Error>>,
) -> Result<(), WriteEnd> {
    let mut work = pin!(work);
    let done = match poll_immediate(&mut work).await {
        Some(done) => done,
        None => tokio::select! {
            done = &mut work => done,
            () = outlet.overflow() => match outlet.superseded() {
                // What is half written may still go.
                Some((code, reason)) => match timeout(CLOSE_TIME_MAX, work).await {
                    Ok(done) => done,
                    Err(_) => return Err(WriteEnd::Closed(*code, reason.clone())),
                },
                None => return Err(WriteEnd::SlowReader),
            },
            () = tokio::time::sleep(STALL_TIME_MAX) => return Err(WriteEnd::SlowReader),
        },
    };
    done.map_err(|_| WriteEnd::Lost)
}
