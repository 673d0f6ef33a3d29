//! What is written is read as the same.

use acequia_link::{Decoder, Encoder, FromDoor, FromOwner};
use bytes::Buf as _;
use proptest::collection::vec;
use proptest::prelude::*;

use super::bytes::{decode, decode_all, encode};
use super::strategies::{bytes, from_door, from_owner};

proptest! {
    #[test]
    fn frames_of_doors_come_back_as_they_were(frames in vec(from_door(), 1..6)) {
        let back: Vec<FromDoor> = decode_all(&encode(&frames));
        prop_assert_eq!(back, frames);
    }

    #[test]
    fn frames_of_owners_come_back_as_they_were(frames in vec(from_owner(), 1..6)) {
        let back: Vec<FromOwner> = decode_all(&encode(&frames));
        prop_assert_eq!(back, frames);
    }

    #[test]
    fn bytes_are_the_same_in_whatever_pieces_they_are_given(
        frames in vec(from_owner(), 1..6), pieces in vec(1..5_000_usize, 1..20),
    ) {
        let whole = encode(&frames);
        let mut encoder = Encoder::default();
        frames.iter().for_each(|frame| encoder.push(frame).expect("a frame"));
        let (mut given, mut pieces) = (Vec::new(), pieces.iter().cycle());
        while encoder.has_remaining() {
            let mut slices = [std::io::IoSlice::new(&[]); 3];
            let filled = encoder.chunks_vectored(&mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
            prop_assert!(bytes.starts_with(encoder.chunk()) && !encoder.chunk().is_empty());
            let taken = bytes.len().min(*pieces.next().expect("they come again"));
            given.extend_from_slice(&bytes[..taken]);
            encoder.advance(taken);
        }
        prop_assert_eq!(given, whole);
    }

    #[test]
    fn a_frame_with_a_byte_changed_is_a_frame_or_an_error(
        mut bytes in bytes(), at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let at = at.index(bytes.len());
        bytes[at] = with;
        check(&bytes);
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(noise in any::<Vec<u8>>(), kind in any::<u8>()) {
        check(&noise);
        let len = u32::try_from(noise.len() + 1).expect("few");
        check(&[&len.to_be_bytes()[..], &[kind], &noise].concat());
    }

    /// Of a later version, which may say what this one does not know.
    #[test]
    fn an_unknown_kind_is_skipped_and_counted(
        before in from_door(), kind in 128_u8.., fields in any::<Vec<u8>>(), after in from_door(),
    ) {
        let frames = [before, after];
        let mut bytes = encode(&frames[..1]);
        let known = frame_count(&bytes);
        let len = u32::try_from(fields.len() + 1).expect("few");
        bytes.extend([&len.to_be_bytes()[..], &[kind], &fields].concat());
        prop_assert_eq!(frame_count(&bytes), known + 1);
        bytes.extend(encode(&frames[1..]));
        prop_assert_eq!(decode_all::<FromDoor>(&bytes), frames);
    }
}

fn frame_count(bytes: &[u8]) -> u64 {
    let mut decoder = Decoder::default();
    decoder.feed(bytes);
    while decoder.next_frame::<FromDoor>().expect("frames").is_some() {}
    decoder.frames()
}

/// What was understood means the same when it is written again.
fn check(bytes: &[u8]) {
    if let Ok((frames, _)) = decode::<FromDoor>([bytes]) {
        assert_eq!(decode_all::<FromDoor>(&encode(&frames)), frames);
    }
    if let Ok((frames, _)) = decode::<FromOwner>([bytes]) {
        assert_eq!(decode_all::<FromOwner>(&encode(&frames)), frames);
    }
}
