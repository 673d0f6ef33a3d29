//! A job as its handler sees it.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::limits::{NESTING_MAX, TEXT_BYTES_MAX, TOPIC_BYTES_MAX};
use acequia_wire::worker::{FromWorker, JobMessage, Progress};
use acequia_wire::{ContentType, JobId, QueueName};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::failure::{Failure, cut};
use crate::lane::Held;
use crate::line::Line;
use crate::outbox::Outgoing;
use crate::reply::Reply;
use crate::signal::Signal;

/// A job to run. A clone is another handle to the same job and costs next to nothing.
#[derive(Clone)]
pub struct Job(Arc<Inner>);

struct Inner {
    message: JobMessage,
    line: Arc<Line>,
    signal: Signal,
}

impl Held for Inner {
    fn signal(&self) -> &Signal {
        &self.signal
    }
}

impl Job {
    pub(crate) fn new(message: JobMessage, line: Arc<Line>) -> Self {
        Self(Arc::new(Inner { message, line, signal: Signal::default() }))
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.0.line
    }

    /// What its lane holds of it.
    pub(crate) fn as_held(&self) -> Arc<dyn Held> {
        self.0.clone()
    }

    /// The job's id, the same in each attempt.
    pub fn id(&self) -> JobId {
        self.0.message.job
    }

    /// The queue that it waited in.
    pub fn queue(&self) -> &QueueName {
        &self.0.message.queue
    }

    /// Which run of the job this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.message.attempt
    }

    /// The type of the payload.
    pub fn content_type(&self) -> &ContentType {
        &self.0.message.content_type
    }

    /// How long this run may take, if its client set a limit. The server gives the run up then
    /// and cancels it here, so a handler need not watch the clock.
    pub fn timeout(&self) -> Option<Duration> {
        self.0.message.timeout_ms.map(Duration::from_millis)
    }

    /// The job's own span as W3C Trace Context writes it, if it is part of a trace: what the
    /// handler does for it is to be traced below this.
    pub fn traceparent(&self) -> Option<&str> {
        let found = self.meta().iter().find(|(key, _)| key == "traceparent");
        found.map(|(_, value)| value.as_str())
    }

    /// What travels with the job, such as a `traceparent`.
    pub fn meta(&self) -> &[(String, String)] {
        &self.0.message.meta
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.0.message.body
    }

    /// The largest result or chunk that the server takes, in bytes.
    pub fn max_body(&self) -> usize {
        self.0.line.lane().max_body()
    }

    /// The payload, read as JSON.
    ///
    /// # Errors
    /// With code `bad_input`, not worth another attempt, if it is not the JSON that `T` wants.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(self.payload())
            .map_err(|error| self.unreadable("JSON", &error.to_string()))
    }

    /// The payload, read as MessagePack.
    ///
    /// # Errors
    /// With code `bad_input`, not worth another attempt, if it is not the MessagePack that `T`
    /// wants.
    pub fn msgpack<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let mut reader = rmp_serde::Deserializer::from_read_ref(self.payload());
        // By default it follows a hostile payload deeper than a thread's stack may reach.
        reader.set_max_depth(NESTING_MAX);
        T::deserialize(&mut reader)
            .map_err(|error| self.unreadable("MessagePack", &error.to_string()))
    }

    fn unreadable(&self, format: &str, error: &str) -> Failure {
        let content_type = self.content_type();
        let message =
            format!("the payload ({content_type}) is not the {format} that is expected: {error}");
        Failure::permanent("bad_input", message)
    }

    /// Tells the client how far the job is, in any unit. It is for people, so it never waits: if
    /// more already waits to be sent than the connection takes, this one is left out.
    ///
    /// `note` is cut to 4 KiB; empty stands for none. A number that is not finite is left out.
    pub fn progress(&self, done: f64, total: f64, note: impl Into<String>) {
        if self.0.signal.is_void() {
            return;
        }
        let finite = |n: f64| Some(n).filter(|n| n.is_finite());
        let note = Some(cut(note.into(), TEXT_BYTES_MAX)).filter(|note| !note.is_empty());
        let progress = Progress { done: finite(done), total: finite(total), note };
        let message = FromWorker::Progress { job: self.id(), progress };
        // A full outbox means that the client has not even seen the last one.
        let _ = self.0.line.outbox().try_send(Outgoing::Message(message));
    }

    /// Sends a part of the result ahead. Waits while the connection has more to send than it
    /// takes, so a handler cannot run ahead of a slow server.
    ///
    /// # Errors
    /// With code `bad_result` if the server would not take it; with code `cancelled` if nobody
    /// waits for this job any more. Both are good to be passed on with `?`.
    pub async fn chunk(&self, reply: Reply) -> Result<(), Failure> {
        let message = self.chunk_message(reply)?;
        self.send(message).await
    }

    /// [`chunk`](Self::chunk) for a [blocking handler](crate::Worker::blocking_queue).
    ///
    /// # Errors
    /// As `chunk`.
    ///
    /// # Panics
    /// If called from async code.
    pub fn blocking_chunk(&self, reply: Reply) -> Result<(), Failure> {
        let message = self.chunk_message(reply)?;
        self.0.line.outbox().blocking_send(message).map_err(|_| Failure::cancelled())
    }

    fn chunk_message(&self, reply: Reply) -> Result<Outgoing, Failure> {
        let body = reply.into_body("chunk", self.max_body())?;
        if self.0.signal.is_raised() {
            return Err(Failure::cancelled());
        }
        Ok(Outgoing::Message(FromWorker::Chunk { job: self.id(), body }))
    }

    /// Publishes to every session that subscribed to `topic` (1 to 128 bytes).
    ///
    /// # Errors
    /// With code `bad_topic` if the topic is empty or too long, with code `bad_result` if the
    /// server would not take the body, with code `cancelled` if the connection is gone.
    pub async fn publish(&self, topic: impl Into<String>, reply: Reply) -> Result<(), Failure> {
        let topic = topic.into();
        if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX {
            let len = topic.len();
            let message = format!("a topic has 1 to {TOPIC_BYTES_MAX} bytes, this one has {len}");
            return Err(Failure::permanent("bad_topic", message));
        }
        let reply = reply.with_type_of(self.content_type());
        let body = reply.into_body("published message", self.max_body())?;
        if self.0.signal.is_void() {
            return Err(Failure::cancelled());
        }
        let lane = self.0.line.lane().id();
        self.send(Outgoing::Message(FromWorker::Publish { lane, topic, body })).await
    }

    async fn send(&self, message: Outgoing) -> Result<(), Failure> {
        self.0.line.outbox().send(message).await.map_err(|_| Failure::cancelled())?;
        // The task that was woken by this waits in a slot of this thread that no other thread can
        // take it from. A handler that went on without a pause would keep it there.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Resolves once nobody waits for this job any more: its client cancelled it, its time is
    /// over, or the connection to the server is lost (then another worker gets the job). The
    /// handler should stop and return; [`Failure::cancelled`] will do.
    pub async fn cancelled(&self) {
        self.0.signal.raised().await;
    }

    /// Whether [`cancelled`](Self::cancelled) would resolve at once. For the loop of a blocking
    /// handler.
    pub fn is_cancelled(&self) -> bool {
        self.0.signal.is_raised()
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("id", &self.id())
            .field("queue", self.queue())
            .field("attempt", &self.attempt())
            .field("content_type", self.content_type())
            .field("payload_bytes", &self.payload().len())
            .finish_non_exhaustive()
    }
}
