use proptest::prelude::*;

use super::*;

const LIMITS: Limits =
    Limits { frame_bytes_max: 1000, message_bytes_max: 2000, message_frames_max: 5 };

fn greeting() -> Vec<u8> {
    let mut greeting = vec![0; 64];
    greeting[0] = 0xFF;
    greeting[9] = 0x7F;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = header(flags, body.len() as u64);
    frame.extend_from_slice(body);
    frame
}

fn header(flags: u8, body_bytes: u64) -> Vec<u8> {
    let mut header = vec![flags];
    match u8::try_from(body_bytes) {
        Ok(short) if flags & FLAG_LONG == 0 => header.push(short),
        _ => {
            header[0] |= FLAG_LONG;
            header.extend_from_slice(&body_bytes.to_be_bytes());
        }
    }
    header
}

fn ready(socket_type: &[u8]) -> Vec<u8> {
    let mut body = b"\x05READY\x0bSocket-Type\0\0\0".to_vec();
    body.push(socket_type.len() as u8);
    body.extend_from_slice(socket_type);
    body.extend_from_slice(b"\x08Identity\0\0\0\0");
    frame(FLAG_COMMAND, &body)
}

fn shaken(rest: &[u8]) -> Vec<u8> {
    [greeting(), ready(b"PUSH"), rest.to_vec()].concat()
}

/// What a reader made of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judged {
    relayed: Vec<u8>,
    /// Offsets in `relayed`.
    boundaries: Vec<usize>,
    pings: Vec<Vec<u8>>,
    commands: usize,
    handshaken: bool,
    violation: Option<Violation>,
    between_messages: bool,
}

/// Feeds a stream in the given pieces, as the relay does, and checks what every walk promises.
/// The last boundary of each piece is kept, so boundaries are comparable only for equal pieces.
fn judge(reader: &mut FrameReader, pieces: &[&[u8]]) -> Judged {
    let mut judged = Judged::default();
    let mut carry = Vec::new();
    'pieces: for piece in pieces {
        let input = [&carry[..], piece].concat();
        let mut at = 0;
        loop {
            let walk = reader.walk(&input[at..]);
            if let Some(boundary) = walk.boundary {
                assert!(boundary <= walk.relay);
                judged.boundaries.push(judged.relayed.len() + boundary);
            }
            judged.relayed.extend_from_slice(&input[at..at + walk.relay]);
            at += walk.relay + walk.consume;
            match walk.stop {
                Stop::NeedMore => break,
                Stop::Handshaken => judged.handshaken = true,
                Stop::Ping(context) => judged.pings.push(context.to_vec()),
                Stop::Command => judged.commands += 1,
                Stop::Violation(violation) => {
                    judged.violation = Some(violation);
                    break 'pieces;
                }
            }
        }
        carry = input[at..].to_vec();
        assert!(carry.len() < CARRY_BYTES_MAX, "{} bytes were carried over", carry.len());
    }
    judged.between_messages = reader.is_between_messages();
    judged
}

fn judge_whole(stream: &[u8]) -> Judged {
    judge(&mut FrameReader::new(SocketType::Push, LIMITS), &[stream])
}

fn violation_after_handshake(rest: &[u8]) -> Option<Violation> {
    let stream = shaken(rest);
    let judged = judge_whole(&stream);
    assert!(judged.handshaken && stream.starts_with(&judged.relayed));
    judged.violation
}

#[test]
fn a_handshake_and_messages_go_on_as_they_are() {
    let messages =
        [frame(FLAG_MORE, b"ready"), frame(0, &[7; 300]), frame(0, b""), frame(FLAG_LONG, b"x")];
    let stream = shaken(&messages.concat());
    let judged = judge_whole(&stream);
    assert_eq!(judged.relayed, stream);
    assert!(judged.handshaken && judged.between_messages);
    assert_eq!(judged.violation, None);
    assert_eq!(judged.boundaries.last(), Some(&stream.len()));
}

#[test]
fn what_is_no_greeting_is_refused_with_the_byte_that_shows_it() {
    for (at, byte) in [(0, b'G'), (9, 0), (10, 2), (10, 0)] {
        let mut stream = greeting();
        stream[at] = byte;
        assert_eq!(judge_whole(&stream[..=at]).violation, Some(Violation::BadGreeting));
        assert_eq!(judge_whole(&stream[..at]).violation, None);
    }
}

#[test]
fn other_mechanisms_are_refused_and_later_versions_are_not() {
    for mechanism in [&b"PLAIN"[..], b"CURVE", b"NULLS", b""] {
        let mut stream = greeting();
        stream[12..17].fill(0);
        stream[12..12 + mechanism.len()].copy_from_slice(mechanism);
        assert_eq!(judge_whole(&stream).violation, Some(Violation::IncompatiblePeer));
    }
    let mut stream = greeting();
    stream[10] = 4;
    stream.extend(ready(b"PUSH"));
    assert!(judge_whole(&stream).handshaken);
}

#[test]
fn only_a_ready_of_the_right_type_completes_the_handshake() {
    for (command, violation) in [
        (ready(b"SUB"), Violation::IncompatiblePeer),
        (ready(b"PULL"), Violation::IncompatiblePeer),
        (ready(b"PUSHY"), Violation::IncompatiblePeer),
        (frame(FLAG_COMMAND, b"\x05ERROR\x04nope"), Violation::BadHandshake),
        (frame(FLAG_COMMAND, b"\x05READY"), Violation::BadHandshake),
        (frame(FLAG_COMMAND, b"\x05READY\x0bSocket-Type\0\0\0\x09PUSH"), Violation::BadHandshake),
        (frame(FLAG_COMMAND, b"\x05READY\x0bSocket-Type\xff\xff\xff\xff"), Violation::BadHandshake),
        (frame(FLAG_COMMAND, b"\x05READY\xff"), Violation::BadHandshake),
        (frame(FLAG_COMMAND, b""), Violation::BadHandshake),
        (frame(0, b"a message"), Violation::BadHandshake),
        (frame(FLAG_COMMAND | FLAG_MORE, b"\x05READY"), Violation::BadFrame),
        (header(FLAG_COMMAND, COMMAND_BYTES_MAX + 1), Violation::CommandTooLarge),
        (header(FLAG_COMMAND, u64::MAX), Violation::CommandTooLarge),
    ] {
        let judged = judge_whole(&[greeting(), command].concat());
        assert_eq!(judged.violation, Some(violation));
        assert!(!judged.handshaken);
    }
}

#[test]
fn heartbeats_are_known_from_version_3_1_on() {
    for (version, has_them) in [([3, 0], false), ([3, 1], true), ([4, 0], true)] {
        let mut stream = greeting();
        stream[10..12].copy_from_slice(&version);
        let mut reader = FrameReader::new(SocketType::Push, LIMITS);
        judge(&mut reader, &[&stream]);
        assert_eq!((reader.is_greeted(), reader.has_heartbeats()), (true, has_them));
    }
}

#[test]
fn a_property_name_is_read_in_any_case() {
    let command = frame(FLAG_COMMAND, b"\x05READY\x0bsocket-TYPE\0\0\0\x04PUSH");
    assert!(judge_whole(&[greeting(), command].concat()).handshaken);
}

#[test]
fn reserved_flags_and_commands_in_parts_are_refused() {
    for flags in 8..=u8::MAX {
        assert_eq!(violation_after_handshake(&[flags]), Some(Violation::BadFrame));
    }
    assert_eq!(violation_after_handshake(&[0b101]), Some(Violation::BadFrame));
    assert_eq!(violation_after_handshake(&[0b111]), Some(Violation::BadFrame));
}

#[test]
fn a_frame_over_the_limit_is_refused_and_its_header_does_not_go_on() {
    for body_bytes in [1001, 1 << 33, 1 << 62, 1 << 63, u64::MAX] {
        let good = shaken(&frame(FLAG_MORE, b"good"));
        let judged = judge_whole(&[good.clone(), header(0, body_bytes)].concat());
        assert_eq!(judged.violation, Some(Violation::FrameTooLarge));
        assert_eq!(judged.relayed, good);
    }
    assert_eq!(violation_after_handshake(&header(0, 1000)), None);
}

#[test]
fn a_message_is_limited_in_sum_and_its_overheads_count() {
    let exact = [frame(FLAG_MORE, &[0; 1000]), header(0, 2000 - 1000 - 2 * FRAME_OVERHEAD_BYTES)];
    assert_eq!(violation_after_handshake(&exact.concat()), None);
    let over = [frame(FLAG_MORE, &[0; 1000]), header(0, 2001 - 1000 - 2 * FRAME_OVERHEAD_BYTES)];
    assert_eq!(violation_after_handshake(&over.concat()), Some(Violation::MessageTooLarge));
}

#[test]
fn a_message_is_limited_in_frames_and_the_next_one_starts_afresh() {
    let five = [frame(FLAG_MORE, b"").repeat(4), frame(0, b"")].concat();
    assert_eq!(violation_after_handshake(&five.repeat(100)), None);
    let six = [frame(FLAG_MORE, b"").repeat(5), frame(0, b"")].concat();
    assert_eq!(violation_after_handshake(&six), Some(Violation::TooManyFrames));
}

#[test]
fn endless_empty_frames_are_stopped_by_the_sum_alone() {
    let limits = Limits { message_frames_max: u32::MAX, ..LIMITS };
    let stream = shaken(&frame(FLAG_MORE, b"").repeat(1000));
    let judged = judge(&mut FrameReader::new(SocketType::Push, limits), &[&stream]);
    assert_eq!(judged.violation, Some(Violation::MessageTooLarge));
    let frames = (judged.relayed.len() - shaken(b"").len()) / 2;
    assert_eq!(frames as u64, LIMITS.message_bytes_max / FRAME_OVERHEAD_BYTES);
}

#[test]
fn new_limits_apply_from_the_next_header_on_and_to_the_running_sum() {
    let mut reader = FrameReader::new(SocketType::Push, LIMITS);
    assert_eq!(judge(&mut reader, &[&shaken(&header(FLAG_MORE, 900))]).violation, None);
    let large = Limits { frame_bytes_max: 5000, message_bytes_max: 6000, message_frames_max: 5 };
    reader.set_limits(large);
    let judged = judge(&mut reader, &[&[0; 900], &frame(FLAG_MORE, &[0; 4900])]);
    assert_eq!(judged.violation, None);
    let judged = judge(&mut reader, &[&header(0, 100)]);
    assert_eq!(judged.violation, Some(Violation::MessageTooLarge));
}

#[test]
fn a_message_from_a_pull_is_refused() {
    let stream = [greeting(), ready(b"PULL"), frame(0, b"x")].concat();
    let judged = judge(&mut FrameReader::new(SocketType::Pull, LIMITS), &[&stream]);
    assert!(judged.handshaken);
    assert_eq!(judged.violation, Some(Violation::UnexpectedMessage));
}

#[test]
fn pings_are_told_and_no_command_goes_on() {
    let commands = [
        frame(FLAG_COMMAND, b"\x04PING\0\x0a"),
        frame(FLAG_COMMAND, b"\x04PING\0\x0a0123456789abcdef"),
        frame(FLAG_COMMAND, b"\x04PONG"),
        frame(FLAG_COMMAND, b"\x09SUBSCRIBEtopic"),
        frame(FLAG_COMMAND, b""),
    ];
    let stream = shaken(&[commands.concat(), frame(0, b"x")].concat());
    let judged = judge_whole(&stream);
    assert_eq!(judged.relayed, shaken(&frame(0, b"x")));
    assert_eq!(judged.pings, [b"".to_vec(), b"0123456789abcdef".to_vec()]);
    assert_eq!(judged.commands, 3);
    for bad in [&b"\x04PING\0"[..], b"\x04PING", b"\x04PING\0\x0a0123456789abcdefg"] {
        let ping = frame(FLAG_COMMAND, bad);
        assert_eq!(violation_after_handshake(&ping), Some(Violation::BadFrame));
    }
    let large = header(FLAG_COMMAND, COMMAND_BYTES_MAX + 1);
    assert_eq!(violation_after_handshake(&large), Some(Violation::CommandTooLarge));
}

/// A stream of valid and hostile parts.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![9 => 0..4u8, 1 => any::<u8>()];
    let part = prop_oneof![
        8 => (flags, prop::collection::vec(any::<u8>(), 0..600))
            .prop_map(|(flags, body)| frame(flags & !FLAG_COMMAND, &body)),
        2 => prop::collection::vec(any::<u8>(), 0..=16)
            .prop_map(|c| frame(FLAG_COMMAND, &[b"\x04PING\0\0", &c[..]].concat())),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|c| frame(FLAG_COMMAND, &c)),
        1 => any::<u64>().prop_map(|n| header(0, n)),
    ];
    let start = prop_oneof![8 => Just(shaken(b"")), 1 => Just(greeting()), 1 => Just(Vec::new())];
    (start, prop::collection::vec(part, 0..12))
        .prop_map(|(start, parts)| [start, parts.concat()].concat())
}

fn cut<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.push(stream.len());
    at.sort_unstable();
    let mut from = 0;
    at.into_iter().map(|to| &stream[std::mem::replace(&mut from, to)..to]).collect()
}

/// Boundaries are told once a walk, so they depend on the pieces.
fn without_boundaries(judged: Judged) -> Judged {
    Judged { boundaries: Vec::new(), ..judged }
}

proptest! {
    #[test]
    fn every_split_gives_what_the_whole_gives(
        stream in any_stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = without_boundaries(judge_whole(&stream));
        let mut reader = FrameReader::new(SocketType::Push, LIMITS);
        let pieces = judge(&mut reader, &cut(&stream, &cuts));
        prop_assert_eq!(&whole, &without_boundaries(pieces));
        let bytes: Vec<_> = stream.chunks(1).collect();
        let mut reader = FrameReader::new(SocketType::Push, LIMITS);
        let single = judge(&mut reader, &bytes);
        // Byte by byte no boundary is passed over, so all that were told must be among these.
        let told = judge_whole(&stream).boundaries;
        prop_assert!(told.iter().all(|at| single.boundaries.contains(at)));
        prop_assert_eq!(whole, without_boundaries(single));
    }

    #[test]
    fn noise_neither_panics_nor_gets_a_large_frame_through(
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let judged = judge_whole(&shaken(&noise));
        prop_assert!(judged.relayed.len() <= shaken(&noise).len());
        let _ = judge_whole(&noise);
    }
}
