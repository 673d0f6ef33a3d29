//! ZeroMQ messages, in both directions. The first byte picks the direction; each frame follows
//! after its length in two bytes.

use std::fmt::Debug;

use acequia_wire::limits::HEAD_BYTES_MAX;
use acequia_wire::worker::{FromWorker, Malformed, Packer, ToWorker};
use acequia_wire::{Body, ContentType};
use bytes::Bytes;

type Decode<T> = fn(std::vec::IntoIter<Bytes>, &mut Vec<T>) -> Result<(), Malformed>;

/// Checks what is said of an input in README.md.
pub fn check(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let frames = frames(rest);
    if first & 1 == 0 {
        for message in round_trip(frames, decode_said, FromWorker::encode) {
            if let FromWorker::Done { body, .. } | FromWorker::Chunk { body, .. } = message {
                resolve(body);
            }
        }
    } else {
        round_trip(frames, ToWorker::decode, ToWorker::encode);
    }
}

/// What is understood of what a worker says; of the rest it is checked that little is said.
fn decode_said(
    frames: std::vec::IntoIter<Bytes>,
    out: &mut Vec<FromWorker>,
) -> Result<(), Malformed> {
    let mut said = Vec::new();
    let decoded = FromWorker::decode(frames, &mut said);
    for message in said {
        match message {
            Ok(message) => out.push(message),
            Err(bad) => assert!(bad.why.len() <= 512, "{bad}"),
        }
    }
    decoded
}

/// The frames of an input; a length beyond its end is cut to it.
fn frames(mut rest: &[u8]) -> Vec<Bytes> {
    let mut frames = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes(*len)).min(after.len());
        let (frame, after) = after.split_at(len);
        frames.push(Bytes::copy_from_slice(frame));
        rest = after;
    }
    frames
}

/// That what was understood is written and understood again as the same.
fn round_trip<T: Clone + Debug + PartialEq>(
    frames: Vec<Bytes>,
    decode: Decode<T>,
    encode: fn(T, &mut Packer),
) -> Vec<T> {
    let mut messages = Vec::new();
    if let Err(malformed) = decode(frames.into_iter(), &mut messages) {
        assert!(malformed.to_string().len() <= 1024, "{malformed}");
    }
    let mut packer = Packer::default();
    messages.iter().cloned().for_each(|message| encode(message, &mut packer));
    let encoded = packer.finish();
    // A head that was full becomes too large when its defaults are spelled out.
    if messages.is_empty() || encoded.iter().skip(2).step_by(4).any(|h| h.len() > HEAD_BYTES_MAX) {
        return messages;
    }
    let mut again = Vec::new();
    decode(encoded.into_iter(), &mut again).expect("what was written is understood");
    assert_eq!(again, messages);
    messages
}

/// That a result is checked without a panic, whatever its job's type.
fn resolve(body: Body) {
    for default in [ContentType::Json, ContentType::MsgPack, ContentType::Octets] {
        _ = body.clone().resolve(&default);
    }
}
