//! Frames on their way out.

use std::collections::VecDeque;
use std::io::IoSlice;

use acequia_wire::record::Out;
use bytes::{Buf, Bytes};

use super::bad_frame::BadFrame;
use super::{FRAME_BYTES_MAX, FRAME_ITEMS_MAX, Frame, LENGTH_BYTES};

/// A frame with several things takes no more of them once it has so many bytes.
const FRAME_BYTES_SPLIT: usize = 1 << 20;
/// Bytes of others that are more than these are not copied.
const APART_BYTES: usize = 16 << 10;

/// Takes frames, and gives their bytes, as a [`Buf`].
#[derive(Debug, Default)]
pub struct Encoder {
    /// All bytes but those apart.
    flat: Vec<u8>,
    /// How many of them have been given.
    given: usize,
    /// Bytes of others, each with where in `flat` it comes.
    apart: VecDeque<(usize, Bytes)>,
    /// How many bytes are left apart.
    apart_bytes: usize,
    frames: u64,
}

/// How far a frame has been written.
#[derive(Clone, Copy)]
struct Mark {
    flat: usize,
    apart: usize,
    apart_bytes: usize,
}

impl Encoder {
    /// Appends a frame, or several where one would be too large.
    ///
    /// # Errors
    /// If it cannot be one. Nothing of it is appended then, or it is a batch of which what comes
    /// before.
    pub fn push(&mut self, frame: &impl Frame) -> Result<(), BadFrame> {
        if !self.has_remaining() {
            self.flat.clear();
            self.given = 0;
        }
        frame.encode(self)
    }

    /// How many frames there were so far: what was pushed as one may have become several.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Writes a frame of this kind, with the fields that `put` appends.
    pub(super) fn one(&mut self, kind: u8, put: impl FnOnce(&mut Self)) -> Result<(), BadFrame> {
        let start = self.begin(kind);
        put(self);
        self.finish(start)
    }

    /// Writes frames of this kind: each with a head, which is told how many things of the sort come
    /// in frames before, and then as many of them as fit.
    pub(super) fn many<T>(
        &mut self,
        kind: u8,
        head: impl Fn(&mut Self, usize),
        all: &[T],
        put: impl Fn(&mut Self, &T),
    ) -> Result<(), BadFrame> {
        let mut next = 0;
        loop {
            let (start, first) = (self.begin(kind), next);
            head(self, first);
            while let Some(item) = all.get(next) {
                let before = self.mark();
                put(self, item);
                let is_full =
                    self.len_since(start) > FRAME_BYTES_SPLIT || next - first == FRAME_ITEMS_MAX;
                if is_full && next > first {
                    self.back_to(before);
                    break;
                }
                next += 1;
            }
            self.finish(start)?;
            if next == all.len() {
                return Ok(());
            }
        }
    }

    /// Where fields are appended.
    #[inline]
    pub(super) fn out(&mut self) -> Out<'_> {
        Out(&mut self.flat)
    }

    /// Appends bytes, after their number.
    #[inline]
    pub(super) fn bytes(&mut self, bytes: &Bytes) {
        if bytes.len() <= APART_BYTES {
            return self.out().bytes(bytes);
        }
        self.out().number(bytes.len() as u64);
        self.apart.push_back((self.flat.len(), bytes.clone()));
        self.apart_bytes += bytes.len();
    }

    /// Appends what may be missing, after a byte that says so.
    pub(super) fn optional<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.truth(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    /// Appends what is true or false.
    pub(super) fn truth(&mut self, truth: bool) {
        self.out().byte(truth.into());
    }

    fn begin(&mut self, kind: u8) -> Mark {
        let start = self.mark();
        self.flat.extend_from_slice(&[0; LENGTH_BYTES]);
        self.flat.push(kind);
        start
    }

    fn finish(&mut self, start: Mark) -> Result<(), BadFrame> {
        let len = self.len_since(start);
        let in_bytes = u32::try_from(len).ok().filter(|_| len <= FRAME_BYTES_MAX);
        let Some(in_bytes) = in_bytes else {
            self.back_to(start);
            return Err(BadFrame::TooLarge(len));
        };
        let at = start.flat..start.flat + LENGTH_BYTES;
        self.flat[at].copy_from_slice(&in_bytes.to_be_bytes());
        self.frames += 1;
        Ok(())
    }

    /// How many bytes the frame has that began there, without its length.
    fn len_since(&self, start: Mark) -> usize {
        let apart = self.apart_bytes - start.apart_bytes;
        self.flat.len() - start.flat - LENGTH_BYTES + apart
    }

    fn mark(&self) -> Mark {
        let (flat, apart) = (self.flat.len(), self.apart.len());
        Mark { flat, apart, apart_bytes: self.apart_bytes }
    }

    fn back_to(&mut self, mark: Mark) {
        self.flat.truncate(mark.flat);
        self.apart.truncate(mark.apart);
        self.apart_bytes = mark.apart_bytes;
    }

    /// The bytes up to the first that are apart.
    fn run(&self) -> &[u8] {
        let end = self.apart.front().map_or(self.flat.len(), |(at, _)| *at);
        &self.flat[self.given..end]
    }
}

impl Buf for Encoder {
    fn remaining(&self) -> usize {
        self.flat.len() - self.given + self.apart_bytes
    }

    fn chunk(&self) -> &[u8] {
        match (self.run(), self.apart.front()) {
            ([], Some((_, apart))) => apart,
            (run, _) => run,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let (mut from, mut filled) = (self.given, 0);
        let mut push = |bytes: &'a [u8]| {
            if let Some(slice) = slices.get_mut(filled).filter(|_| !bytes.is_empty()) {
                *slice = IoSlice::new(bytes);
                filled += 1;
            }
        };
        for (at, apart) in &self.apart {
            push(&self.flat[from..*at]);
            push(apart);
            from = *at;
        }
        push(&self.flat[from..]);
        filled
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let run = self.run().len();
            if run > 0 {
                let taken = run.min(count);
                self.given += taken;
                count -= taken;
                continue;
            }
            let (_, apart) = self.apart.front_mut().expect("no more than there is");
            let taken = apart.len().min(count);
            apart.advance(taken);
            self.apart_bytes -= taken;
            count -= taken;
            if apart.is_empty() {
                self.apart.pop_front();
            }
        }
    }
}
