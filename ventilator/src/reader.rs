//! The read half of a WebSocket: messages in, requests out.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::Limits;
use acequia_wire::client::{Encoding, Request};
use acequia_wire::code::close;
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::stream::SplitStream;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite;

use crate::input::{ConnectionId, Input};
use crate::silence::{Grown, Silence};
use crate::unread::Unread;

/// Most requests that go to the pipeline at once: so many of one client come between two of another.
const BATCH: usize = 32;

/// The buffer of a message of so many bytes is not kept for the next one, if nothing was read into
/// it with the header of the message.
pub const LARGE_MESSAGE_BYTES: usize = 4 << 10;

/// Why a session's reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// The client closed the connection.
    Closed,
    /// The client closed the connection, and will not resume its session.
    Finished,
    /// The connection broke.
    Lost,
    /// The client broke the rules: close with this code and reason.
    Violation(u16, &'static str),
    /// The pipeline is gone.
    Stopping,
}

/// The read half of one connection.
#[derive(Debug)]
pub struct Reader {
    stream: SplitStream<WebSocket>,
    connection: ConnectionId,
    encoding: Encoding,
    limits: Limits,
    silence: Silence,
    /// A message that has not been read to its end.
    message: Option<Unread>,
    /// One batch at a time waits for the pipeline, so that no client fills its inbox.
    turns: Arc<Semaphore>,
}

impl Reader {
    /// Reads what `connection` brings from `stream`.
    pub fn new(
        stream: SplitStream<WebSocket>,
        connection: ConnectionId,
        encoding: Encoding,
        limits: Limits,
    ) -> Self {
        let silence = Silence::new(Duration::from_secs(limits.idle_s as u64));
        let turns = Arc::new(Semaphore::new(1));
        Self { stream, connection, encoding, limits, silence, message: None, turns }
    }

    /// Waits for a message, has `judge` look at what it and those at hand behind it ask for, and
    /// hands that to the pipeline. Waits for the pipeline if that is behind, so that a fast client
    /// is slowed by TCP.
    ///
    /// # Errors
    /// If there is nothing more to read.
    pub async fn step<I: From<Input>>(
        &mut self,
        inbox: &mpsc::Sender<I>,
        judge: impl FnOnce(&mut Vec<Request>),
    ) -> Result<(), ReadEnd> {
        let (mut requests, end) = self.read(inbox).await;
        judge(&mut requests);
        self.send(inbox, requests).await?;
        end
    }

    /// Waits for a message. Returns what it and those at hand behind it ask for, up to a limit, and
    /// whether there may be more to read. A client that is silent is to be pinged, which the pipeline
    /// is told.
    pub async fn read<I: From<Input>>(
        &mut self,
        inbox: &mpsc::Sender<I>,
    ) -> (Vec<Request>, Result<(), ReadEnd>) {
        let mut requests = Vec::new();
        if self.message.is_some() {
            // Between two parts of a long message others have their turn.
            tokio::task::yield_now().await;
        } else {
            let message = self.wait(inbox).await.and_then(|item| self.take(item));
            match message {
                Ok(message) => self.message = message,
                Err(end) => return (requests, Err(end)),
            }
        }
        while let Some(message) = &mut self.message {
            requests.extend(message.by_ref().take(BATCH - requests.len()));
            if !message.is_over() {
                break;
            }
            // While the message is there its buffer is not read into again, and given back with it;
            // so after a large one there is always another look.
            let next = self.stream.next().now_or_never();
            self.message = None;
            match next.map(|item| self.take(item)) {
                Some(Ok(message)) => self.message = message,
                Some(Err(end)) => return (requests, Err(end)),
                None => {}
            }
        }
        (requests, Ok(()))
    }

    /// Waits for whatever comes next.
    async fn wait<I: From<Input>>(
        &mut self,
        inbox: &mpsc::Sender<I>,
    ) -> Result<Option<Result<Message, axum::Error>>, ReadEnd> {
        let item = loop {
            tokio::select! {
                biased;
                item = self.stream.next() => break item,
                silence = self.silence.grows() => {
                    if silence == Grown::TooLong {
                        let why = "nothing came for too long, not even a pong";
                        return Err(ReadEnd::Violation(close::SILENT, why));
                    }
                    let input = Input::Quiet { connection: self.connection };
                    inbox.send(input.into()).await.map_err(|_| ReadEnd::Stopping)?;
                }
            }
        };
        self.silence.broken();
        Ok(item)
    }

    /// Hands requests of this session to the pipeline.
    ///
    /// # Errors
    /// If the pipeline is gone.
    pub async fn send<I: From<Input>>(
        &self,
        inbox: &mpsc::Sender<I>,
        requests: Vec<Request>,
    ) -> Result<(), ReadEnd> {
        if !requests.is_empty() {
            // It is never closed.
            let turn = self.turns.clone().acquire_owned().await.map_err(|_| ReadEnd::Stopping)?;
            let input = Input::Requests { connection: self.connection, requests, turn };
            inbox.send(input.into()).await.map_err(|_| ReadEnd::Stopping)?;
        }
        Ok(())
    }

    /// Reads on without heed until the client has closed too: a connection that is dropped with
    /// something unread in it is reset, and the client may then not see why it was closed.
    pub async fn drain(&mut self) {
        while let Some(Ok(_)) = self.stream.next().await {}
    }

    fn take(
        &mut self,
        item: Option<Result<Message, axum::Error>>,
    ) -> Result<Option<Unread>, ReadEnd> {
        let message: Bytes = match (item, self.encoding) {
            (Some(Ok(Message::Close(Some(CloseFrame { code: close::FINISHED, .. })))), _) => {
                return Err(ReadEnd::Finished);
            }
            (None | Some(Ok(Message::Close(_))), _) => return Err(ReadEnd::Closed),
            (Some(Err(error)), _) => return Err(end_of(error)),
            (Some(Ok(Message::Text(text))), Encoding::Json) => text.into(),
            (Some(Ok(Message::Binary(bytes))), Encoding::MsgPack) => bytes,
            (Some(Ok(Message::Binary(_))), Encoding::Json) => {
                let why = "a binary message on a JSON session";
                return Err(ReadEnd::Violation(close::UNSUPPORTED_DATA, why));
            }
            (Some(Ok(Message::Text(_))), Encoding::MsgPack) => {
                let why = "a text message on a MessagePack session";
                return Err(ReadEnd::Violation(close::UNSUPPORTED_DATA, why));
            }
            // The WebSocket answers pings by itself.
            (Some(Ok(Message::Ping(_) | Message::Pong(_))), _) => return Ok(None),
        };
        Ok(Some(Unread::new(self.encoding, message, self.limits)))
    }
}

fn end_of(error: axum::Error) -> ReadEnd {
    use tungstenite::Error;
    use tungstenite::error::ProtocolError;
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => {
            ReadEnd::Violation(close::MESSAGE_TOO_BIG, "the message is over the limit")
        }
        Some(Error::Utf8(_)) => {
            ReadEnd::Violation(close::INVALID_PAYLOAD, "a text message that is not UTF-8")
        }
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => ReadEnd::Lost,
        Some(Error::Protocol(_)) => {
            ReadEnd::Violation(close::PROTOCOL_ERROR, "not the WebSocket protocol")
        }
        _ => ReadEnd::Lost,
    }
}
