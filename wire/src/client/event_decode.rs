//! Events out of WebSocket messages, for clients written in Rust.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::encoding::Encoding;
use super::event::{Batch, Event, JobEvent, Retry, Welcome};
use crate::code::{FailCode, RejectCode};
use crate::content::{ContentType, Payload};
use crate::id::{CorrelationId, JobId};
use crate::limits::Limits;
use crate::msgpack::{BadMsgPack, Reader, Scalar};
use crate::worker::Progress;

/// A message that is no event of this protocol.
#[derive(Debug, thiserror::Error)]
pub enum BadEvent {
    /// Not JSON of the expected shape.
    #[error("not an event in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Not MessagePack of the expected shape.
    #[error("not an event in MessagePack: {0}")]
    MsgPack(#[from] BadMsgPack),
    /// An event that this version does not know.
    #[error("unknown event {0:?}")]
    Unknown(String),
    /// A key that must be there and is not, or is of another type.
    #[error("the event has no good `{0}`")]
    Field(&'static str),
    /// A refusal with a code that this version does not know. It is one all the same, and a client has to be
    /// ready for it.
    #[error("the event has no good `code`, but {:?}", .0.code)]
    Code(Box<UnknownRefusal>),
}

/// A `rejected` or `error` whose code this version does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRefusal {
    /// The client's name for what was refused, if there is one.
    pub id: Option<CorrelationId>,
    /// The code as it stands on the wire.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// After how many milliseconds another try is worth while, if waiting helps.
    pub retry_after_ms: Option<u32>,
    /// The number of the event, if it has one.
    pub seq: Option<u64>,
}

impl Event {
    /// The event that a message of the server holds, and its `seq`. Results are slices of
    /// `message`.
    ///
    /// # Errors
    /// If the message is no event of this version.
    pub fn decode(encoding: Encoding, message: &Bytes) -> Result<(Self, Option<u64>), BadEvent> {
        let fields = match encoding {
            Encoding::Json => serde_json::from_slice::<JsonFields<'_>>(message)?.read(message)?,
            Encoding::MsgPack => Fields::read_msgpack(message)?,
        };
        let seq = fields.seq;
        Ok((fields.into_event()?, seq))
    }
}

/// All keys that any event has, each present or not.
#[derive(Default)]
struct Fields<'a> {
    ev: Cow<'a, str>,
    id: Option<CorrelationId>,
    job: Option<JobId>,
    seq: Option<u64>,
    code: Option<Cow<'a, str>>,
    message: Option<Cow<'a, str>>,
    retry_after_ms: Option<u32>,
    attempt: Option<u32>,
    worker: Option<Cow<'a, str>>,
    done: Option<f64>,
    total: Option<f64>,
    note: Option<Cow<'a, str>>,
    n: Option<u32>,
    data: Option<Payload>,
    in_ms: Option<u32>,
    result: Option<Payload>,
    session: Option<Cow<'a, str>>,
    resumed: Option<bool>,
    limits: Option<Limits>,
    topic: Option<Cow<'a, str>>,
    batch: Option<Cow<'a, str>>,
    jobs: Option<u32>,
    failed: Option<u32>,
    cancelled: Option<u32>,
    elapsed_ms: Option<u64>,
    missed: Option<u64>,
    reason: Option<Cow<'a, str>>,
    reconnect_in_ms: Option<u32>,
    close: Option<u16>,
    traceparent: Option<Cow<'a, str>>,
}

impl Fields<'_> {
    fn into_event(mut self) -> Result<Event, BadEvent> {
        let what = match self.ev.as_ref() {
            "accepted" => JobEvent::Accepted,
            "started" => JobEvent::Started {
                attempt: need(self.attempt, "attempt")?,
                worker: need(self.worker.take(), "worker")?.as_ref().into(),
            },
            "progress" => JobEvent::Progress(Box::new(Progress {
                done: self.done,
                total: self.total,
                note: self.note.take().map(Cow::into_owned),
            })),
            "chunk" => {
                JobEvent::Chunk { n: need(self.n, "n")?, data: need(self.data.take(), "data")? }
            }
            "retrying" => JobEvent::Retrying(Box::new(Retry {
                attempt: need(self.attempt, "attempt")?,
                code: self.fail_code()?,
                message: need(self.message.take(), "message")?.as_ref().into(),
                in_ms: need(self.in_ms, "in_ms")?,
            })),
            "done" => JobEvent::Done { result: need(self.result.take(), "result")? },
            "failed" => JobEvent::Failed {
                code: self.fail_code()?,
                message: need(self.message.take(), "message")?.as_ref().into(),
                attempt: need(self.attempt, "attempt")?,
            },
            "cancelled" => JobEvent::Cancelled,
            _ => return self.into_other(),
        };
        let traceparent = self.traceparent.map(|span| span.parse().map(Box::new)).transpose();
        Ok(Event::Job {
            id: need(self.id, "id")?,
            job: need(self.job, "job")?,
            what,
            traceparent: traceparent.map_err(|_| BadEvent::Field("traceparent"))?,
        })
    }

    /// The events that are not about a job on its way.
    fn into_other(mut self) -> Result<Event, BadEvent> {
        Ok(match self.ev.as_ref() {
            "rejected" => Event::Rejected {
                code: self.reject_code()?,
                id: need(self.id.take(), "id")?,
                message: need(self.message, "message")?.into_owned(),
                retry_after_ms: self.retry_after_ms,
            },
            "error" => Event::Error {
                code: self.reject_code()?,
                id: self.id,
                message: need(self.message, "message")?.into_owned(),
            },
            "welcome" => Event::Welcome(Box::new(Welcome {
                session: self.session.map(Cow::into_owned),
                resumed: need(self.resumed, "resumed")?,
                limits: need(self.limits, "limits")?,
            })),
            "message" => Event::Message {
                topic: need(self.topic, "topic")?.as_ref().into(),
                data: need(self.data, "data")?,
            },
            "batch" => Event::Batch(Box::new(Batch {
                // The one key that is a number of another kind elsewhere.
                done: need(self.done.and_then(count), "done")?,
                name: need(self.batch, "batch")?.as_ref().into(),
                jobs: need(self.jobs, "jobs")?,
                failed: need(self.failed, "failed")?,
                cancelled: need(self.cancelled, "cancelled")?,
                elapsed_ms: need(self.elapsed_ms, "elapsed_ms")?,
            })),
            "gap" => Event::Gap {
                missed: need(self.missed, "missed")?,
                outcome_of: self.id.zip(self.job),
            },
            "bye" => Event::Bye {
                reason: need(self.reason, "reason")?.into_owned(),
                reconnect_in_ms: need(self.reconnect_in_ms, "reconnect_in_ms")?,
                close: need(self.close, "close")?,
            },
            other => return Err(BadEvent::Unknown(other.to_owned())),
        })
    }

    fn fail_code(&mut self) -> Result<FailCode, BadEvent> {
        need(self.code.take(), "code").map(|code| FailCode::of_worker(code.into_owned()))
    }

    fn reject_code(&mut self) -> Result<RejectCode, BadEvent> {
        let code = need(self.code.take(), "code")?;
        let known = RejectCode::ALL.iter().find(|known| known.as_str() == code);
        known.copied().ok_or_else(|| {
            BadEvent::Code(Box::new(UnknownRefusal {
                id: self.id.take(),
                code: code.into_owned(),
                message: self.message.take().map(Cow::into_owned).unwrap_or_default(),
                retry_after_ms: self.retry_after_ms,
                seq: self.seq,
            }))
        })
    }
}

fn need<T>(value: Option<T>, key: &'static str) -> Result<T, BadEvent> {
    value.ok_or(BadEvent::Field(key))
}

/// A number as a count, if it is one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at before")]
fn count(n: f64) -> Option<u32> {
    (n.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&n)).then_some(n as u32)
}

#[derive(Deserialize)]
struct JsonFields<'a> {
    #[serde(borrow)]
    ev: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<Id<'a>>,
    job: Option<uuid::Uuid>,
    seq: Option<u64>,
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
    retry_after_ms: Option<u32>,
    attempt: Option<u32>,
    #[serde(borrow)]
    worker: Option<Cow<'a, str>>,
    done: Option<f64>,
    total: Option<f64>,
    #[serde(borrow)]
    note: Option<Cow<'a, str>>,
    n: Option<u32>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    in_ms: Option<u32>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    session: Option<Cow<'a, str>>,
    resumed: Option<bool>,
    limits: Option<Limits>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    batch: Option<Cow<'a, str>>,
    jobs: Option<u32>,
    failed: Option<u32>,
    cancelled: Option<u32>,
    elapsed_ms: Option<u64>,
    missed: Option<u64>,
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
    reconnect_in_ms: Option<u32>,
    close: Option<u16>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
}

/// A correlation id, as the server wrote it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id<'a> {
    Int(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

impl Id<'_> {
    fn into_id(self) -> CorrelationId {
        match self {
            Self::Int(id) => CorrelationId::Int(id),
            Self::Text(id) => CorrelationId::Text(id.as_ref().into()),
        }
    }
}

/// A result of `null` is a result; only a missing one is none.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl<'a> JsonFields<'a> {
    fn read(self, message: &Bytes) -> Result<Fields<'a>, BadEvent> {
        let payload = |raw: Option<&RawValue>| raw.map(|raw| json_payload(message, raw));
        Ok(Fields {
            ev: self.ev,
            id: self.id.map(Id::into_id),
            job: self.job.map(|job| JobId::from_bytes(job.into_bytes())),
            seq: self.seq,
            code: self.code,
            message: self.message,
            retry_after_ms: self.retry_after_ms,
            attempt: self.attempt,
            worker: self.worker,
            done: self.done,
            total: self.total,
            note: self.note,
            n: self.n,
            data: payload(self.data),
            in_ms: self.in_ms,
            result: payload(self.result),
            session: self.session,
            resumed: self.resumed,
            limits: self.limits,
            topic: self.topic,
            batch: self.batch,
            jobs: self.jobs,
            failed: self.failed,
            cancelled: self.cancelled,
            elapsed_ms: self.elapsed_ms,
            missed: self.missed,
            reason: self.reason,
            reconnect_in_ms: self.reconnect_in_ms,
            close: self.close,
            traceparent: self.traceparent,
        })
    }
}

/// JSON as it stands, or the bytes that `{"$base64": "…"}` means.
fn json_payload(message: &Bytes, raw: &RawValue) -> Payload {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Base64<'a> {
        #[serde(borrow, rename = "$base64")]
        base64: Cow<'a, str>,
    }
    let decoded = raw.get().starts_with('{').then(|| serde_json::from_str::<Base64<'_>>(raw.get()));
    match decoded.and_then(Result::ok).map(|value| STANDARD.decode(value.base64.as_bytes())) {
        Some(Ok(bytes)) => Payload::of_checked(ContentType::Octets, bytes.into()),
        _ => Payload::of_checked(ContentType::Json, message.slice_ref(raw.get().as_bytes())),
    }
}

impl<'a> Fields<'a> {
    fn read_msgpack(message: &'a Bytes) -> Result<Self, BadEvent> {
        let mut fields = Self::default();
        let mut reader = Reader::new(message);
        for _ in 0..reader.map()? {
            let key = reader.str()?;
            let value = reader.skip()?;
            fields.set_msgpack(message, key, value)?;
        }
        reader.end()?;
        Ok(fields)
    }

    fn set_msgpack(&mut self, message: &Bytes, key: &str, value: &'a [u8]) -> Result<(), BadEvent> {
        let scalar = || Reader::new(value).scalar();
        let text = || match scalar() {
            Ok(Scalar::Str(text)) => Some(Cow::Borrowed(text)),
            _ => None,
        };
        let integer = || match scalar() {
            Ok(Scalar::Int(n)) => u64::try_from(n).ok(),
            Ok(Scalar::BigInt(n)) => Some(n),
            _ => None,
        };
        let small = || integer().and_then(|n| u32::try_from(n).ok());
        #[expect(clippy::cast_precision_loss, reason = "progress is a measure")]
        let number = || match scalar() {
            Ok(Scalar::Int(n)) => Some(n as f64),
            Ok(Scalar::BigInt(n)) => Some(n as f64),
            Ok(Scalar::Float(n)) if n.is_finite() => Some(n),
            _ => None,
        };
        match key {
            "ev" => self.ev = text().ok_or(BadEvent::Field("ev"))?,
            "id" => {
                self.id = match scalar() {
                    Ok(Scalar::Int(id)) => Some(CorrelationId::Int(id)),
                    Ok(Scalar::Str(id)) => Some(CorrelationId::Text(id.into())),
                    _ => None,
                }
            }
            "job" => {
                let job = text().and_then(|job| job.parse::<uuid::Uuid>().ok());
                self.job = job.map(|job| JobId::from_bytes(job.into_bytes()));
            }
            "seq" => self.seq = integer(),
            "code" => self.code = text(),
            "message" => self.message = text(),
            "retry_after_ms" => self.retry_after_ms = small(),
            "attempt" => self.attempt = small(),
            "worker" => self.worker = text(),
            "done" => self.done = number(),
            "total" => self.total = number(),
            "note" => self.note = text(),
            "n" => self.n = small(),
            "data" => self.data = Some(msgpack_payload(message, value)),
            "in_ms" => self.in_ms = small(),
            "result" => self.result = Some(msgpack_payload(message, value)),
            "session" => self.session = text(),
            "resumed" => self.resumed = Some(scalar() == Ok(Scalar::Bool(true))),
            "limits" => self.limits = Some(msgpack_limits(value)?),
            "topic" => self.topic = text(),
            "batch" => self.batch = text(),
            "jobs" => self.jobs = small(),
            "failed" => self.failed = small(),
            "cancelled" => self.cancelled = small(),
            "elapsed_ms" => self.elapsed_ms = integer(),
            "missed" => self.missed = integer(),
            "reason" => self.reason = text(),
            "reconnect_in_ms" => self.reconnect_in_ms = small(),
            "traceparent" => self.traceparent = text(),
            "close" => self.close = integer().and_then(|n| u16::try_from(n).ok()),
            _ => {}
        }
        Ok(())
    }
}

fn msgpack_payload(message: &Bytes, value: &[u8]) -> Payload {
    match Reader::new(value).scalar() {
        Ok(Scalar::Bin(bytes)) => {
            Payload::of_checked(ContentType::Octets, message.slice_ref(bytes))
        }
        Ok(Scalar::Str(text)) => {
            Payload::of_checked(ContentType::Text, message.slice_ref(text.as_bytes()))
        }
        _ => Payload::of_checked(ContentType::MsgPack, message.slice_ref(value)),
    }
}

fn msgpack_limits(value: &[u8]) -> Result<Limits, BadEvent> {
    let mut limits = Limits::default();
    let mut reader = Reader::new(value);
    for _ in 0..reader.map()? {
        let key = reader.str()?;
        let n = match reader.scalar()? {
            Scalar::Int(n) => usize::try_from(n).ok(),
            Scalar::BigInt(n) => usize::try_from(n).ok(),
            _ => None,
        };
        limits.set(key, n.ok_or(BadEvent::Field("limits"))?);
    }
    Ok(limits)
}

impl Limits {
    /// Sets the limit that has this key in `welcome`; one that is not known here is passed over.
    fn set(&mut self, key: &str, n: usize) {
        match key {
            "payload_bytes" => self.payload_bytes = n,
            "result_bytes" => self.result_bytes = n,
            "message_bytes" => self.message_bytes = n,
            "client_jobs" => self.client_jobs = n,
            "queue_jobs" => self.queue_jobs = n,
            "waiting_jobs" => self.waiting_jobs = n,
            "payloads_bytes" => self.payloads_bytes = n,
            "sessions" => self.sessions = n,
            "address_connections" => self.address_connections = n,
            "ops_per_s" => self.ops_per_s = n,
            "handshake_s" => self.handshake_s = n,
            "idle_s" => self.idle_s = n,
            _ => {}
        }
    }
}
