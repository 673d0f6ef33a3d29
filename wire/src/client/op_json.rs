//! Ops in JSON.
//!
//! The parser only finds where the values are. What they must be is looked at afterwards, key by
//! key, so that an error is about a key, and so that one bad value does not hide the others.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Fields, Given, Key};
use super::op::Refusal;
use crate::content::{ContentType, Payload};
use crate::limits::OPS_PER_MESSAGE_MAX;
use crate::{json, number};

/// A message, once it is known to be text.
pub(super) fn text(message: Bytes) -> Result<ByteString, Refusal> {
    ByteString::try_from(message).map_err(|_| Refusal::bad_request("the message is not UTF-8"))
}

/// Where the ops of a message are.
pub(super) fn places(text: &str) -> Result<Vec<Range<usize>>, Refusal> {
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

/// The keys of the op that stands in a place of a message.
pub(super) fn read(message: &ByteString, place: Range<usize>) -> Result<Fields<'_>, Refusal> {
    let text = &message[place];
    let what = match text.trim_ascii_start().as_bytes().first() {
        Some(b'{') => {
            let mut from = serde_json::Deserializer::from_str(text);
            let mut fields = Fields::default();
            let read = ReadFields { message, into: &mut fields }.deserialize(&mut from);
            read.and_then(|()| from.end()).map_err(|e| not_json(text, &e))?;
            return Ok(fields);
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

/// Reads the keys of an op whose payload is a slice of this message. They are put where they stay,
/// since they are much to move.
struct ReadFields<'m, 'f, 'de> {
    message: &'m ByteString,
    into: &'f mut Fields<'de>,
}

impl<'de> DeserializeSeed<'de> for ReadFields<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadFields<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        let Self { message, into: fields } = self;
        while let Some(name) = from.next_key_seed(ReadName)? {
            let value: &RawValue = from.next_value()?;
            match name {
                Name::Unknown(name) => fields.note_unknown(&name),
                Name::Known(key) if fields.has(key) => {
                    let message = format!("`{}` is there twice", key.as_str());
                    fields.refuse(Refusal::bad_request(message));
                }
                Name::Known(Key::Payload) => fields.set_payload(payload(message, value)),
                Name::Known(key) => fields.set(key, given(key, value.get())),
            }
        }
        Ok(())
    }
}

/// What a key is called.
enum Name {
    Known(Key),
    Unknown(String),
}

/// Reads a key without keeping it. As bytes, since half a pair of surrogates is no reason to refuse the
/// whole message.
struct ReadName;

impl<'de> DeserializeSeed<'de> for ReadName {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Name, D::Error> {
        from.deserialize_bytes(self)
    }
}

impl Visitor<'_> for ReadName {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Name, E> {
        let name = std::str::from_utf8(name).unwrap_or("\u{fffd}");
        Ok(Key::of(name).map_or_else(|| Name::Unknown(name.to_owned()), Name::Known))
    }
}

fn payload(message: &ByteString, value: &RawValue) -> Result<Payload, Refusal> {
    json::check_nesting(value.get())
        .map_err(|bad| Refusal::bad_request(format!("the payload is {bad}")))?;
    let bytes = message.as_bytes().slice_ref(value.get().as_bytes());
    Ok(Payload::of_checked(ContentType::Json, bytes))
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
    // Nearly all are short.
    match inner.as_bytes().contains(&b'\\') {
        false => Some(inner.into()),
        true => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
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
