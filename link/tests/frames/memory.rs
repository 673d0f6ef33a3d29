//! Whose memory the bytes of others are in.

use acequia_link::{Decoder, Encoder, FromOwner};
use acequia_wire::worker::JobMessage;
use acequia_wire::{ContentType, JobId, QueueName};
use bytes::{Buf as _, Bytes};

use super::bytes::encode;

fn run(len: usize) -> FromOwner {
    let body = Bytes::from(vec![b'x'; len]);
    let (job, queue) = (JobId::from_bytes([0; 16]), QueueName::default());
    let content_type = ContentType::Octets;
    let meta = Vec::new();
    let job = JobMessage { job, queue, attempt: 1, content_type, timeout_ms: None, meta, body };
    FromOwner::Run { lane: 1, job }
}

fn body(frame: FromOwner) -> Bytes {
    match frame {
        FromOwner::Run { job, .. } => job.body,
        _ => panic!("{frame:?}"),
    }
}

#[test]
fn a_large_body_is_sent_without_a_copy() {
    let frame = run(100_000);
    let at = body(frame.clone()).as_ptr();
    let mut encoder = Encoder::default();
    encoder.push(&frame).expect("a frame");
    encoder.advance(encoder.chunk().len());
    assert_eq!((encoder.chunk().as_ptr(), encoder.remaining()), (at, 100_000));
}

/// A slice keeps alive all that it is a slice of.
#[test]
fn a_body_that_comes_in_keeps_no_more_than_twice_its_size_alive() {
    for len in [1, 1_000, 2_000, 30_000, 40_000, 70_000, 900_000, 5_000_000] {
        let bytes = encode(&[run(10), run(len), run(10)]);
        let mut decoder = Decoder::default();
        let mut bodies = Vec::new();
        for piece in bytes.chunks(10_000) {
            decoder.feed(piece);
            while let Some(frame) = decoder.next_frame().expect("frames") {
                bodies.push(body(frame));
            }
        }
        assert_eq!(bodies.iter().map(Bytes::len).collect::<Vec<_>>(), [10, len, 10]);
        drop(decoder);
        for body in bodies {
            let len = body.len();
            // All that is kept alive is its own, since nobody else has it.
            let whole = body.try_into_mut().expect("nobody else has it");
            assert!(whole.capacity() <= 2 * len.max(40_000), "{} for {len}", whole.capacity());
        }
    }
}

#[test]
fn a_large_frame_is_read_to_its_end_and_not_further() {
    let bytes = encode(&[run(200_000), run(10)]);
    let mut decoder = Decoder::default();
    let mut rest = &bytes[..];
    let mut read = |decoder: &mut Decoder| {
        let room = decoder.room();
        let len = rest.len().min(room.capacity() - room.len());
        room.extend_from_slice(&rest[..len]);
        rest = &rest[len..];
        len
    };
    read(&mut decoder);
    let mut frames = Vec::new();
    while frames.is_empty() {
        assert!(read(&mut decoder) > 0);
        frames.extend(decoder.next_frame::<FromOwner>().expect("a frame"));
    }
    assert!(decoder.is_between_frames());
    read(&mut decoder);
    assert_eq!(decoder.next_frame::<FromOwner>(), Ok(Some(run(10))));
}
