//! Frames and packing: how protocol messages lie in a ZeroMQ message.

use bytes::{Bytes, BytesMut};

use super::head::BadHead;
use crate::limits::PACK_MAX;
use crate::msgpack::write::Buffer;

/// Frames of one protocol message in a packed ZeroMQ message.
pub(super) const FRAMES: usize = 4;

/// A ZeroMQ message that is no message of the protocol: its lane is closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A message of no frame, or a packed one that is no multiple of four, or too long.
    #[error("a message of {0} frames: it is 1 to 4, or a multiple of 4 up to {max}", max = PACK_MAX as usize * FRAMES)]
    Frames(usize),
    /// A kind that the protocol does not know, by its length: what stands there may be a result
    /// whose worker forgot the frames before it, and this is logged.
    #[error("unknown kind of {0} bytes")]
    Kind(usize),
    /// An id that is not sixteen bytes.
    #[error("an id of {0} bytes: it is 16")]
    Id(usize),
    /// A head that is not what its kind wants.
    #[error("the head of `{kind}`: {why}")]
    Head {
        /// The message's kind.
        kind: &'static str,
        /// What is wrong with it.
        why: BadHead,
    },
}

/// One protocol message's frames, taken off a ZeroMQ message.
pub(super) struct Parts {
    pub(super) kind: Bytes,
    pub(super) id: Bytes,
    pub(super) head: Bytes,
    pub(super) body: Bytes,
}

impl Parts {
    pub(super) fn id(&self) -> Result<[u8; 16], Malformed> {
        self.id.as_ref().try_into().map_err(|_| Malformed::Id(self.id.len()))
    }

    pub(super) fn unknown_kind(&self) -> Malformed {
        Malformed::Kind(self.kind.len())
    }
}

/// That so many frames can be told apart as messages.
pub(super) fn check_count(count: usize) -> Result<(), Malformed> {
    let packed = count.is_multiple_of(FRAMES) && count <= PACK_MAX as usize * FRAMES;
    if count == 0 || (count > FRAMES && !packed) {
        return Err(Malformed::Frames(count));
    }
    Ok(())
}

/// The protocol messages that `frames` hold, in order.
pub(super) fn split(
    frames: impl ExactSizeIterator<Item = Bytes>,
) -> Result<impl Iterator<Item = Parts>, Malformed> {
    check_count(frames.len())?;
    let mut frames = frames;
    Ok(std::iter::from_fn(move || {
        let kind = frames.next()?;
        let mut next = || frames.next().unwrap_or_default();
        Some(Parts { kind, id: next(), head: next(), body: next() })
    }))
}

/// Lays protocol messages into the frames of one ZeroMQ message.
///
/// All ids and heads share one allocation, and a head that equals the one before it is not
/// written again: jobs of one queue mostly have the same.
#[derive(Debug, Default)]
pub struct Packer {
    arena: BytesMut,
    frames: Vec<Frame>,
    /// Where a head is written before it is known whether it is a new one.
    scratch: Buffer,
    last_head: Option<(usize, usize)>,
}

#[derive(Debug)]
enum Frame {
    Whole(Bytes),
    Arena(usize, usize),
}

impl Packer {
    /// Appends one message.
    pub(super) fn push(
        &mut self,
        kind: &'static str,
        id: &[u8; 16],
        head: impl FnOnce(&mut Buffer),
        body: Bytes,
    ) {
        self.frames.push(Frame::Whole(Bytes::from_static(kind.as_bytes())));
        let start = self.arena.len();
        self.arena.extend_from_slice(id);
        self.frames.push(Frame::Arena(start, start + 16));
        self.push_head(head);
        self.frames.push(Frame::Whole(body));
    }

    fn push_head(&mut self, head: impl FnOnce(&mut Buffer)) {
        self.scratch.as_mut_vec().clear();
        head(&mut self.scratch);
        let head = self.scratch.as_slice();
        if let Some((start, end)) = self.last_head
            && &self.arena[start..end] == head
        {
            self.frames.push(Frame::Arena(start, end));
            return;
        }
        let start = self.arena.len();
        self.arena.extend_from_slice(head);
        let range = (start, self.arena.len());
        self.last_head = Some(range);
        self.frames.push(Frame::Arena(range.0, range.1));
    }

    /// How many messages were appended since the last [`finish`](Self::finish).
    pub fn messages(&self) -> usize {
        self.frames.len() / FRAMES
    }

    /// The frames of the ZeroMQ message; the packer is empty again.
    pub fn finish(&mut self) -> Vec<Bytes> {
        let arena = self.arena.split().freeze();
        self.last_head = None;
        let frame = |frame| match frame {
            Frame::Whole(bytes) => bytes,
            Frame::Arena(start, end) => arena.slice(start..end),
        };
        self.frames.drain(..).map(frame).collect()
    }
}
