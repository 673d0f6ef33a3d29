//! The keys of an op as both encodings yield them, and the op that they make.

use std::borrow::Cow;

use crate::client::op::{HelloOp, OnDisconnect, Op, Refusal, Resume, Submit};
use crate::code::RejectCode;
use crate::content::Payload;
use crate::id::CorrelationId;
use crate::limits::Limits;
use crate::limits::{
    ATTEMPTS_MAX, CORRELATION_ID_BYTES_MAX, DURATION_MS_MAX, KEY_BYTES_MAX, PRIORITY_DEFAULT,
    PRIORITY_MAX, TOPIC_BYTES_MAX,
};
use crate::name::QueueName;
use crate::trace::TraceParent;

const _: () = assert!(DURATION_MS_MAX <= u32::MAX as u64);

/// All keys that any op knows, each present or not.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<RawId<'a>>,
    pub(super) payload: Option<Payload>,
    pub(super) queue: Option<Cow<'a, str>>,
    pub(super) priority: Option<u64>,
    pub(super) delay_ms: Option<u64>,
    pub(super) timeout_ms: Option<u64>,
    pub(super) ttl_ms: Option<u64>,
    pub(super) attempts: Option<u64>,
    pub(super) key: Option<Cow<'a, str>>,
    pub(super) on_disconnect: Option<RawOnDisconnect<'a>>,
    pub(super) batch: Option<Cow<'a, str>>,
    pub(super) traceparent: Option<Cow<'a, str>>,
    pub(super) seq: Option<u64>,
    pub(super) topic: Option<Cow<'a, str>>,
    pub(super) token: Option<Cow<'a, str>>,
    pub(super) resume: Option<RawResume<'a>>,
    pub(super) last: Option<u64>,
}

/// A correlation id that has not been looked at.
#[derive(Clone)]
pub(super) enum RawId<'a> {
    Int(i64),
    Text(Cow<'a, str>),
}

/// `resume` as it was sent.
pub(super) enum RawResume<'a> {
    Flag(bool),
    Secret(Cow<'a, str>),
}

/// `on_disconnect` as it was sent.
pub(super) enum RawOnDisconnect<'a> {
    Word(Cow<'a, str>),
    CancelAfterMs(u64),
}

impl RawOnDisconnect<'_> {
    /// What it may be.
    pub(super) const EXPECTED: &'static str =
        "\"keep\", \"cancel\" or a map with the key `cancel_after_ms` alone";

    fn check(self) -> Result<OnDisconnect, Refusal> {
        match self {
            Self::Word(word) if word == "keep" => Ok(OnDisconnect::Keep),
            Self::Word(word) if word == "cancel" => Ok(OnDisconnect::Cancel),
            Self::Word(_) => {
                Err(Refusal::bad_request(format!("`on_disconnect` must be {}", Self::EXPECTED)))
            }
            Self::CancelAfterMs(ms) => {
                let ms = bounded("cancel_after_ms", Some(ms), 1, DURATION_MS_MAX)?;
                Ok(ms.map_or(OnDisconnect::Cancel, |ms| OnDisconnect::CancelAfter { ms }))
            }
        }
    }
}

impl RawId<'_> {
    pub(super) fn check(self) -> Result<CorrelationId, Refusal> {
        match self {
            Self::Int(id) => Ok(CorrelationId::Int(id)),
            Self::Text(id) if id.len() <= CORRELATION_ID_BYTES_MAX => {
                Ok(CorrelationId::Text(id.as_ref().into()))
            }
            Self::Text(id) => Err(Refusal::bad_request(format!(
                "`id` has {} bytes; the limit is {CORRELATION_ID_BYTES_MAX}",
                id.len()
            ))),
        }
    }
}

impl Fields<'_> {
    /// The op named `op` that these fields make.
    pub(super) fn into_op(self, op: &str, limits: &Limits) -> Result<Op, Refusal> {
        self.only_keys_of(op)?;
        match op {
            "submit" => self.into_submit(limits).map(Op::Submit),
            "cancel" => Ok(Op::Cancel { id: self.id.ok_or_else(|| missing(op, "id"))?.check()? }),
            "ack" => Ok(Op::Ack { seq: self.seq.ok_or_else(|| missing(op, "seq"))? }),
            "subscribe" => Ok(Op::Subscribe { topic: topic(op, self.topic)? }),
            "unsubscribe" => Ok(Op::Unsubscribe { topic: topic(op, self.topic)? }),
            "hello" => self.into_hello(),
            _ => Err(Refusal::bad_request(format!(
                "unknown op {:?}; known are hello, submit, cancel, ack, subscribe, unsubscribe",
                cut_for_message(op)
            ))),
        }
    }

    /// That no key is there which belongs to another op.
    fn only_keys_of(&self, op: &str) -> Result<(), Refusal> {
        let present = [
            ("id", self.id.is_some(), &["submit", "cancel"][..]),
            ("payload", self.payload.is_some(), &["submit"]),
            ("queue", self.queue.is_some(), &["submit"]),
            ("priority", self.priority.is_some(), &["submit"]),
            ("delay_ms", self.delay_ms.is_some(), &["submit"]),
            ("timeout_ms", self.timeout_ms.is_some(), &["submit"]),
            ("ttl_ms", self.ttl_ms.is_some(), &["submit"]),
            ("attempts", self.attempts.is_some(), &["submit"]),
            ("key", self.key.is_some(), &["submit"]),
            ("on_disconnect", self.on_disconnect.is_some(), &["submit"]),
            ("batch", self.batch.is_some(), &["submit"]),
            ("traceparent", self.traceparent.is_some(), &["submit"]),
            ("seq", self.seq.is_some(), &["ack"]),
            ("topic", self.topic.is_some(), &["subscribe", "unsubscribe"]),
            ("token", self.token.is_some(), &["hello"]),
            ("resume", self.resume.is_some(), &["hello"]),
            ("last", self.last.is_some(), &["hello"]),
        ];
        let known = ["submit", "cancel", "ack", "subscribe", "unsubscribe", "hello"].contains(&op);
        match present.iter().find(|(_, present, ops)| known && *present && !ops.contains(&op)) {
            Some((key, ..)) => Err(Refusal::bad_request(format!("`{op}` has no key `{key}`"))),
            None => Ok(()),
        }
    }

    fn into_submit(mut self, limits: &Limits) -> Result<Submit, Refusal> {
        let id = self.id.take().ok_or_else(|| missing("submit", "id"))?.check()?;
        self.into_submit_of(id.clone(), limits).map_err(|refusal| refusal.of_submit(id))
    }

    fn into_submit_of(self, id: CorrelationId, limits: &Limits) -> Result<Submit, Refusal> {
        let payload = self.payload.ok_or_else(|| missing("submit", "payload"))?;
        if payload.bytes().len() > limits.payload_bytes {
            let message = format!(
                "the payload has {} bytes; the limit is {}",
                payload.bytes().len(),
                limits.payload_bytes
            );
            return Err(Refusal::new(RejectCode::TooLarge, message));
        }
        let queue = match self.queue.as_deref() {
            None => QueueName::default(),
            Some(name) => {
                name.parse().map_err(|bad| Refusal::bad_request(format!("`queue`: {bad}")))?
            }
        };
        let on_disconnect = self.on_disconnect.map(RawOnDisconnect::check).transpose()?;
        let priority = bounded("priority", self.priority, 0, PRIORITY_MAX.into())?;
        let attempts = bounded("attempts", self.attempts, 1, ATTEMPTS_MAX.into())?;
        Ok(Submit {
            id,
            payload,
            queue,
            priority: priority.and_then(|n| u8::try_from(n).ok()).unwrap_or(PRIORITY_DEFAULT),
            delay_ms: bounded("delay_ms", self.delay_ms, 0, DURATION_MS_MAX)?.unwrap_or(0),
            timeout_ms: bounded("timeout_ms", self.timeout_ms, 1, DURATION_MS_MAX)?,
            ttl_ms: bounded("ttl_ms", self.ttl_ms, 1, DURATION_MS_MAX)?,
            attempts: attempts.unwrap_or(1),
            key: text("key", self.key, KEY_BYTES_MAX)?,
            on_disconnect: on_disconnect.unwrap_or_default(),
            batch: text("batch", self.batch, KEY_BYTES_MAX)?,
            traceparent: traceparent(self.traceparent.as_deref())?,
        })
    }

    fn into_hello(self) -> Result<Op, Refusal> {
        let resume = match self.resume {
            None | Some(RawResume::Flag(false)) => None,
            Some(RawResume::Flag(true)) => Some(Resume::New),
            Some(RawResume::Secret(secret)) => {
                Some(Resume::Session { secret: secret.into_owned(), last: self.last.unwrap_or(0) })
            }
        };
        Ok(Op::Hello(HelloOp { token: self.token.map(Cow::into_owned), resume }))
    }
}

/// An error of a parser that may quote what it was given: short enough for a message, with the
/// beginning, which quotes, and the end, which says what was expected.
pub(super) fn shorten(error: &str) -> Cow<'_, str> {
    const PART_BYTES_MAX: usize = 256;
    if error.len() <= 2 * PART_BYTES_MAX {
        return error.into();
    }
    let start = &error[..error.floor_char_boundary(PART_BYTES_MAX)];
    let end = &error[error.ceil_char_boundary(error.len() - PART_BYTES_MAX)..];
    format!("{start}…{end}").into()
}

/// `text` short enough to be quoted in a message.
pub(super) fn cut_for_message(text: &str) -> &str {
    &text[..text.floor_char_boundary(64)]
}

fn missing(op: &str, key: &str) -> Refusal {
    Refusal::bad_request(format!("`{op}` needs `{key}`"))
}

fn bounded(key: &str, value: Option<u64>, min: u64, max: u64) -> Result<Option<u32>, Refusal> {
    match value {
        None => Ok(None),
        Some(n) if n >= min && n <= max => Ok(u32::try_from(n).ok()),
        Some(n) => {
            Err(Refusal::bad_request(format!("`{key}` is {n}; it must be from {min} to {max}")))
        }
    }
}

fn text(key: &str, value: Option<Cow<'_, str>>, max: usize) -> Result<Option<Box<str>>, Refusal> {
    match value {
        None => Ok(None),
        Some(text) if !text.is_empty() && text.len() <= max => Ok(Some(text.as_ref().into())),
        Some(text) => Err(Refusal::bad_request(format!(
            "`{key}` has {} bytes; it must have 1 to {max}",
            text.len()
        ))),
    }
}

fn traceparent(value: Option<&str>) -> Result<Option<Box<TraceParent>>, Refusal> {
    let parsed = value.map(str::parse).transpose();
    parsed
        .map(|parsed| parsed.map(Box::new))
        .map_err(|bad| Refusal::bad_request(format!("`traceparent`: {bad}")))
}

fn topic(op: &str, value: Option<Cow<'_, str>>) -> Result<String, Refusal> {
    let topic = text("topic", value, TOPIC_BYTES_MAX)?.ok_or_else(|| missing(op, "topic"))?;
    Ok(topic.into_string())
}
