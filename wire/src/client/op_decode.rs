//! Ops out of a WebSocket message, one after the other.

use std::ops::Range;

use bytes::Bytes;

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
    message: Bytes,
    limits: Limits,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    /// The places of ops in JSON.
    Json(std::vec::IntoIter<Range<usize>>),
    /// So many ops in MessagePack, from here on.
    MsgPack {
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
            Encoding::Json => op_json::places(&message).map(|ops| Rest::Json(ops.into_iter())),
            Encoding::MsgPack => {
                op_msgpack::begin(&message).map(|(at, ops)| Rest::MsgPack { at, ops })
            }
        };
        Self { message, limits, rest: rest.unwrap_or_else(Rest::Refused) }
    }
}

impl Iterator for Ops {
    type Item = Result<Op, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        match std::mem::replace(&mut self.rest, Rest::End) {
            Rest::Json(mut places) => {
                let place = places.next()?;
                self.rest = Rest::Json(places);
                Some(op_json::decode(&self.message, place, &self.limits))
            }
            Rest::MsgPack { at, ops: 0 } => op_msgpack::end(&self.message, at).err().map(Err),
            Rest::MsgPack { at, ops } => match op_msgpack::pass(&self.message, at) {
                Ok(end) => {
                    self.rest = Rest::MsgPack { at: end, ops: ops - 1 };
                    Some(op_msgpack::decode(&self.message, at..end, &self.limits))
                }
                Err(refusal) => Some(Err(refusal)),
            },
            Rest::Refused(refusal) => Some(Err(refusal)),
            Rest::End => None,
        }
    }
}
