//! A reader of ZMTP 3 frame headers: one direction of one connection, without IO.
//!
//! It says of each byte whether it goes on or is the gate's own, and stops at the first thing
//! that must not go on. It holds no bytes at all: what cannot be judged yet, a header or a command
//! that is cut off, is left with the caller, who presents it again with more behind it. That is
//! never more than [`CARRY_BYTES_MAX`]. Payload is skipped by arithmetic.
//!
//! What a frame means, and any IO, may not live here.

mod handshake;
mod violation;

pub(crate) use handshake::ready_socket_type;
pub use handshake::{PING_CONTEXT_BYTES_MAX, SocketType};
pub use violation::Violation;

/// What each frame counts beside its payload, in bytes: what the socket's queue spends to keep
/// one. It is also what ends an endless message of empty frames.
pub const FRAME_OVERHEAD_BYTES: u64 = 64;
/// Largest ZMTP command, in bytes without its frame header. A READY has a socket type, an
/// identity of up to 255 bytes and perhaps a few properties of the application.
pub const COMMAND_BYTES_MAX: u64 = 1024;
/// The most bytes that one [`walk`](FrameReader::walk) leaves to be presented again.
pub const CARRY_BYTES_MAX: usize = LONG_HEADER_BYTES + COMMAND_BYTES_MAX as usize;

const LONG_HEADER_BYTES: usize = 9;
const FLAG_MORE: u8 = 0b001;
const FLAG_LONG: u8 = 0b010;
const FLAG_COMMAND: u8 = 0b100;

const _: () = assert!(handshake::GREETING_BYTES <= CARRY_BYTES_MAX);

/// How much one connection may send. A change applies from the next frame header on, and to the
/// sum of the message under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest frame, in bytes.
    pub frame_bytes_max: u64,
    /// Largest message, in bytes: its frames in sum and [`FRAME_OVERHEAD_BYTES`] for each.
    pub message_bytes_max: u64,
    /// Most frames in one message.
    pub message_frames_max: u32,
}

impl Limits {
    /// No limit: for the direction that comes from our own socket.
    pub const NONE: Self = Self {
        frame_bytes_max: u64::MAX,
        message_bytes_max: u64::MAX,
        message_frames_max: u32::MAX,
    };
}

/// What one [`walk`](FrameReader::walk) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk<'a> {
    /// So many bytes, from the start of the input, go on as they are.
    pub relay: usize,
    /// So many bytes after them are the gate's own and go no further.
    pub consume: usize,
    /// Within `relay`, the end of the last whole message or command, if one ended there: the last
    /// place where something else may be put in between.
    pub boundary: Option<usize>,
    /// Why the walk stopped there.
    pub stop: Stop<'a>,
}

/// Why a [`Walk`] stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop<'a> {
    /// What follows, if anything, is cut off: present it again with more behind it.
    NeedMore,
    /// The READY has passed, the handshake of this direction is complete. Walk on.
    Handshaken,
    /// A PING, to be answered with a PONG that carries this context. Walk on.
    Ping(&'a [u8]),
    /// Another command, which nobody needs. Walk on.
    Command,
    /// What follows must not go on, and nothing after it can be read.
    Violation(Violation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Ready,
    Traffic,
}

struct Header {
    flags: u8,
    header_bytes: usize,
    body_bytes: u64,
}

/// Walks one direction of one connection.
///
/// ```text
/// Greeting ──64 bytes──▶ Ready ──READY──▶ Traffic ──frames and commands──▶ Traffic
/// ```
/// Anything else in a state is a [`Violation`], and final.
#[derive(Clone, Debug)]
pub struct FrameReader {
    socket_type: SocketType,
    limits: Limits,
    phase: Phase,
    /// Whether the greeting was of a version that has PING.
    has_heartbeats: bool,
    /// Bytes of the frame under way that have yet to come.
    payload_left: u64,
    /// Bytes of the message under way, overheads included; 0 between messages.
    message_bytes: u64,
    /// Frames of the message under way.
    message_frames: u32,
    /// Whether the frame under way, or the last one, is followed by one of the same message.
    more: bool,
}

impl FrameReader {
    /// A reader at the start of the greeting of a peer that has to be of this type.
    pub const fn new(socket_type: SocketType, limits: Limits) -> Self {
        Self {
            socket_type,
            limits,
            phase: Phase::Greeting,
            has_heartbeats: false,
            payload_left: 0,
            message_bytes: 0,
            message_frames: 0,
            more: false,
        }
    }

    /// Changes the limits, from the next frame header on.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether the greeting has passed.
    pub const fn is_greeted(&self) -> bool {
        !matches!(self.phase, Phase::Greeting)
    }

    /// Whether the greeting was of a version of ZMTP that has PING. Others may take it for an error.
    pub const fn has_heartbeats(&self) -> bool {
        self.has_heartbeats
    }

    /// Whether greeting and READY have passed.
    pub const fn is_handshaken(&self) -> bool {
        matches!(self.phase, Phase::Traffic)
    }

    /// Whether what was relayed so far ends between two messages.
    pub const fn is_between_messages(&self) -> bool {
        matches!(self.phase, Phase::Traffic) && self.payload_left == 0 && !self.more
    }

    /// Walks as far as `input` goes or to the next [`Stop`]. `input` starts with what the last
    /// walk left unjudged.
    pub fn walk<'a>(&mut self, input: &'a [u8]) -> Walk<'a> {
        match self.phase {
            Phase::Greeting => self.walk_greeting(input),
            Phase::Ready => self.walk_ready(input),
            Phase::Traffic => self.walk_traffic(input),
        }
    }

    fn walk_greeting<'a>(&mut self, input: &'a [u8]) -> Walk<'a> {
        match handshake::check_greeting(input) {
            Ok(true) => {
                self.phase = Phase::Ready;
                self.has_heartbeats = handshake::has_heartbeats(input);
                let mut walk = self.walk_ready(&input[handshake::GREETING_BYTES..]);
                walk.relay += handshake::GREETING_BYTES;
                walk.boundary = walk.boundary.map(|end| end + handshake::GREETING_BYTES);
                walk
            }
            Ok(false) => stop_at(0, None, Stop::NeedMore),
            Err(violation) => stop_at(0, None, Stop::Violation(violation)),
        }
    }

    fn walk_ready<'a>(&mut self, input: &'a [u8]) -> Walk<'a> {
        let stop = match whole_command(input) {
            Ok(None) => Stop::NeedMore,
            Err(violation) => Stop::Violation(violation),
            Ok(Some((body, end))) => match handshake::check_ready(body, self.socket_type) {
                Err(violation) => Stop::Violation(violation),
                Ok(()) => {
                    self.phase = Phase::Traffic;
                    return stop_at(end, Some(end), Stop::Handshaken);
                }
            },
        };
        stop_at(0, None, stop)
    }

    fn walk_traffic<'a>(&mut self, input: &'a [u8]) -> Walk<'a> {
        let mut at = 0;
        let mut boundary = None;
        loop {
            let rest = input.len() - at;
            // A frame larger than memory's addresses is larger than any input, too.
            let payload = usize::try_from(self.payload_left).unwrap_or(usize::MAX);
            if payload > rest {
                self.payload_left -= rest as u64;
                return stop_at(input.len(), boundary, Stop::NeedMore);
            }
            at += payload;
            self.payload_left = 0;
            if !self.more && self.message_frames > 0 {
                self.message_frames = 0;
                self.message_bytes = 0;
                boundary = Some(at);
            }
            let header = match read_header(&input[at..]) {
                Ok(Some(header)) => header,
                Ok(None) => return stop_at(at, boundary, Stop::NeedMore),
                Err(violation) => return stop_at(at, boundary, Stop::Violation(violation)),
            };
            if header.flags & FLAG_COMMAND != 0 {
                return walk_command(input, at, boundary);
            }
            if let Err(violation) = self.admit_frame(&header) {
                return stop_at(at, boundary, Stop::Violation(violation));
            }
            at += header.header_bytes;
        }
    }

    fn admit_frame(&mut self, header: &Header) -> Result<(), Violation> {
        if self.socket_type == SocketType::Pull {
            return Err(Violation::UnexpectedMessage);
        }
        if header.body_bytes > self.limits.frame_bytes_max {
            return Err(Violation::FrameTooLarge);
        }
        if self.message_frames >= self.limits.message_frames_max {
            return Err(Violation::TooManyFrames);
        }
        let message_bytes = self
            .message_bytes
            .saturating_add(header.body_bytes)
            .saturating_add(FRAME_OVERHEAD_BYTES);
        if message_bytes > self.limits.message_bytes_max {
            return Err(Violation::MessageTooLarge);
        }
        self.message_bytes = message_bytes;
        self.message_frames += 1;
        self.payload_left = header.body_bytes;
        self.more = header.flags & FLAG_MORE != 0;
        Ok(())
    }
}

/// A command amid the traffic: the gate's own business, for the sockets behind it fail on any.
fn walk_command(input: &[u8], at: usize, boundary: Option<usize>) -> Walk<'_> {
    let (body, bytes) = match whole_command(&input[at..]) {
        Ok(Some(command)) => command,
        Ok(None) => return stop_at(at, boundary, Stop::NeedMore),
        Err(violation) => return stop_at(at, boundary, Stop::Violation(violation)),
    };
    match handshake::ping_context(body) {
        Ok(Some(context)) => {
            Walk { relay: at, consume: bytes, boundary, stop: Stop::Ping(context) }
        }
        Ok(None) => Walk { relay: at, consume: bytes, boundary, stop: Stop::Command },
        Err(violation) => stop_at(at, boundary, Stop::Violation(violation)),
    }
}

const fn stop_at(relay: usize, boundary: Option<usize>, stop: Stop<'_>) -> Walk<'_> {
    Walk { relay, consume: 0, boundary, stop }
}

/// The header at the start of `input`, if it is all there. Its flags are judged as soon as they
/// are.
fn read_header(input: &[u8]) -> Result<Option<Header>, Violation> {
    let Some(&flags) = input.first() else { return Ok(None) };
    let known = flags & !(FLAG_MORE | FLAG_LONG | FLAG_COMMAND) == 0;
    if !known || (flags & FLAG_COMMAND != 0 && flags & FLAG_MORE != 0) {
        return Err(Violation::BadFrame);
    }
    if flags & FLAG_LONG == 0 {
        let length = input.get(1);
        return Ok(length.map(|&n| Header { flags, header_bytes: 2, body_bytes: u64::from(n) }));
    }
    let length = input.get(1..).and_then(|rest| rest.first_chunk::<8>());
    Ok(length.map(|bytes| Header {
        flags,
        header_bytes: LONG_HEADER_BYTES,
        body_bytes: u64::from_be_bytes(*bytes),
    }))
}

/// The command at the start of `input` and the bytes it takes with its header, once all of it is
/// there.
fn whole_command(input: &[u8]) -> Result<Option<(&[u8], usize)>, Violation> {
    match input.first() {
        Some(flags) if flags & FLAG_COMMAND == 0 => return Err(Violation::BadHandshake),
        _ => {}
    }
    let Some(header) = read_header(input)? else { return Ok(None) };
    if header.body_bytes > COMMAND_BYTES_MAX {
        return Err(Violation::CommandTooLarge);
    }
    let end = header.header_bytes + header.body_bytes as usize;
    Ok(input.get(header.header_bytes..end).map(|body| (body, end)))
}

#[cfg(test)]
mod tests;
