//! A message of a client, of which the ops are read one by one.

use acequia_wire::Limits;
use acequia_wire::client::{Encoding, Ops, Request};
use bytes::Bytes;

use crate::request::request;

/// What is left of a message.
#[derive(Debug)]
pub(crate) struct Unread {
    /// Kept to the end, for its buffer: see the reader.
    message: Bytes,
    ops: Ops,
}

impl Unread {
    pub(crate) fn new(encoding: Encoding, message: Bytes, limits: Limits) -> Self {
        let ops = Ops::new(encoding, message.clone(), limits);
        Self { message, ops }
    }

    /// Whether nothing is left.
    pub(crate) fn is_over(&self) -> bool {
        self.ops.is_over()
    }
}

impl Iterator for Unread {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        Some(match self.ops.next()? {
            Ok(op) => request(op, self.message.len()),
            Err(refusal) => Request::Refused(refusal),
        })
    }
}
