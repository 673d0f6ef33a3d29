//! One direction of a link, as its other end reads it.
//!
//! The first byte says who speaks, the second and third how the rest is cut into pieces.

use std::fmt::Debug;

use acequia_link::{BadFrame, Decoder, Encoder, Frame, FromDoor, FromOwner};
use bytes::Buf as _;

use crate::heap::peak_of;

/// What decoded frames may hold for each of their bytes, and whatever their size. The smallest things
/// of a frame have a byte, and a place of their own in memory; a vector doubles as it grows, and so
/// does the buffer.
const HELD_A_BYTE_MAX: usize = 1024;
const HELD_MAX: usize = 256 << 10;

/// Checks what is said of an input in README.md.
pub fn check(data: &[u8]) {
    let Some(([who, first, step], stream)) = data.split_first_chunk() else { return };
    let (first, step) = (usize::from(*first), usize::from(*step));
    if who & 1 == 0 {
        check_of::<FromDoor>(stream, first, step);
    } else {
        check_of::<FromOwner>(stream, first, step);
    }
}

fn check_of<F: Frame + Debug + PartialEq>(stream: &[u8], first: usize, step: usize) {
    let (whole, held) = peak_of(|| read::<F>(std::iter::once(stream)));
    assert!(held <= HELD_MAX + HELD_A_BYTE_MAX * stream.len(), "{held} bytes for {}", stream.len());
    let (start, rest) = stream.split_at(first.min(stream.len()));
    let cut = std::iter::once(start).chain(rest.chunks(step.max(1)));
    assert_eq!(read(cut), whole);
    assert_eq!(read(stream.chunks(1)), whole);

    let mut encoder = Encoder::default();
    whole.frames.iter().for_each(|frame| encoder.push(frame).expect("it was a frame"));
    let written = encoder.copy_to_bytes(encoder.remaining());
    let again = read::<F>(std::iter::once(&written[..]));
    assert_eq!((again.frames, again.error), (whole.frames, None));
}

/// What came of a stream.
#[derive(Debug, PartialEq)]
struct Heard<F> {
    frames: Vec<F>,
    /// Those that were skipped among them.
    count: u64,
    error: Option<BadFrame>,
}

fn read<'s, F: Frame>(mut pieces: impl Iterator<Item = &'s [u8]>) -> Heard<F> {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    let error = pieces.find_map(|piece| {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return None,
                Err(error) => return Some(error),
            }
        }
    });
    Heard { frames, count: decoder.frames(), error }
}
