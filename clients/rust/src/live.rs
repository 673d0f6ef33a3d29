//! Everything as it goes on, as a server tells it to whoever watches.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::{BodyDataStream, BodyExt as _, Limited};
use hyper::Method;
use serde::de::DeserializeOwned;
use sse_stream::{Sse, SseByteStream};
use tokio::time::timeout;

use crate::call::{
    ANSWER_BYTES_MAX, CALL_TIME_MAX, CallError, admin_request, broken, dial, late, refused,
};
use crate::url::ServerUrl;

/// What is called, below `/v1/admin/`.
const PATH: &str = "live";
/// The same, up to the first tick. What stands between may wait for the end of an answer before it passes
/// any of it on, and so this has one.
const ONCE: &str = "live?ticks=1";
/// A server tells a tick every two seconds; one that has said nothing for so long is not there.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// The largest event: a tick of a thousand queues and workers is a tenth of it.
const EVENT_BYTES_MAX: usize = ANSWER_BYTES_MAX;

/// The stream of `GET /v1/admin/live`, on a connection of its own.
pub struct Live {
    server: ServerUrl,
    events: Pin<Box<dyn Stream<Item = Result<Sse, sse_stream::Error>> + Send>>,
    /// Bytes that came since the last event.
    gathered: Arc<AtomicUsize>,
}

/// An event that has more than [`EVENT_BYTES_MAX`].
#[derive(Debug, thiserror::Error)]
#[error("an event has more than {EVENT_BYTES_MAX} bytes")]
struct TooLarge;

impl Live {
    /// Begins to watch. A [`ServerUrl`] with a token shows it as the admin token.
    ///
    /// # Errors
    /// If there is no server, or it does not let whoever asks watch.
    pub async fn open(server: &ServerUrl) -> Result<Self, CallError> {
        Self::open_at(server, PATH).await
    }

    /// Watches until the first tick.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn once(server: &ServerUrl) -> Result<Self, CallError> {
        Self::open_at(server, ONCE).await
    }

    async fn open_at(server: &ServerUrl, path: &str) -> Result<Self, CallError> {
        let dialled = timeout(CALL_TIME_MAX, Self::dial(server, path)).await;
        dialled.map_err(|_| late(server, CALL_TIME_MAX))?
    }

    async fn dial(server: &ServerUrl, path: &str) -> Result<Self, CallError> {
        let mut link = dial(server).await?;
        let request = admin_request(server, &Method::GET, path, &Bytes::new());
        let response = link.send_request(request).await;
        let response = response.map_err(|source| broken(server, source))?;
        let status = response.status();
        let body = response.into_body();
        if !status.is_success() {
            let said = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let said = said.map_err(|source| broken(server, source))?;
            return Err(refused(server, status, &said.to_bytes()));
        }
        let gathered = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&gathered);
        let chunks = BodyDataStream::new(body).map(move |chunk| {
            let chunk = chunk.map_err(io::Error::other)?;
            if counted.fetch_add(chunk.len(), Ordering::Relaxed) > EVENT_BYTES_MAX {
                return Err(io::Error::other(TooLarge));
            }
            Ok(chunk)
        });
        let events = Box::pin(SseByteStream::new(chunks));
        Ok(Self { server: server.clone(), events, gathered })
    }

    /// The next event: what it is called, and what it tells. `None` once the server has ended the
    /// stream, which it does when it stops. May be cancelled.
    ///
    /// # Errors
    /// If the connection breaks, or the server has said nothing for 15 seconds.
    pub async fn next(&mut self) -> Result<Option<(String, String)>, CallError> {
        let next = timeout(SILENCE_MAX, self.events.next()).await;
        let silent = |_| CallError::Silent { authority: self.server.authority().to_owned() };
        let Some(event) = next.map_err(silent)? else { return Ok(None) };
        self.gathered.store(0, Ordering::Relaxed);
        let Sse { event, data, .. } = event.map_err(|source| broken(&self.server, source))?;
        Ok(Some((event.unwrap_or_default(), data.unwrap_or_default())))
    }

    /// What an event tells, as a `T`.
    ///
    /// # Errors
    /// If it is something else.
    pub fn read<T: DeserializeOwned>(&self, data: &str) -> Result<T, CallError> {
        serde_json::from_str(data).map_err(|source| CallError::Answer {
            authority: self.server.authority().to_owned(),
            path: PATH.to_owned(),
            source,
        })
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("server", &self.server).finish_non_exhaustive()
    }
}
