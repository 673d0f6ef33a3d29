//! Frames on their way in.

use acequia_wire::record::In;
use bytes::BytesMut;

use super::bad_frame::BadFrame;
use super::names::Names;
use super::source::{self, Source};
use super::{FRAME_BYTES_MAX, Frame, LENGTH_BYTES};

/// Frames of few bytes share a buffer of so many.
const BLOCK_BYTES: usize = 64 << 10;
/// There is always room for so many bytes more.
const ROOM_BYTES: usize = 16 << 10;
/// A frame that is larger than a block gets room for so much of it at first, and for as much again
/// each time: its length alone makes nobody take memory.
const GROW_BYTES: usize = 1 << 20;

/// Takes bytes in whatever pieces they come, and gives frames.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// How many bytes there are in the memory that the buffer is a part of.
    block: usize,
    names: Names,
    frames: u64,
}

impl Decoder {
    /// Where the next bytes are to be appended, with room for some.
    pub fn room(&mut self) -> &mut BytesMut {
        let have = self.buffer.len();
        let missing = match self.announced() {
            Some(frame) if frame > have.max(BLOCK_BYTES) => {
                (frame - have).min(have.max(GROW_BYTES))
            }
            Some(_) | None => ROOM_BYTES,
        };
        let spare = self.buffer.capacity() - have;
        // A large frame is read to its end and not further, so that it has its memory alone.
        if spare < missing.min(ROOM_BYTES) && !self.buffer.try_reclaim(missing) {
            self.block = BLOCK_BYTES.max(have + missing);
            let mut block = BytesMut::with_capacity(self.block);
            block.extend_from_slice(&self.buffer);
            self.buffer = block;
        }
        &mut self.buffer
    }

    /// Appends bytes.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.room();
            let (now, later) = bytes.split_at(bytes.len().min(room.capacity() - room.len()));
            room.extend_from_slice(now);
            bytes = later;
        }
    }

    /// The next frame, if all of it is there.
    ///
    /// # Errors
    /// If it is none. Nothing can be read after that.
    pub fn next_frame<F: Frame>(&mut self) -> Result<Option<F>, BadFrame> {
        loop {
            let Some(bytes) = self.announced() else { return Ok(None) };
            match bytes - LENGTH_BYTES {
                0 => return Err(BadFrame::Empty),
                large if large > FRAME_BYTES_MAX => return Err(BadFrame::TooLarge(large)),
                _ if self.buffer.len() < bytes => return Ok(None),
                _ => {}
            }
            let bytes = self.buffer.split_to(bytes).freeze();
            self.frames += 1;
            let kind = bytes[LENGTH_BYTES];
            let known = F::KINDS.iter().find(|(known, _)| *known == kind);
            // Of a later version, which knows that it may not be understood.
            let Some((_, name)) = known else { continue };
            let frame = source::Frame { bytes, within: self.block };
            let fields = In(&frame.bytes[LENGTH_BYTES + 1..]);
            let mut source = Source { fields, frame: &frame, names: &mut self.names };
            let decoded = F::decode(kind, &mut source).and_then(|decoded| {
                source.fields.end()?;
                Ok(decoded)
            });
            return decoded.map(Some).map_err(|bad| bad.of(name));
        }
    }

    /// How many frames there were so far, those among them that were skipped.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the bytes so far end with a frame.
    pub fn is_between_frames(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How many bytes the first frame has, with its length.
    fn announced(&self) -> Option<usize> {
        let length = self.buffer.first_chunk::<LENGTH_BYTES>()?;
        usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(LENGTH_BYTES)
    }
}
