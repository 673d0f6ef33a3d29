//! Ops in JSON.
//!
//! The parser only finds where the values are. What they must be is looked at afterwards, key by
//! key, so that an error is about a key, and so that one bad value does not hide the others.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use memchr::memchr;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Fields, Given, Key};
use super::op::{Op, Refusal};
use crate::content::{ContentType, Payload};
use crate::limits::{Limits, OPS_PER_MESSAGE_MAX};
use crate::{json, number};

/// Where the ops of a message are.
pub(super) fn places(message: &[u8]) -> Result<Vec<Range<usize>>, Refusal> {
    let text = std::str::from_utf8(message)
        .map_err(|_| Refusal::bad_request("the message is not UTF-8"))?;
    if !text.trim_ascii_start().starts_with('[') {
        // One op, which is looked at when it is decoded. It has an end and a beginning.
        return Ok(std::iter::once(0..text.len()).collect());
    }
    let Array { ops, count } = serde_json::from_str(text).map_err(|e| not_json(text, &e))?;
    if count > OPS_PER_MESSAGE_MAX {
        return Err(Refusal::too_many_ops(count));
    }
    let place = |op: &RawValue| {
        let at = op.get().as_ptr().addr() - text.as_ptr().addr();
        at..at + op.get().len()
    };
    Ok(ops.into_iter().map(place).collect())
}

/// The op that stands in a place of a message.
pub(super) fn decode(message: &Bytes, place: Range<usize>, limits: &Limits) -> Result<Op, Refusal> {
    let text = std::str::from_utf8(&message[place])
        .map_err(|_| Refusal::bad_request("the message is not UTF-8"))?;
    let what = match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => {
            let mut from = serde_json::Deserializer::from_str(text);
            let fields = ReadFields(message).deserialize(&mut from);
            let fields = fields.and_then(|fields| from.end().map(|()| fields));
            return fields.map_err(|e| not_json(text, &e))?.into_op(limits);
        }
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'-' | b'0'..=b'9') => "a number",
        Some(b'n' | b't' | b'f') => "a word",
        Some(_) => "something else",
        None => "nothing",
    };
    let message = format!("not an op, nor an array of ops, in JSON: an op is a map, not {what}");
    Err(Refusal::bad_request(message))
}

/// An error about the place where JSON is none.
fn not_json(text: &str, error: &serde_json::Error) -> Refusal {
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default();
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let at = lines.map(str::len).sum::<usize>() + error.column();
    let message = format!("not an op, nor an array of ops, in JSON: {what} at byte {at}");
    Refusal::bad_request(message)
}

/// The ops of an array. Those beyond the limit are counted and not kept, since a list of their
/// places would be many times as large as the message.
struct Array<'a> {
    ops: Vec<&'a RawValue>,
    count: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Array<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OpsVisitor;
        impl<'de> Visitor<'de> for OpsVisitor {
            type Value = Array<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of ops")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
                let mut ops = Vec::new();
                while ops.len() < OPS_PER_MESSAGE_MAX {
                    match from.next_element()? {
                        Some(op) => ops.push(op),
                        None => return Ok(Array { count: ops.len(), ops }),
                    }
                }
                let mut count = ops.len();
                while from.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Array { ops, count })
            }
        }
        from.deserialize_seq(OpsVisitor)
    }
}

/// Reads the keys of an op whose payload is a slice of this message.
struct ReadFields<'m>(&'m Bytes);

impl<'de> DeserializeSeed<'de> for ReadFields<'_> {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadFields<'_> {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some((key, value)) = from.next_entry::<&'de RawValue, &'de RawValue>()? {
            let text = string(key.get());
            let Some(key) = text.as_deref().and_then(Key::of) else {
                fields.note_unknown(text.as_deref().unwrap_or("\u{fffd}"));
                continue;
            };
            if fields.has(key) {
                let message = format!("`{}` is there twice", key.as_str());
                fields.refuse(Refusal::bad_request(message));
            } else if key == Key::Payload {
                fields.set_payload(payload(self.0, value));
            } else {
                fields.set(key, given(key, value.get()));
            }
        }
        Ok(fields)
    }
}

fn payload(message: &Bytes, value: &RawValue) -> Result<Payload, Refusal> {
    json::check_nesting(value.get())
        .map_err(|bad| Refusal::bad_request(format!("the payload is {bad}")))?;
    Ok(Payload::of_checked(ContentType::Json, message.slice_ref(value.get().as_bytes())))
}

/// What a value is; `json` is one, without space around it.
fn given(key: Key, json: &str) -> Given<'_> {
    match json.as_bytes().first() {
        Some(b'"') => string(json).map_or(Given::Other, Given::Text),
        Some(b'-' | b'0'..=b'9') => number::json_integer(json).map_or(Given::Other, Given::Int),
        Some(b'n') => Given::Null,
        Some(b't') => Given::Flag(true),
        Some(b'f') => Given::Flag(false),
        Some(b'{') if key == Key::OnDisconnect => {
            cancel_after(json).map_or(Given::Other, Given::CancelAfter)
        }
        _ => Given::Other,
    }
}

/// The text of a JSON string; `None` if it is not Unicode.
fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    match memchr(b'\\', inner.as_bytes()) {
        None => Some(inner.into()),
        Some(_) => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
    }
}

/// The map of `on_disconnect`, if it is one.
fn cancel_after(json: &str) -> Option<i128> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct CancelAfter<'a> {
        #[serde(borrow)]
        cancel_after_ms: &'a RawValue,
    }
    let map: CancelAfter<'_> = serde_json::from_str(json).ok()?;
    match given(Key::OnDisconnect, map.cancel_after_ms.get()) {
        Given::Int(ms) => Some(ms),
        _ => None,
    }
}
