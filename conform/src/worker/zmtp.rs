//! ZMTP 3.1, the server's end, by hand: a socket of a library would hide what a rule is about, such
//! as pings, the version that a peer greets with, and frames that no server would take.

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The largest frame that is read: far over what a worker may send.
const FRAME_BYTES_MAX: u64 = 64 << 20;
/// The most frames of a message that are read; a message may have 4,096.
const FRAMES_MAX: usize = 1 << 14;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// What a peer has shown in its handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) version: (u8, u8),
    pub(crate) socket_type: String,
}

/// What comes on a connection after the handshake.
#[derive(Debug)]
pub(crate) enum Came {
    Message(Vec<Bytes>),
    Ping(Bytes),
    Pong(Bytes),
}

/// Shakes hands as a server's socket of this type.
///
/// # Errors
/// In words, what the peer did wrong.
pub(crate) async fn shake_hands(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    socket_type: &str,
) -> Result<Greeting, String> {
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
    greeting.extend_from_slice(b"NULL");
    greeting.resize(64, 0);
    let gone = |error: std::io::Error| format!("the connection ended in the handshake: {error}");
    stream.write_all(&greeting).await.map_err(gone)?;
    let mut theirs = [0; 64];
    stream.read_exact(&mut theirs).await.map_err(gone)?;
    if (theirs[0], theirs[9]) != (0xff, 0x7f) {
        return Err("it does not begin as ZMTP does".to_owned());
    }
    let version = (theirs[10], theirs[11]);
    if version.0 < 3 {
        return Err(format!("it speaks ZMTP {}, not 3.0 or 3.1", version.0));
    }
    let mechanism = &theirs[12..32];
    if mechanism.trim_ascii_end_of_zeros() != b"NULL" {
        let mechanism = String::from_utf8_lossy(mechanism.trim_ascii_end_of_zeros()).into_owned();
        return Err(format!("its mechanism is {mechanism:?}, not NULL"));
    }
    let mut ready = BytesMut::from(&b"\x05READY"[..]);
    for (name, value) in [("Socket-Type", socket_type), ("Identity", "")] {
        ready.put_u8(u8::try_from(name.len()).unwrap_or(0));
        ready.put_slice(name.as_bytes());
        ready.put_u32(u32::try_from(value.len()).unwrap_or(0));
        ready.put_slice(value.as_bytes());
    }
    stream.write_all(&command_frame(&ready)).await.map_err(gone)?;
    stream.flush().await.map_err(gone)?;
    let (flags, body) = frame(stream).await?;
    let properties = body.strip_prefix(b"\x05READY").filter(|_| flags & COMMAND != 0);
    let properties = properties.ok_or("it did not answer the handshake with READY")?;
    let socket_type = socket_type_of(properties).ok_or("its READY names no Socket-Type")?;
    Ok(Greeting { version, socket_type })
}

trait Zeros {
    fn trim_ascii_end_of_zeros(&self) -> &[u8];
}

impl Zeros for [u8] {
    fn trim_ascii_end_of_zeros(&self) -> &[u8] {
        self.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

fn socket_type_of(mut properties: &[u8]) -> Option<String> {
    while let Some((&len, rest)) = properties.split_first() {
        let (name, rest) = rest.split_at_checked(len.into())?;
        let (len, rest) = rest.split_at_checked(4)?;
        let len = u32::from_be_bytes(len.try_into().ok()?);
        let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
        properties = rest;
    }
    None
}

/// The next message or command of the peer.
///
/// # Errors
/// In words, why there is none: the connection has ended, or what came is no ZMTP.
pub(crate) async fn next(stream: &mut (impl AsyncRead + Unpin)) -> Result<Came, String> {
    let mut frames = Vec::new();
    loop {
        let (flags, body) = frame(stream).await?;
        if flags & COMMAND != 0 {
            if let Some(ping) = body.strip_prefix(b"\x04PING") {
                return Ok(Came::Ping(Bytes::copy_from_slice(ping.get(2..).unwrap_or_default())));
            }
            if let Some(context) = body.strip_prefix(b"\x04PONG") {
                return Ok(Came::Pong(Bytes::copy_from_slice(context)));
            }
            continue;
        }
        frames.push(body);
        if flags & MORE == 0 {
            return Ok(Came::Message(frames));
        }
        if frames.len() > FRAMES_MAX {
            return Err(format!("a message of more than {FRAMES_MAX} frames"));
        }
    }
}

async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<(u8, Bytes), String> {
    let gone = |error: std::io::Error| error.to_string();
    let flags = stream.read_u8().await.map_err(gone)?;
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(format!("a frame with the flags {flags:#04x}, which is no ZMTP"));
    }
    let size = match flags & LONG {
        0 => u64::from(stream.read_u8().await.map_err(gone)?),
        _ => stream.read_u64().await.map_err(gone)?,
    };
    if size > FRAME_BYTES_MAX {
        return Err(format!("a frame of {size} bytes"));
    }
    let mut body = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    stream.read_exact(&mut body).await.map_err(gone)?;
    Ok((flags, body.into()))
}

/// A ZeroMQ message on the wire.
pub(crate) fn message(frames: &[Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let more = if at + 1 < frames.len() { MORE } else { 0 };
        put_frame(&mut out, more, frame);
    }
    out
}

/// A PING after which the peer may give up so many tenths of a second later.
pub(crate) fn ping(ttl_ds: u16, context: &[u8]) -> Vec<u8> {
    let mut body = b"\x04PING".to_vec();
    body.put_u16(ttl_ds);
    body.extend_from_slice(context);
    command_frame(&body)
}

/// The answer to a PING with this context.
pub(crate) fn pong(context: &[u8]) -> Vec<u8> {
    command_frame(&[b"\x04PONG", context].concat())
}

fn command_frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, COMMAND, body);
    out
}

fn put_frame(out: &mut Vec<u8>, flags: u8, body: &[u8]) {
    match u8::try_from(body.len()) {
        Ok(len) => out.extend_from_slice(&[flags, len]),
        Err(_) => {
            out.put_u8(flags | LONG);
            out.put_u64(body.len() as u64);
        }
    }
    out.extend_from_slice(body);
}
