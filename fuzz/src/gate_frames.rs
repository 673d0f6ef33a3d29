//! One direction of a worker's connection, as the gate walks it.
//!
//! The first byte says who speaks and to which limits, the second and third how the rest is cut
//! into pieces.

use acequia_gate::frames::{
    CARRY_BYTES_MAX, FrameReader, PING_CONTEXT_BYTES_MAX, SocketType, Stop, Violation,
};
use acequia_gate::{GateConfig, Limits};

use crate::heap::peak_of;

/// Small, so that inputs of a few bytes come to each of them.
const SMALL: Limits =
    Limits { frame_bytes_max: 300, message_bytes_max: 700, message_frames_max: 4 };

/// What came of a stream, however it was cut.
#[derive(Debug, Default, PartialEq, Eq)]
struct Judged {
    relayed: Vec<u8>,
    consumed: usize,
    handshaken: bool,
    pings: Vec<Vec<u8>>,
    commands: usize,
    violation: Option<Violation>,
    between_messages: bool,
}

/// Checks what is said of an input in README.md.
pub fn check(data: &[u8]) {
    let Some(([who, first, step], stream)) = data.split_first_chunk() else { return };
    let socket_type = if who & 1 == 0 { SocketType::Push } else { SocketType::Pull };
    let limits = match who >> 1 & 3 {
        0 => SMALL,
        1 => GateConfig::default().not_ready_limits,
        2 => GateConfig::default().limits,
        _ => Limits::NONE,
    };
    let reader = FrameReader::new(socket_type, limits);
    let whole = judge(reader.clone(), &mut std::iter::once(stream));
    let (start, rest) = stream.split_at(usize::from(*first).min(stream.len()));
    let mut cut = std::iter::once(start).chain(rest.chunks(usize::from(*step).max(1)));
    assert_eq!(judge(reader.clone(), &mut cut), whole);
    assert_eq!(judge(reader, &mut stream.chunks(1)), whole);
}

/// Gives a reader the pieces of a stream as the relay does, and checks what each walk promises.
fn judge(mut reader: FrameReader, pieces: &mut dyn Iterator<Item = &[u8]>) -> Judged {
    let mut judged = Judged::default();
    let mut carry = Vec::new();
    while judged.violation.is_none()
        && let Some(piece) = pieces.next()
    {
        let input = [&carry, piece].concat();
        let mut rest = &input[..];
        loop {
            let (walk, held) = peak_of(|| reader.walk(rest));
            assert_eq!(held, 0, "a reader holds no bytes");
            assert!(walk.boundary.is_none_or(|boundary| boundary <= walk.relay));
            judged.relayed.extend_from_slice(&rest[..walk.relay]);
            judged.consumed += walk.consume;
            let before = rest.len();
            rest = &rest[walk.relay + walk.consume..];
            match walk.stop {
                Stop::NeedMore => break,
                Stop::Handshaken => {
                    assert!(!judged.handshaken && reader.is_handshaken());
                    judged.handshaken = true;
                }
                Stop::Ping(context) => {
                    assert!(judged.handshaken && context.len() <= PING_CONTEXT_BYTES_MAX);
                    judged.pings.push(context.to_vec());
                }
                Stop::Command => judged.commands += 1,
                Stop::Violation(violation) => {
                    judged.violation = Some(violation);
                    break;
                }
            }
            assert!(rest.len() < before, "a walk that stopped for nothing");
        }
        carry = rest.to_vec();
        assert!(
            judged.violation.is_some() || carry.len() < CARRY_BYTES_MAX,
            "{} bytes",
            carry.len()
        );
    }
    judged.between_messages = judged.violation.is_none() && reader.is_between_messages();
    judged
}
