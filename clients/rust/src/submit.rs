//! A job as its client describes it.

use std::time::Duration;

use acequia_wire::client::{Encoding, OnDisconnect, Submit as Op};
use acequia_wire::limits::{
    ATTEMPTS_MAX, DURATION_MS_MAX, KEY_BYTES_MAX, PRIORITY_DEFAULT, PRIORITY_MAX,
};
use acequia_wire::{BadBody, ContentType, CorrelationId, Payload, TraceParent};
use bytes::Bytes;
use serde::Serialize;

/// A job: where it waits, what its worker gets, and what else there is to say.
///
/// ```
/// use std::time::Duration;
///
/// use acequia_client::Submit;
///
/// let job = Submit::to("upper").json(&"hello").priority(7).timeout(Duration::from_secs(10));
/// ```
///
/// What is wrong with it is said by whoever is asked to submit it.
#[derive(Clone, Debug)]
#[must_use = "a job does nothing until it is submitted"]
pub struct Submit {
    queue: String,
    payload: Result<Payload, String>,
    priority: u8,
    delay: Duration,
    timeout: Option<Duration>,
    ttl: Option<Duration>,
    attempts: u32,
    key: Option<String>,
    on_disconnect: Gone,
    batch: Option<String>,
    traceparent: Option<TraceParent>,
    patient: bool,
}

/// What becomes of a job whose client is gone.
#[derive(Clone, Copy, Debug)]
enum Gone {
    Keep,
    Cancel,
    CancelAfter(Duration),
}

/// Why a job is none that any server would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSubmit {
    /// There is no such queue.
    #[error("{0}")]
    Queue(#[from] acequia_wire::BadQueueName),
    /// The payload is not what its type says, or cannot be written as that.
    #[error("the payload: {0}")]
    Payload(String),
    /// A JSON session cannot send bytes.
    #[error(
        "the payload is {0}, and a session in JSON sends JSON only: make the client with `Encoding::MsgPack`, or submit over HTTP"
    )]
    NotJson(ContentType),
    /// A session tells a worker no types but a few.
    #[error(
        "the payload is {0}, and a session in MessagePack sends values and bytes only: send it as bytes, or submit over HTTP"
    )]
    Typed(ContentType),
    /// Over HTTP this can be said of a payload in JSON alone.
    #[error("over HTTP, {0} can be said of a payload in JSON alone")]
    NotOverHttp(&'static str),
    /// A number or a length is out of bounds.
    #[error("`{option}` is {given}; it may be from {least} to {most}")]
    Bounds {
        /// Of what.
        option: &'static str,
        /// What was given.
        given: u128,
        /// The least that it may be.
        least: u64,
        /// The most that it may be.
        most: u64,
    },
}

impl Submit {
    /// A job for this queue, with nothing for a payload (`null`), one attempt, and the priority in the middle.
    pub fn to(queue: impl Into<String>) -> Self {
        Self {
            queue: queue.into(),
            payload: Payload::new(ContentType::Json, Bytes::from_static(b"null"))
                .map_err(|bad| bad.to_string()),
            priority: PRIORITY_DEFAULT,
            delay: Duration::ZERO,
            timeout: None,
            ttl: None,
            attempts: 1,
            key: None,
            on_disconnect: Gone::Keep,
            batch: None,
            traceparent: None,
            patient: false,
        }
    }

    /// The payload is this value. A worker gets it as JSON, or from a session in MessagePack as that.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        let written = serde_json::to_vec(value).map_err(|error| error.to_string());
        self.payload = written.and_then(|bytes| {
            Payload::new(ContentType::Json, bytes.into()).map_err(|bad: BadBody| bad.to_string())
        });
        self
    }

    /// The payload is these bytes.
    pub fn bytes(self, bytes: impl Into<Bytes>) -> Self {
        self.typed(ContentType::Octets, bytes)
    }

    /// The payload is these bytes, of this type, such as `image/png`. Over a WebSocket, types are JSON,
    /// MessagePack and bytes only.
    pub fn typed(mut self, content_type: ContentType, bytes: impl Into<Bytes>) -> Self {
        let payload = Payload::new(content_type, bytes.into());
        self.payload = payload.map_err(|bad| bad.to_string());
        self
    }

    /// From 0 to 9, 4 unless set; higher goes first.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Not before so much time has passed; at most thirty days.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// A run that takes longer is given up, which counts as a failed attempt; at most thirty days.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// If no run has begun by then, the job fails with `expired`; at most thirty days.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How many runs may fail or time out before the job does: from 1, as unless set, to 100.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same key again is the same job; from 1 to 128 bytes.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The batch in which it is counted; from 1 to 128 bytes.
    pub fn batch(mut self, batch: impl Into<String>) -> Self {
        self.batch = Some(batch.into());
        self
    }

    /// It is cancelled as soon as its client is gone: the connection is over, whether the session can be
    /// resumed or not. Unless set, it runs all the same.
    pub fn cancel_on_disconnect(mut self) -> Self {
        self.on_disconnect = Gone::Cancel;
        self
    }

    /// It is cancelled once its client has been gone for so long; from a millisecond to thirty days.
    pub fn cancel_after_disconnect(mut self, patience: Duration) -> Self {
        self.on_disconnect = Gone::CancelAfter(patience);
        self
    }

    /// The span that the job's own is to be below.
    pub fn traceparent(mut self, span: TraceParent) -> Self {
        self.traceparent = Some(span);
        self
    }

    /// A refusal that passes, for a queue that is full or a disk that fails for a while, is not the job's
    /// end: it is submitted again when the server says that it is worth while. Over HTTP it is anyway, for as
    /// long as the client's own patience lasts.
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    pub(crate) fn is_patient(&self) -> bool {
        self.patient
    }

    pub(crate) fn is_cancelled_at_once(&self) -> bool {
        matches!(self.on_disconnect, Gone::Cancel)
    }

    pub(crate) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// What a session says of it.
    pub(crate) fn op(&self, id: i64, encoding: Encoding) -> Result<Op, BadSubmit> {
        let op = self.checked(CorrelationId::Int(id))?;
        let content_type = op.payload.content_type();
        match (encoding, content_type) {
            (_, ContentType::Json)
            | (Encoding::MsgPack, ContentType::MsgPack | ContentType::Octets) => Ok(op),
            (Encoding::Json, other) => Err(BadSubmit::NotJson(other.clone())),
            (Encoding::MsgPack, other) => Err(BadSubmit::Typed(other.clone())),
        }
    }

    /// The same in the protocol's words, within its bounds.
    pub(crate) fn checked(&self, id: CorrelationId) -> Result<Op, BadSubmit> {
        within("priority", u128::from(self.priority), 0, PRIORITY_MAX.into())?;
        within("attempts", u128::from(self.attempts), 1, ATTEMPTS_MAX.into())?;
        for (option, text) in [("key", &self.key), ("batch", &self.batch)] {
            if let Some(text) = text {
                within(option, text.len() as u128, 1, KEY_BYTES_MAX as u64)?;
            }
        }
        let optional =
            |option, time: Option<Duration>| time.map(|time| ms(option, time, 1)).transpose();
        Ok(Op {
            id,
            queue: self.queue.parse()?,
            payload: self.payload.clone().map_err(BadSubmit::Payload)?,
            priority: self.priority,
            delay_ms: ms("delay", self.delay, 0)?,
            timeout_ms: optional("timeout", self.timeout)?,
            ttl_ms: optional("ttl", self.ttl)?,
            attempts: self.attempts,
            key: self.key.as_deref().map(Into::into),
            on_disconnect: match self.on_disconnect {
                Gone::Keep => OnDisconnect::Keep,
                Gone::Cancel => OnDisconnect::Cancel,
                Gone::CancelAfter(patience) => {
                    OnDisconnect::CancelAfter { ms: ms("cancel_after_disconnect", patience, 1)? }
                }
            },
            batch: self.batch.as_deref().map(Into::into),
            traceparent: self.traceparent.map(Box::new),
        })
    }
}

/// A time in milliseconds, within bounds.
fn ms(option: &'static str, time: Duration, least: u64) -> Result<u32, BadSubmit> {
    within(option, time.as_millis(), least, DURATION_MS_MAX)
}

fn within(option: &'static str, given: u128, least: u64, most: u64) -> Result<u32, BadSubmit> {
    let number = u32::try_from(given).ok();
    let number = number.filter(|n| (least..=most).contains(&u64::from(*n)));
    number.ok_or(BadSubmit::Bounds { option, given, least, most })
}

const _: () = assert!(DURATION_MS_MAX <= u32::MAX as u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_server_would_take_is_said_before() {
        let says =
            |submit: Submit| submit.op(1, Encoding::Json).expect_err("it is bad").to_string();
        let to = || Submit::to("q");
        for (submit, says_what) in [
            (Submit::to("no queue"), "a queue name is 1 to 64 bytes"),
            (to().priority(10), "`priority` is 10; it may be from 0 to 9"),
            (to().attempts(0), "`attempts` is 0; it may be from 1 to 100"),
            (to().key(""), "`key` is 0; it may be from 1 to 128"),
            (to().batch("x".repeat(129)), "`batch` is 129;"),
            (to().ttl(Duration::ZERO), "`ttl` is 0; it may be from 1 to 2592000000"),
            (to().delay(Duration::MAX), "`delay` is "),
            (to().bytes("x"), "application/octet-stream"),
            (to().typed(ContentType::Json, "x"), "the payload: not valid JSON"),
            (
                to().json(&std::collections::HashMap::from([((1, 2), 3)])),
                "the payload: key must be",
            ),
        ] {
            let said = says(submit);
            assert!(said.contains(says_what), "{said:?} without {says_what:?}");
        }
    }

    #[test]
    fn a_session_in_messagepack_sends_bytes_too() {
        let op = Submit::to("q").bytes("x").op(1, Encoding::MsgPack).expect("a job");
        assert_eq!(op.payload.content_type(), &ContentType::Octets);
        let html = ContentType::parse("text/html").expect("a type");
        let refused = Submit::to("q").typed(html, "x").op(1, Encoding::MsgPack);
        assert!(matches!(refused, Err(BadSubmit::Typed(_))));
    }

    #[test]
    fn the_defaults_are_those_of_the_protocol() {
        let op = Submit::to("default").op(3, Encoding::Json).expect("a job");
        let text = acequia_wire::client::Op::Submit(op).encode(Encoding::Json);
        assert_eq!(text, br#"{"op":"submit","id":3,"payload":null}"#);
    }
}
