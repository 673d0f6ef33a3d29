//! Ops out of a WebSocket message.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::encoding::Encoding;
use super::fields::{Fields, RawId, RawOnDisconnect, RawResume, cut_for_message, shorten};
use super::op::{Op, Refusal};
use crate::code::RejectCode;
use crate::content::{ContentType, Payload};
use crate::json;
use crate::limits::Limits;
use crate::limits::OPS_PER_MESSAGE_MAX;
use crate::msgpack::{self, BadMsgPack, Reader, Scalar};

impl Op {
    /// The ops that a client's message holds, in order: one, or those of an array.
    ///
    /// An op that is not understood is a [`Refusal`] in its place and does not disturb the others.
    /// Payloads are slices of `message`.
    pub fn decode(
        encoding: Encoding,
        message: &Bytes,
        limits: &Limits,
        out: &mut Vec<Result<Self, Refusal>>,
    ) {
        let decoded = match encoding {
            Encoding::Json => decode_json(message, limits, out),
            Encoding::MsgPack => decode_msgpack(message, limits, out),
        };
        if let Err(refusal) = decoded {
            out.push(Err(refusal));
        }
    }
}

fn too_many_ops(count: usize) -> Refusal {
    let message = format!(
        "{count} ops in one message; the limit is {OPS_PER_MESSAGE_MAX}: send several messages"
    );
    Refusal::new(RejectCode::TooLarge, message)
}

fn decode_json(
    message: &Bytes,
    limits: &Limits,
    out: &mut Vec<Result<Op, Refusal>>,
) -> Result<(), Refusal> {
    let text = std::str::from_utf8(message)
        .map_err(|_| Refusal::bad_request("the message is not UTF-8"))?;
    if !text.trim_ascii_start().starts_with('[') {
        out.push(decode_json_op(message, text, limits));
        return Ok(());
    }
    let JsonOps { ops, count } = serde_json::from_str(text).map_err(|e| not_json(&e))?;
    if count > OPS_PER_MESSAGE_MAX {
        return Err(too_many_ops(count));
    }
    out.extend(ops.into_iter().map(|op| decode_json_op(message, op.get(), limits)));
    Ok(())
}

/// The ops of an array. Those beyond the limit are counted and not kept, since a list of their
/// places would be many times as large as the message.
struct JsonOps<'a> {
    ops: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for JsonOps<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OpsVisitor;
        impl<'de> Visitor<'de> for OpsVisitor {
            type Value = JsonOps<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of ops")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                let mut ops = Vec::new();
                while ops.len() < OPS_PER_MESSAGE_MAX {
                    match from.next_element()? {
                        Some(op) => ops.push(op),
                        None => return Ok(JsonOps { count: ops.len(), ops }),
                    }
                }
                let mut count = ops.len();
                while from.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(JsonOps { ops, count })
            }
        }
        from.deserialize_seq(OpsVisitor)
    }
}

fn not_json(error: &serde_json::Error) -> Refusal {
    let error = error.to_string();
    Refusal::bad_request(format!("not an op, nor an array of ops, in JSON: {}", shorten(&error)))
}

fn decode_json_op(message: &Bytes, text: &str, limits: &Limits) -> Result<Op, Refusal> {
    // Serde would take an array of all values in the order of their declaration for an op too.
    if text.trim_ascii_start().starts_with('[') {
        return Err(Refusal::bad_request("an op is a map, not an array"));
    }
    let decoded = serde_json::from_str::<JsonOp<'_>>(text)
        .map_err(|e| not_json(&e))
        .and_then(|op| op.into_op(message, limits));
    decoded.map_err(|refusal| match serde_json::from_str::<JsonPeek<'_>>(text) {
        Ok(peek) if refusal.id.is_none() && peek.op == "submit" => {
            match peek.id.and_then(|id| id.check().ok()) {
                Some(id) => refusal.of_submit(id),
                None => refusal,
            }
        }
        _ => refusal,
    })
}

/// Enough of an op to tell whose refusal it is.
#[derive(Deserialize)]
struct JsonPeek<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<RawId<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonOp<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    #[serde(borrow)]
    id: Option<RawId<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
    #[serde(borrow)]
    queue: Option<Cow<'a, str>>,
    priority: Option<u64>,
    delay_ms: Option<u64>,
    timeout_ms: Option<u64>,
    ttl_ms: Option<u64>,
    attempts: Option<u64>,
    #[serde(borrow)]
    key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    on_disconnect: Option<RawOnDisconnect<'a>>,
    #[serde(borrow)]
    batch: Option<Cow<'a, str>>,
    #[serde(borrow)]
    traceparent: Option<Cow<'a, str>>,
    seq: Option<u64>,
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow)]
    token: Option<Cow<'a, str>>,
    #[serde(borrow)]
    resume: Option<RawResume<'a>>,
    last: Option<u64>,
}

/// A payload of `null` is a payload; only a missing one is none.
pub(super) fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl JsonOp<'_> {
    fn into_op(self, message: &Bytes, limits: &Limits) -> Result<Op, Refusal> {
        let payload = match self.payload {
            None => None,
            Some(raw) => {
                json::check_nesting(raw.get())
                    .map_err(|bad| Refusal::bad_request(format!("the payload is {bad}")))?;
                let bytes = message.slice_ref(raw.get().as_bytes());
                Some(Payload::of_checked(ContentType::Json, bytes))
            }
        };
        let fields = Fields {
            id: self.id,
            payload,
            queue: self.queue,
            priority: self.priority,
            delay_ms: self.delay_ms,
            timeout_ms: self.timeout_ms,
            ttl_ms: self.ttl_ms,
            attempts: self.attempts,
            key: self.key,
            on_disconnect: self.on_disconnect,
            batch: self.batch,
            traceparent: self.traceparent,
            seq: self.seq,
            topic: self.topic,
            token: self.token,
            resume: self.resume,
            last: self.last,
        };
        fields.into_op(&self.op, limits)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawId<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl<'de> Visitor<'de> for IdVisitor {
            type Value = RawId<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`id` as a string or an integer of 64 bits")
            }
            fn visit_i64<E>(self, id: i64) -> Result<Self::Value, E> {
                Ok(RawId::Int(id))
            }
            fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Self::Value, E> {
                i64::try_from(id)
                    .map(RawId::Int)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(id), &self))
            }
            fn visit_borrowed_str<E>(self, id: &'de str) -> Result<Self::Value, E> {
                Ok(RawId::Text(Cow::Borrowed(id)))
            }
            fn visit_str<E>(self, id: &str) -> Result<Self::Value, E> {
                Ok(RawId::Text(Cow::Owned(id.to_owned())))
            }
        }
        from.deserialize_any(IdVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawResume<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ResumeVisitor;
        impl<'de> Visitor<'de> for ResumeVisitor {
            type Value = RawResume<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`resume` as true or the secret of a session")
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(RawResume::Flag(flag))
            }
            fn visit_str<E>(self, secret: &str) -> Result<Self::Value, E> {
                Ok(RawResume::Secret(Cow::Owned(secret.to_owned())))
            }
        }
        from.deserialize_any(ResumeVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawOnDisconnect<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct CancelAfter {
            cancel_after_ms: u64,
        }
        struct OnDisconnectVisitor;
        impl<'de> Visitor<'de> for OnDisconnectVisitor {
            type Value = RawOnDisconnect<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "`on_disconnect` as {}", RawOnDisconnect::EXPECTED)
            }
            fn visit_str<E>(self, word: &str) -> Result<Self::Value, E> {
                Ok(RawOnDisconnect::Word(Cow::Owned(word.to_owned())))
            }
            fn visit_map<A: MapAccess<'de>>(self, from: A) -> Result<Self::Value, A::Error> {
                let map = CancelAfter::deserialize(MapAccessDeserializer::new(from))?;
                Ok(RawOnDisconnect::CancelAfterMs(map.cancel_after_ms))
            }
        }
        from.deserialize_any(OnDisconnectVisitor)
    }
}

fn not_msgpack(bad: &BadMsgPack) -> Refusal {
    Refusal::bad_request(format!("not an op, nor an array of ops, in MessagePack: {bad}"))
}

fn decode_msgpack(
    message: &Bytes,
    limits: &Limits,
    out: &mut Vec<Result<Op, Refusal>>,
) -> Result<(), Refusal> {
    let mut reader = Reader::new(message);
    let count = reader.try_array().map_err(|e| not_msgpack(&e))?;
    if let Some(count) = count.filter(|count| *count > OPS_PER_MESSAGE_MAX) {
        return Err(too_many_ops(count));
    }
    for _ in 0..count.unwrap_or(1) {
        let op = reader.skip_any_depth().map_err(|e| not_msgpack(&e))?;
        out.push(decode_msgpack_op(message, op, limits));
    }
    reader.end().map_err(|e| not_msgpack(&e))
}

fn decode_msgpack_op(message: &Bytes, op: &[u8], limits: &Limits) -> Result<Op, Refusal> {
    let mut fields = Fields::default();
    let mut name = None;
    let decoded = read_msgpack_fields(message, op, &mut name, &mut fields);
    let (id, submit) = (fields.id.clone(), name == Some("submit"));
    let decoded = decoded.and_then(|()| {
        let name = name.ok_or_else(|| Refusal::bad_request("an op needs `op`, its name"))?;
        fields.into_op(name, limits)
    });
    decoded.map_err(|refusal| match id.and_then(|id| id.check().ok()) {
        Some(id) if submit && refusal.id.is_none() => refusal.of_submit(id),
        _ => refusal,
    })
}

/// Reads all pairs, also past a bad one: the id may still follow, and with it whose refusal this
/// is.
fn read_msgpack_fields<'a>(
    message: &Bytes,
    op: &'a [u8],
    name: &mut Option<&'a str>,
    fields: &mut Fields<'a>,
) -> Result<(), Refusal> {
    let mut reader = Reader::new(op);
    let mut refused = Ok(());
    for _ in 0..reader.map().map_err(|e| not_msgpack(&e))? {
        let key = reader.str().map_err(|e| Refusal::bad_request(format!("a key of an op: {e}")))?;
        let value = reader.skip_any_depth().map_err(|e| not_msgpack(&e))?;
        refused = refused.and(set_msgpack_field(message, key, value, name, fields));
    }
    refused
}

fn set_msgpack_field<'a>(
    message: &Bytes,
    key: &str,
    value: &'a [u8],
    name: &mut Option<&'a str>,
    fields: &mut Fields<'a>,
) -> Result<(), Refusal> {
    let bad = |expected| Refusal::bad_request(format!("`{key}` must be {expected}"));
    let scalar = || Reader::new(value).scalar();
    let text = || match scalar() {
        Ok(Scalar::Str(text)) => Ok(Some(Cow::Borrowed(text))),
        Ok(Scalar::Nil) => Ok(None),
        _ => Err(bad("a string")),
    };
    let integer = || match scalar() {
        Ok(Scalar::Int(n)) => u64::try_from(n).map(Some).map_err(|_| bad("a positive integer")),
        Ok(Scalar::BigInt(n)) => Ok(Some(n)),
        Ok(Scalar::Nil) => Ok(None),
        _ => Err(bad("an integer")),
    };
    match key {
        "op" => match scalar() {
            Ok(Scalar::Str(op)) => *name = Some(op),
            _ => return Err(bad("a string")),
        },
        "id" => match scalar() {
            Ok(Scalar::Int(id)) => fields.id = Some(RawId::Int(id)),
            Ok(Scalar::Str(id)) => fields.id = Some(RawId::Text(Cow::Borrowed(id))),
            Ok(Scalar::Nil) => {}
            _ => return Err(bad("a string or an integer of 64 bits")),
        },
        "payload" => fields.payload = Some(msgpack_payload(message, value)?),
        "queue" => fields.queue = text()?,
        "priority" => fields.priority = integer()?,
        "delay_ms" => fields.delay_ms = integer()?,
        "timeout_ms" => fields.timeout_ms = integer()?,
        "ttl_ms" => fields.ttl_ms = integer()?,
        "attempts" => fields.attempts = integer()?,
        "key" => fields.key = text()?,
        "on_disconnect" => {
            fields.on_disconnect = match scalar() {
                Ok(Scalar::Str(word)) => Some(RawOnDisconnect::Word(Cow::Borrowed(word))),
                Ok(Scalar::Nil) => None,
                _ => Some(cancel_after(value).ok_or_else(|| bad(RawOnDisconnect::EXPECTED))?),
            };
        }
        "batch" => fields.batch = text()?,
        "traceparent" => fields.traceparent = text()?,
        "seq" => fields.seq = integer()?,
        "topic" => fields.topic = text()?,
        "token" => fields.token = text()?,
        "resume" => match scalar() {
            Ok(Scalar::Bool(flag)) => fields.resume = Some(RawResume::Flag(flag)),
            Ok(Scalar::Str(secret)) => {
                fields.resume = Some(RawResume::Secret(Cow::Borrowed(secret)));
            }
            Ok(Scalar::Nil) => {}
            _ => return Err(bad("true or the secret of a session")),
        },
        "last" => fields.last = integer()?,
        _ => {
            return Err(Refusal::bad_request(format!("unknown key `{}`", cut_for_message(key))));
        }
    }
    Ok(())
}

/// The map of `on_disconnect`, if it is one.
fn cancel_after(value: &[u8]) -> Option<RawOnDisconnect<'_>> {
    let mut reader = Reader::new(value);
    if (reader.map().ok()?, reader.str().ok()?) != (1, "cancel_after_ms") {
        return None;
    }
    let ms = match reader.scalar().ok()? {
        Scalar::Int(ms) => u64::try_from(ms).ok()?,
        Scalar::BigInt(ms) => ms,
        _ => return None,
    };
    Some(RawOnDisconnect::CancelAfterMs(ms))
}

/// `bin` is its bytes, anything else its MessagePack.
fn msgpack_payload(message: &Bytes, raw: &[u8]) -> Result<Payload, Refusal> {
    if let Ok(Scalar::Bin(bytes)) = Reader::new(raw).scalar() {
        return Ok(Payload::of_checked(ContentType::Octets, message.slice_ref(bytes)));
    }
    msgpack::check(raw).map_err(|bad| Refusal::bad_request(format!("the payload is {bad}")))?;
    Ok(Payload::of_checked(ContentType::MsgPack, message.slice_ref(raw)))
}
