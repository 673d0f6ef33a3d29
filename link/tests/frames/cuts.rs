//! Frames come to the same however they are cut.

use acequia_link::{BadFrame, FRAME_BYTES_MAX, Frame, FromDoor, FromOwner};
use proptest::collection::vec;
use proptest::prelude::*;

use super::bytes::{decode, encode};
use super::strategies::{from_door, from_owner};

/// Cuts at every place, and into pieces of each of a few sizes.
fn check<F: Frame + Clone + PartialEq + std::fmt::Debug>(frames: &[F]) {
    let bytes = encode(frames);
    let whole = Ok((frames.to_vec(), true));
    for at in 0..=bytes.len() {
        let (start, rest) = bytes.split_at(at);
        assert_eq!(decode([start, rest]), whole, "cut at {at}");
    }
    for size in [1, 2, 3, 7, 64] {
        assert_eq!(decode(bytes.chunks(size)), whole, "pieces of {size}");
    }
    for at in 0..bytes.len() {
        let (begun, is_all) = decode::<F>([&bytes[..at]]).expect("only too few");
        assert!(frames.starts_with(&begun));
        assert_eq!(is_all, encode(&begun).len() == at, "an end at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn frames_of_doors(frames in vec(from_door(), 1..4)) {
        check(&frames);
    }

    #[test]
    fn frames_of_owners(frames in vec(from_owner(), 1..4).prop_filter("not for hours", |frames| {
        encode(frames).len() < 20_000
    })) {
        check(&frames);
    }
}

#[test]
fn a_length_that_is_none_is_refused_at_once() {
    let length = u32::try_from(FRAME_BYTES_MAX).expect("it fits") + 1;
    let bytes = length.to_be_bytes();
    let refused = decode::<FromDoor>([&bytes[..3], &bytes[3..]]);
    assert_eq!(refused, Err(BadFrame::TooLarge(FRAME_BYTES_MAX + 1)));
    assert_eq!(decode::<FromOwner>([&[0_u8; 4][..]]), Err(BadFrame::Empty));
}

#[test]
fn an_error_names_the_frame_and_what_is_wrong_with_it() {
    for (frame, says) in [
        (&[0, 0, 0, 3, 3, 1, 2][..], "a frame `Closed`: its for_good is 2, which means nothing"),
        (&[0, 0, 0, 2, 10, 0], "a frame `Beat`: 1 bytes follow its last field"),
        (&[0, 0, 0, 1, 8], "a frame `Ended`: it ends inside a field"),
        (&[0, 0, 0, 3, 2, 1, 99], "a frame `Requests`: its request is 99, which means nothing"),
    ] {
        assert_eq!(decode::<FromDoor>([frame]).expect_err(says).to_string(), says);
    }
}
