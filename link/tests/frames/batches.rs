//! What is too much for one frame becomes several.

use acequia_link::{
    BadFrame, Decoder, Encoder, FRAME_BYTES_MAX, FRAME_ITEMS_MAX, FromDoor, FromOwner,
};
use acequia_wire::client::{Event, JobEvent, Request};
use acequia_wire::worker::{JobMessage, Word};
use acequia_wire::{Body, ContentType, CorrelationId, JobId, Payload, QueueName};
use bytes::{Buf as _, Bytes};

use super::bytes::{decode_all, encode};

const MIB: usize = 1 << 20;

fn chunk(len: usize) -> Event {
    let data = Payload::new(ContentType::Octets, vec![b'x'; len].into()).expect("octets");
    let (id, job) = (CorrelationId::Int(1), JobId::from_bytes([1; 16]));
    Event::Job { id, job, what: JobEvent::Chunk { n: 1, data }, traceparent: None }
}

/// The lengths of frames.
fn lengths(mut bytes: &[u8]) -> Vec<usize> {
    let mut all = Vec::new();
    while bytes.has_remaining() {
        let len = bytes.get_u32() as usize;
        bytes.advance(len);
        all.push(len);
    }
    all
}

#[test]
fn events_go_on_in_the_next_frame_with_the_number_that_they_have() {
    for len in [100, 5_000, 20_000, 300_000] {
        let count = 3 * MIB / len;
        let events = vec![chunk(len); count];
        let bytes = encode(&[FromOwner::Events { connection: 7, first_seq: Some(40), events }]);
        let lengths = lengths(&bytes);
        assert!(lengths.len() > 2, "{lengths:?}");
        assert!(lengths.iter().all(|len| *len <= MIB), "{lengths:?}");
        let mut next = 0;
        for frame in decode_all(&bytes) {
            let FromOwner::Events { connection: 7, first_seq, events } = frame else {
                panic!("{frame:?}")
            };
            assert_eq!(first_seq, Some(40 + next));
            assert!(events.iter().all(|event| *event == chunk(len)));
            next += events.len() as u64;
        }
        assert_eq!(next, count as u64);
    }
}

#[test]
fn one_that_is_larger_has_a_frame_for_itself() {
    let events = [10, 2 * MIB, 3 * MIB, 10, 10].map(chunk).to_vec();
    let bytes = encode(&[FromOwner::Events { connection: 7, first_seq: None, events }]);
    let back = decode_all(&bytes);
    let shape = back.iter().map(|frame| match frame {
        FromOwner::Events { first_seq: None, events, .. } => events.len(),
        _ => panic!("{frame:?}"),
    });
    assert_eq!(shape.collect::<Vec<_>>(), [1, 1, 1, 2]);
}

#[test]
fn requests_and_words_too_are_split_and_counted() {
    let requests: Vec<_> = (0..200_000).map(|seq| Request::Ack { seq }).collect();
    let words = vec![Word::Beat; FRAME_ITEMS_MAX + 1];
    let bad = Word::Done { job: JobId::from_bytes([3; 16]), body: Body::new(None, "{".into()) };
    let words: Vec<_> = words.into_iter().chain([bad]).collect();
    let mut encoder = Encoder::default();
    encoder
        .push(&FromDoor::Requests { connection: 1, requests: requests.clone() })
        .expect("frames");
    encoder.push(&FromDoor::Said { lane: 2, words: words.clone() }).expect("frames");
    let bytes = encoder.copy_to_bytes(encoder.remaining());
    let mut decoder = Decoder::default();
    decoder.feed(&bytes);
    let (mut asked, mut said) = (Vec::new(), Vec::new());
    while let Some(frame) = decoder.next_frame().expect("frames") {
        match frame {
            FromDoor::Requests { connection: 1, requests } => asked.extend(requests),
            FromDoor::Said { lane: 2, words } => said.extend(words),
            _ => panic!("{frame:?}"),
        }
    }
    assert_eq!((decoder.frames(), encoder.frames()), (6, 6));
    assert!(asked == requests && said == words);
}

/// Whoever sends so many did not write them with what is here.
#[test]
fn more_things_than_a_frame_may_hold_are_refused() {
    let beats = FRAME_ITEMS_MAX + 1;
    let len = u32::try_from(2 + beats).expect("it fits").to_be_bytes();
    let mut decoder = Decoder::default();
    decoder.feed(&[&len[..], &[7, 1], &vec![6; beats]].concat());
    let refused = decoder.next_frame::<FromDoor>();
    assert_eq!(refused, Err(BadFrame::TooMany("Said")));
}

#[test]
fn what_is_larger_than_any_frame_is_refused_and_nothing_of_it_is_left() {
    let run = |len: usize| FromOwner::Run {
        lane: 1,
        job: JobMessage {
            job: JobId::from_bytes([0; 16]),
            queue: QueueName::default(),
            attempt: 1,
            content_type: ContentType::Octets,
            timeout_ms: None,
            meta: Vec::new(),
            body: Bytes::from(vec![0; len]),
        },
    };
    let mut encoder = Encoder::default();
    encoder.push(&FromOwner::Beat).expect("a frame");
    let before = encoder.remaining();
    let refused = encoder.push(&run(FRAME_BYTES_MAX));
    assert!(matches!(refused, Err(BadFrame::TooLarge(len)) if len > FRAME_BYTES_MAX));
    assert_eq!((encoder.remaining(), encoder.frames()), (before, 1));
    encoder.push(&run(100_000)).expect("a frame");
    let bytes = encoder.copy_to_bytes(encoder.remaining());
    assert_eq!(decode_all::<FromOwner>(&bytes), [FromOwner::Beat, run(100_000)]);
}
