//! Ops in MessagePack.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use super::fields::{Fields, Given, Key};
use super::op::{Op, Refusal};
use crate::content::{ContentType, Payload};
use crate::limits::{Limits, OPS_PER_MESSAGE_MAX};
use crate::msgpack::{self, BadMsgPack, Reader, Scalar};
use crate::number;

/// Where the first op of a message is, and how many there are.
pub(super) fn begin(message: &[u8]) -> Result<(usize, usize), Refusal> {
    let mut reader = Reader::new(message);
    match reader.try_array().map_err(|e| not_msgpack(&e))? {
        None => Ok((0, 1)),
        Some(count) if count > OPS_PER_MESSAGE_MAX => Err(Refusal::too_many_ops(count)),
        Some(count) => Ok((message.len() - reader.left(), count)),
    }
}

/// Where the op ends that begins at `at`.
pub(super) fn pass(message: &[u8], at: usize) -> Result<usize, Refusal> {
    let op = Reader::new(&message[at..]).skip_any_depth().map_err(|e| not_msgpack(&e))?;
    Ok(at + op.len())
}

/// That nothing follows the last op.
pub(super) fn end(message: &[u8], at: usize) -> Result<(), Refusal> {
    Reader::new(&message[at..]).end().map_err(|e| not_msgpack(&e))
}

/// The op that stands in a place of a message.
pub(super) fn decode(message: &Bytes, place: Range<usize>, limits: &Limits) -> Result<Op, Refusal> {
    let mut fields = Fields::default();
    let mut reader = Reader::new(&message[place]);
    for _ in 0..reader.map().map_err(|e| not_msgpack(&e))? {
        let key = reader.skip_any_depth().map_err(|e| not_msgpack(&e))?;
        let value = reader.skip_any_depth().map_err(|e| not_msgpack(&e))?;
        match Reader::new(key).str() {
            Ok(text) => match Key::of(text) {
                Some(Key::Payload) => fields.set_payload(payload(message, value)),
                Some(key) => fields.set(key, given(key, value)),
                None => fields.note_unknown(text),
            },
            Err(e) => fields.refuse(Refusal::bad_request(format!("a key of an op: {e}"))),
        }
    }
    fields.take_op(limits)
}

fn not_msgpack(bad: &BadMsgPack) -> Refusal {
    Refusal::bad_request(format!("not an op, nor an array of ops, in MessagePack: {bad}"))
}

/// What a value is.
fn given(key: Key, value: &[u8]) -> Given<'_> {
    match Reader::new(value).scalar() {
        Ok(Scalar::Nil) => Given::Null,
        Ok(Scalar::Bool(flag)) => Given::Flag(flag),
        Ok(Scalar::Int(n)) => Given::Int(n.into()),
        Ok(Scalar::BigInt(n)) => Given::Int(n.into()),
        Ok(Scalar::Float(n)) => number::integer(n).map_or(Given::Other, Given::Int),
        Ok(Scalar::Str(text)) => Given::Text(Cow::Borrowed(text)),
        Ok(Scalar::Bin(_) | Scalar::NotUtf8(_)) => Given::Other,
        Err(_) if key == Key::OnDisconnect => {
            cancel_after(value).map_or(Given::Other, Given::CancelAfter)
        }
        Err(_) => Given::Other,
    }
}

/// The map of `on_disconnect`, if it is one.
fn cancel_after(value: &[u8]) -> Option<i128> {
    let mut reader = Reader::new(value);
    if (reader.map().ok()?, reader.str().ok()?) != (1, "cancel_after_ms") {
        return None;
    }
    match reader.scalar().ok()? {
        Scalar::Int(ms) => Some(ms.into()),
        Scalar::BigInt(ms) => Some(ms.into()),
        Scalar::Float(ms) => number::integer(ms),
        _ => None,
    }
}

/// `bin` is its bytes, anything else its MessagePack.
fn payload(message: &Bytes, raw: &[u8]) -> Result<Payload, Refusal> {
    if let Ok(Scalar::Bin(bytes)) = Reader::new(raw).scalar() {
        return Ok(Payload::of_checked(ContentType::Octets, message.slice_ref(bytes)));
    }
    msgpack::check(raw).map_err(|bad| Refusal::bad_request(format!("the payload is {bad}")))?;
    Ok(Payload::of_checked(ContentType::MsgPack, message.slice_ref(raw)))
}
