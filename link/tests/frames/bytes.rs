//! Frames to bytes, and back.

use acequia_link::{BadFrame, Decoder, Encoder, Frame};
use bytes::Buf as _;

/// The bytes of frames.
pub(crate) fn encode<F: Frame>(frames: &[F]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    frames.iter().for_each(|frame| encoder.push(frame).expect("it is a frame"));
    let len = encoder.remaining();
    let bytes = encoder.copy_to_bytes(len);
    assert_eq!((bytes.len(), encoder.remaining()), (len, 0));
    bytes.into()
}

/// What pieces of bytes hold, and whether they end with a frame.
pub(crate) fn decode<'p, F: Frame>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Result<(Vec<F>, bool), BadFrame> {
    let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    Ok((frames, decoder.is_between_frames()))
}

/// What bytes hold that are frames to their end.
pub(crate) fn decode_all<F: Frame>(bytes: &[u8]) -> Vec<F> {
    let (frames, is_all) = decode([bytes]).expect("frames");
    assert!(is_all, "bytes are left");
    frames
}
