//! Ops out of a WebSocket message, one after the other.

use std::ops::Range;

use bytes::Bytes;
use bytestring::ByteString;

use super::encoding::Encoding;
use super::op::{Op, Refusal};
use super::{op_json, op_msgpack};
use crate::limits::Limits;

impl Op {
    /// The ops that a client's message holds, in order: one, or those of an array. As [`Ops`], at
    /// once.
    pub fn decode(
        encoding: Encoding,
        message: &Bytes,
        limits: &Limits,
        out: &mut Vec<Result<Self, Refusal>>,
    ) {
        out.extend(Ops::new(encoding, message.clone(), *limits));
    }
}

/// The ops that a client's message holds, in order: one, or those of an array. Each is decoded when
/// it is asked for, so that a reader may stop between two of them for as long as it likes.
///
/// An op that is not understood is a [`Refusal`] in its place and does not disturb the others.
/// Payloads are slices of the message.
///
/// What is done before the first op is one walk over the message, to see that it is JSON and that
/// it holds no more ops than it may; in MessagePack, nothing.
#[derive(Debug)]
pub struct Ops {
    limits: Limits,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    /// The places of ops in JSON.
    Json {
        message: ByteString,
        places: std::vec::IntoIter<Range<usize>>,
    },
    /// So many ops in MessagePack, from here on.
    MsgPack {
        message: Bytes,
        at: usize,
        ops: usize,
    },
    /// Nothing but this.
    Refused(Refusal),
    End,
}

impl Ops {
    /// The ops of `message`.
    pub fn new(encoding: Encoding, message: Bytes, limits: Limits) -> Self {
        let rest = match encoding {
            Encoding::Json => op_json::text(message).and_then(|message| {
                let places = op_json::places(&message)?.into_iter();
                Ok(Rest::Json { message, places })
            }),
            Encoding::MsgPack => {
                op_msgpack::begin(&message).map(|(at, ops)| Rest::MsgPack { message, at, ops })
            }
        };
        Self { limits, rest: rest.unwrap_or_else(Rest::Refused) }
    }

    /// Whether none is left.
    pub fn is_over(&self) -> bool {
        match &self.rest {
            Rest::Json { places, .. } => places.as_slice().is_empty(),
            Rest::MsgPack { message, at, ops: 0 } => op_msgpack::end(message, *at).is_ok(),
            Rest::MsgPack { .. } | Rest::Refused(_) => false,
            Rest::End => true,
        }
    }
}

impl Iterator for Ops {
    type Item = Result<Op, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let refusal = match &mut self.rest {
            Rest::Json { message, places } => {
                let fields = op_json::read(message, places.next()?);
                return Some(fields.and_then(|mut fields| fields.take_op(&self.limits)));
            }
            Rest::MsgPack { message, at, ops: 0 } => op_msgpack::end(message, *at).err(),
            Rest::MsgPack { message, at, ops } => match op_msgpack::pass(message, *at) {
                Ok(end) => {
                    let place = std::mem::replace(at, end)..end;
                    *ops -= 1;
                    return Some(op_msgpack::decode(message, place, &self.limits));
                }
                Err(refusal) => Some(refusal),
            },
            Rest::Refused(_) | Rest::End => None,
        };
        // It is the last that is said of the message.
        match std::mem::replace(&mut self.rest, Rest::End) {
            Rest::Refused(refusal) => Some(Err(refusal)),
            _ => refusal.map(Err),
        }
    }
}
