//! The keys of an op as both encodings yield them, and the op that they make. Whatever is wrong is
//! said of the key, in the same words in both encodings.

use std::borrow::Cow;

use crate::client::op::{HelloOp, OnDisconnect, Op, Refusal, Resume, Submit, Watched};
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

macro_rules! keys {
    ($($key:ident => $text:literal of $ops:expr,)*) => {
        /// A key that some op knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Key { $(
            #[doc = concat!("`", $text, "`.")]
            $key,
        )* }

        impl Key {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$key,)*];

            pub(super) fn of(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$key),)*
                    _ => None,
                }
            }

            /// As it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$key => $text,)* }
            }

            /// The ops that know it.
            pub const fn ops(self) -> &'static [&'static str] {
                match self { $(Self::$key => $ops,)* }
            }

            /// Whether it is a number, and nothing else.
            pub(super) const fn is_number(self) -> bool {
                matches!(
                    self,
                    Self::Priority
                        | Self::DelayMs
                        | Self::TimeoutMs
                        | Self::TtlMs
                        | Self::Attempts
                        | Self::Seq
                        | Self::Last
                )
            }

            const fn bit(self) -> u32 {
                1 << self as u32
            }
        }
    };
}

const SUBMIT: &[&str] = &["submit"];
const HELLO: &[&str] = &["hello"];
/// The names of all ops.
pub const OPS: &[&str] = &["hello", "submit", "cancel", "watch", "ack", "subscribe", "unsubscribe"];

keys! {
    Op => "op" of OPS,
    Id => "id" of &["submit", "cancel", "watch"],
    Job => "job" of &["watch"],
    Payload => "payload" of SUBMIT,
    Queue => "queue" of SUBMIT,
    Priority => "priority" of SUBMIT,
    DelayMs => "delay_ms" of SUBMIT,
    TimeoutMs => "timeout_ms" of SUBMIT,
    TtlMs => "ttl_ms" of SUBMIT,
    Attempts => "attempts" of SUBMIT,
    Idempotency => "key" of SUBMIT,
    OnDisconnect => "on_disconnect" of SUBMIT,
    Batch => "batch" of &["submit", "watch"],
    TraceParent => "traceparent" of SUBMIT,
    Seq => "seq" of &["ack"],
    Topic => "topic" of &["subscribe", "unsubscribe"],
    Token => "token" of HELLO,
    Resume => "resume" of HELLO,
    Last => "last" of HELLO,
}

const _: () = assert!(Key::ALL.len() <= u32::BITS as usize);

/// The value of a key, but for a payload, as either encoding yields it.
#[derive(Clone)]
pub(super) enum Given<'a> {
    Null,
    Flag(bool),
    /// Also one that was written as a float.
    Int(i128),
    Text(Cow<'a, str>),
    /// The map of `on_disconnect`, by its one value.
    CancelAfter(i128),
    /// Anything else, such as a fraction, a map, or what is not Unicode.
    Other,
}

/// The keys of an op, each present or not, in whatever order they come.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    name: Option<Cow<'a, str>>,
    id: Option<RawId<'a>>,
    job: Option<Cow<'a, str>>,
    payload: Option<Payload>,
    queue: Option<Cow<'a, str>>,
    priority: Option<u64>,
    delay_ms: Option<u64>,
    timeout_ms: Option<u64>,
    ttl_ms: Option<u64>,
    attempts: Option<u64>,
    key: Option<Cow<'a, str>>,
    on_disconnect: Option<RawOnDisconnect<'a>>,
    batch: Option<Cow<'a, str>>,
    traceparent: Option<Cow<'a, str>>,
    seq: Option<u64>,
    topic: Option<Cow<'a, str>>,
    token: Option<Cow<'a, str>>,
    resume: Option<RawResume<'a>>,
    last: Option<u64>,
    /// The keys that are there and not null.
    present: u32,
    /// The first key that no op knows.
    unknown: Option<String>,
    /// What is wrong with the first value that is wrong. The others are read all the same: the id
    /// may follow, and with it whose refusal this is.
    refused: Option<Refusal>,
}

/// A correlation id that has not been looked at.
#[derive(Clone, Debug)]
pub(super) enum RawId<'a> {
    Int(i64),
    Text(Cow<'a, str>),
}

/// `resume` as it was sent.
#[derive(Debug)]
enum RawResume<'a> {
    Flag(bool),
    Secret(Cow<'a, str>),
}

/// `on_disconnect` as it was sent.
#[derive(Debug)]
enum RawOnDisconnect<'a> {
    Word(Cow<'a, str>),
    CancelAfterMs(u64),
}

impl RawOnDisconnect<'_> {
    /// What it may be.
    const EXPECTED: &'static str =
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
    fn of(id: CorrelationId) -> Self {
        match id {
            CorrelationId::Int(id) => Self::Int(id),
            CorrelationId::Text(id) => Self::Text(Cow::Owned(id.as_ref().to_owned())),
        }
    }

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

impl<'a> Fields<'a> {
    /// Whether the key is there already.
    pub(super) fn has(&self, key: Key) -> bool {
        self.present & key.bit() != 0
    }

    /// A key that is none of [`Key`].
    pub(super) fn note_unknown(&mut self, key: &str) {
        self.unknown.get_or_insert_with(|| cut_for_message(key).to_owned());
    }

    /// Something is wrong; only the first counts.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.refused.get_or_insert(refusal);
    }

    /// The payload, or what is wrong with it.
    pub(super) fn set_payload(&mut self, payload: Result<Payload, Refusal>) {
        self.present |= Key::Payload.bit();
        match payload {
            Ok(payload) => self.payload = Some(payload),
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Any key but the payload.
    pub(super) fn set(&mut self, key: Key, given: Given<'a>) {
        if !matches!(given, Given::Null) {
            self.present |= key.bit();
        }
        let set = match key {
            Key::Op => string(key, given).map(|name| self.name = name),
            Key::Id => id(given).map(|id| self.id = id),
            Key::Job => string(key, given).map(|job| self.job = job),
            // Never called for it.
            Key::Payload => Ok(()),
            Key::Queue => string(key, given).map(|name| self.queue = name),
            Key::Priority => unsigned(key, given).map(|n| self.priority = n),
            Key::DelayMs => unsigned(key, given).map(|n| self.delay_ms = n),
            Key::TimeoutMs => unsigned(key, given).map(|n| self.timeout_ms = n),
            Key::TtlMs => unsigned(key, given).map(|n| self.ttl_ms = n),
            Key::Attempts => unsigned(key, given).map(|n| self.attempts = n),
            Key::Idempotency => string(key, given).map(|text| self.key = text),
            Key::OnDisconnect => on_disconnect(given).map(|what| self.on_disconnect = what),
            Key::Batch => string(key, given).map(|text| self.batch = text),
            Key::TraceParent => string(key, given).map(|text| self.traceparent = text),
            Key::Seq => unsigned(key, given).map(|n| self.seq = n),
            Key::Topic => string(key, given).map(|text| self.topic = text),
            Key::Token => string(key, given).map(|text| self.token = text),
            Key::Resume => resume(given).map(|resume| self.resume = resume),
            Key::Last => unsigned(key, given).map(|n| self.last = n),
        };
        if let Err(refusal) = set {
            self.refuse(refusal);
        }
    }

    /// The op that these fields make. The refusal of a submit or a watch names its job.
    pub(super) fn take_op(&mut self, limits: &Limits) -> Result<Op, Refusal> {
        let is_submit = self.name.as_deref() == Some("submit");
        let is_named = is_submit || self.name.as_deref() == Some("watch");
        let id = self.id.as_ref().filter(|_| is_named).cloned();
        let op = match self.refused.take() {
            Some(refusal) => Err(refusal),
            None => self.take_good_op(limits),
        };
        op.map_err(|refusal| match id.and_then(|id| id.check().ok()) {
            Some(id) if is_submit => refusal.of_submit(id),
            Some(id) => Refusal { id: Some(id), ..refusal },
            None => refusal,
        })
    }

    /// The submit that these fields make, of whoever says nothing but submits: `op` need not be there,
    /// and it is called `id` if it does not say so itself.
    pub(super) fn take_submit_only(
        &mut self,
        id: CorrelationId,
        limits: &Limits,
    ) -> Result<Submit, Refusal> {
        if !self.has(Key::Op) {
            self.set(Key::Op, Given::Text(Cow::Borrowed("submit")));
        }
        if self.id.is_none() {
            self.id = Some(RawId::of(id));
        }
        match self.take_op(limits)? {
            Op::Submit(submit) => Ok(submit),
            _ => Err(Refusal::bad_request("`op`: only a `submit` is taken here")),
        }
    }

    fn take_good_op(&mut self, limits: &Limits) -> Result<Op, Refusal> {
        let name = self.name.take().ok_or_else(|| match &self.unknown {
            Some(key) => Refusal::bad_request(format!("unknown key `{key}`; an op needs `op`")),
            None => Refusal::bad_request("an op needs `op`, its name"),
        })?;
        let op = name.as_ref();
        if !OPS.contains(&op) {
            return Err(Refusal::bad_request(format!(
                "unknown op {:?}; known are {}",
                cut_for_message(op),
                OPS.join(", ")
            )));
        }
        self.only_keys_of(op)?;
        match op {
            "submit" => self.take_submit(limits).map(Op::Submit),
            "cancel" => {
                let id = self.id.take().ok_or_else(|| missing(op, "id"))?;
                Ok(Op::Cancel { id: id.check()? })
            }
            "watch" => {
                let id = self.id.take().ok_or_else(|| missing(op, "id"))?.check()?;
                Ok(Op::Watch { id, what: self.take_watched()? })
            }
            "ack" => Ok(Op::Ack { seq: self.seq.ok_or_else(|| missing(op, "seq"))? }),
            "subscribe" => Ok(Op::Subscribe { topic: topic(op, self.topic.take())? }),
            "unsubscribe" => Ok(Op::Unsubscribe { topic: topic(op, self.topic.take())? }),
            _ => Ok(self.take_hello()),
        }
    }

    /// That no key is there which belongs to another op, or to none.
    fn only_keys_of(&self, op: &str) -> Result<(), Refusal> {
        let foreign = |key: &&Key| self.has(**key) && !key.ops().contains(&op);
        let foreign = Key::ALL.iter().find(foreign).map(|key| key.as_str());
        match foreign.or(self.unknown.as_deref()) {
            Some(key) => Err(Refusal::bad_request(format!("`{op}` has no key `{key}`"))),
            None => Ok(()),
        }
    }

    fn take_submit(&mut self, limits: &Limits) -> Result<Submit, Refusal> {
        let id = self.id.take().ok_or_else(|| missing("submit", "id"))?.check()?;
        let payload = self.payload.take().ok_or_else(|| missing("submit", "payload"))?;
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
        let on_disconnect = self.on_disconnect.take().map(RawOnDisconnect::check).transpose()?;
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
            key: text("key", self.key.take(), KEY_BYTES_MAX)?,
            on_disconnect: on_disconnect.unwrap_or_default(),
            batch: text("batch", self.batch.take(), KEY_BYTES_MAX)?,
            traceparent: traceparent(self.traceparent.as_deref())?,
        })
    }

    fn take_watched(&mut self) -> Result<Watched, Refusal> {
        match (self.job.take(), text("batch", self.batch.take(), KEY_BYTES_MAX)?) {
            (Some(job), None) => {
                let bad = |bad| Refusal::bad_request(format!("`job`: {bad}"));
                job.parse().map(Watched::Job).map_err(bad)
            }
            (None, Some(batch)) => Ok(Watched::Batch(batch)),
            _ => Err(Refusal::bad_request("`watch` needs either `job` or `batch`")),
        }
    }

    fn take_hello(&mut self) -> Op {
        let resume = match self.resume.take() {
            None | Some(RawResume::Flag(false)) => None,
            Some(RawResume::Flag(true)) => Some(Resume::New),
            Some(RawResume::Secret(secret)) => {
                Some(Resume::Session { secret: secret.into_owned(), last: self.last.unwrap_or(0) })
            }
        };
        Op::Hello(HelloOp { token: self.token.take().map(Cow::into_owned), resume })
    }
}

fn must_be(key: Key, expected: &str) -> Refusal {
    Refusal::bad_request(format!("`{}` must be {expected}", key.as_str()))
}

fn string(key: Key, given: Given<'_>) -> Result<Option<Cow<'_, str>>, Refusal> {
    match given {
        Given::Text(text) => Ok(Some(text)),
        Given::Null => Ok(None),
        _ => Err(must_be(key, "a string")),
    }
}

fn unsigned(key: Key, given: Given<'_>) -> Result<Option<u64>, Refusal> {
    match given {
        Given::Int(n) if n < 0 => Err(must_be(key, "a positive integer")),
        Given::Int(n) => {
            u64::try_from(n).map(Some).map_err(|_| must_be(key, "an integer of 64 bits"))
        }
        Given::Null => Ok(None),
        _ => Err(must_be(key, "an integer")),
    }
}

fn id(given: Given<'_>) -> Result<Option<RawId<'_>>, Refusal> {
    let bad = || must_be(Key::Id, "a string or an integer of 64 bits");
    match given {
        Given::Int(n) => i64::try_from(n).map(|n| Some(RawId::Int(n))).map_err(|_| bad()),
        Given::Text(text) => Ok(Some(RawId::Text(text))),
        Given::Null => Ok(None),
        _ => Err(bad()),
    }
}

fn on_disconnect(given: Given<'_>) -> Result<Option<RawOnDisconnect<'_>>, Refusal> {
    match given {
        Given::Text(word) => Ok(Some(RawOnDisconnect::Word(word))),
        Given::CancelAfter(ms) => {
            Ok(Some(RawOnDisconnect::CancelAfterMs(u64::try_from(ms.max(0)).unwrap_or(u64::MAX))))
        }
        Given::Null => Ok(None),
        _ => Err(must_be(Key::OnDisconnect, RawOnDisconnect::EXPECTED)),
    }
}

fn resume(given: Given<'_>) -> Result<Option<RawResume<'_>>, Refusal> {
    match given {
        Given::Flag(flag) => Ok(Some(RawResume::Flag(flag))),
        Given::Text(secret) => Ok(Some(RawResume::Secret(secret))),
        Given::Null => Ok(None),
        _ => Err(must_be(Key::Resume, "true or the secret of a session")),
    }
}

/// `text` short enough to be quoted in a message.
fn cut_for_message(text: &str) -> &str {
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
