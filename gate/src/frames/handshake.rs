//! The fixed parts of ZMTP 3: greeting, READY, PING. Pure functions over bytes.

use super::violation::Violation;

/// Longest context that a PING may carry, in bytes.
pub const PING_CONTEXT_BYTES_MAX: usize = 16;

/// The socket type that the READY of a direction has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketType {
    /// It pushes messages.
    Push,
    /// It pulls them, and sends none: a message in this direction is a violation.
    Pull,
}

/// Length of the greeting.
pub(super) const GREETING_BYTES: usize = 64;

const SIGNATURE_FIRST: u8 = 0xFF;
const SIGNATURE_LAST: u8 = 0x7F;
const SIGNATURE_LAST_AT: usize = 9;
const VERSION_MAJOR_AT: usize = 10;
const VERSION_MAJOR_MIN: u8 = 3;
const MECHANISM_AT: std::ops::Range<usize> = 12..32;
const MECHANISM_NULL: &[u8] = b"NULL";

/// Whether the greeting at the start of `input` is all there. What is there is judged at once, so
/// that a browser on the wrong port is sent away with its first byte.
pub(super) fn check_greeting(input: &[u8]) -> Result<bool, Violation> {
    let fails = |at: usize, good: fn(u8) -> bool| input.get(at).is_some_and(|&byte| !good(byte));
    if fails(0, |byte| byte == SIGNATURE_FIRST)
        || fails(SIGNATURE_LAST_AT, |byte| byte == SIGNATURE_LAST)
        || fails(VERSION_MAJOR_AT, |byte| byte >= VERSION_MAJOR_MIN)
    {
        return Err(Violation::BadGreeting);
    }
    let Some(greeting) = input.get(..GREETING_BYTES) else { return Ok(false) };
    let (name, padding) = greeting[MECHANISM_AT].split_at(MECHANISM_NULL.len());
    if name != MECHANISM_NULL || padding.iter().any(|&byte| byte != 0) {
        return Err(Violation::IncompatiblePeer);
    }
    Ok(true)
}

/// Judges the command that has to be a READY of the given socket type.
pub(super) fn check_ready(body: &[u8], expected: SocketType) -> Result<(), Violation> {
    let expected: &[u8] = match expected {
        SocketType::Push => b"PUSH",
        SocketType::Pull => b"PULL",
    };
    match ready_socket_type(body) {
        Some(named) if named == expected => Ok(()),
        Some(_) => Err(Violation::IncompatiblePeer),
        None => Err(Violation::BadHandshake),
    }
}

/// The socket type that a READY names; `None` if it is none, or cannot be read.
pub(crate) fn ready_socket_type(body: &[u8]) -> Option<&[u8]> {
    let mut properties = body.strip_prefix(b"\x05READY")?;
    let mut named = None;
    while !properties.is_empty() {
        let (name, value, rest) = split_property(properties)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            named = Some(value);
        }
        properties = rest;
    }
    named
}

/// Whether a whole greeting is of a version that has PING and PONG: from 3.1 on.
pub(super) fn has_heartbeats(greeting: &[u8]) -> bool {
    let version = greeting.get(VERSION_MAJOR_AT..).and_then(|rest| rest.first_chunk::<2>());
    version.is_some_and(|version| *version >= [VERSION_MAJOR_MIN, 1])
}

/// Name, value, and what follows them.
fn split_property(input: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&name_bytes, input) = input.split_first()?;
    let (name, input) = input.split_at_checked(usize::from(name_bytes))?;
    let (value_bytes, input) = input.split_first_chunk::<4>()?;
    let value_bytes = usize::try_from(u32::from_be_bytes(*value_bytes)).ok()?;
    let (value, rest) = input.split_at_checked(value_bytes)?;
    Some((name, value, rest))
}

/// The context of a PING; `None` for any other command.
pub(super) fn ping_context(body: &[u8]) -> Result<Option<&[u8]>, Violation> {
    let Some(rest) = body.strip_prefix(b"\x04PING") else { return Ok(None) };
    // The two bytes of TTL say when the peer gives up; the gate answers at once.
    match rest.split_at_checked(2) {
        Some((_ttl, context)) if context.len() <= PING_CONTEXT_BYTES_MAX => Ok(Some(context)),
        _ => Err(Violation::BadFrame),
    }
}
