//! Large WebSocket frames, read so that what held one is given back when it has been dealt with.
//!
//! The library reads a frame into one buffer, of which the message becomes a slice, and goes on
//! with what is left of that buffer as long as anything is: as much as had come together with the
//! frame's header. So a session would keep the room of a message of 4 MiB for as long as it is
//! open, and a hundred thousand could. Here the header of a large frame is handed on alone; its
//! buffer is then as long as the frame, nothing of it is left, and the next read is into another.
//!
//! The library reads into a buffer of the size that suits the many sessions which say little. What
//! is left of a large frame is taken from the system in larger pieces.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use acequia_ventilator::LARGE_MESSAGE_BYTES;
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::upgraded::Upgraded;

/// Payloads of fewer bytes are read as they come.
const LARGE_BYTES: u64 = LARGE_MESSAGE_BYTES as u64;
const HEADER_BYTES_MAX: usize = 14;
/// What is taken at once of a large frame, at most.
const PIECE_BYTES: usize = 64 << 10;

thread_local! {
    /// A piece lies here for as long as it takes to read it.
    static PIECE: RefCell<Box<[u8]>> = RefCell::new(vec![0; PIECE_BYTES].into());
}

/// A connection that may be upgraded to a WebSocket.
#[derive(Debug)]
pub(super) struct FrameByFrame<S> {
    stream: S,
    upgraded: Arc<Upgraded>,
    frames: Frames,
    /// Read, and not yet handed on.
    held: BytesMut,
}

impl<S> FrameByFrame<S> {
    pub(super) fn new(stream: S, upgraded: Arc<Upgraded>) -> Self {
        Self { stream, upgraded, frames: Frames::default(), held: BytesMut::new() }
    }

    /// Hands on what has been read, as far as it may.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let fits = self.held.len().min(buffer.remaining());
        let end = self.frames.walk(&self.held[..fits]);
        buffer.put_slice(&self.held[..end]);
        self.held.advance(end);
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }
}

impl<S: AsyncRead + Unpin> FrameByFrame<S> {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        PIECE.with_borrow_mut(|piece| {
            let mut piece = ReadBuf::new(piece);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
            self.held.extend_from_slice(piece.filled());
            Poll::Ready(Ok(()))
        })
    }
}

/// Where in its frames a WebSocket is.
#[derive(Debug, Default)]
struct Frames {
    /// What has come of the header at hand.
    header: [u8; HEADER_BYTES_MAX],
    come: usize,
    /// What is to come of the payload at hand.
    left: u64,
}

impl Frames {
    /// Walks over what came next, at most until behind the header of a large frame. Returns how far.
    fn walk(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            if self.left > 0 {
                let more = bytes.len() - at;
                let come = usize::try_from(self.left).map_or(more, |left| left.min(more));
                self.left -= come as u64;
                at += come;
                continue;
            }
            self.header[self.come] = bytes[at];
            self.come += 1;
            at += 1;
            if let Some(length) = payload_length(&self.header[..self.come]) {
                (self.come, self.left) = (0, length);
                if length >= LARGE_BYTES {
                    break;
                }
            }
        }
        at
    }
}

/// What the header says of its payload's length, once all of it has come.
fn payload_length(header: &[u8]) -> Option<u64> {
    let [_, second, rest @ ..] = header else { return None };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (length, bytes) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(*rest.first_chunk()?)), 2),
        127 => (u64::from_be_bytes(*rest.first_chunk()?), 8),
        short => (short.into(), 0),
    };
    (rest.len() == bytes + mask).then_some(length)
}

impl<S: AsyncRead + Unpin> AsyncRead for FrameByFrame<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let wants_piece = this.held.is_empty() && this.frames.left > buffer.remaining() as u64;
        if wants_piece {
            ready!(this.poll_piece(cx))?;
        }
        if wants_piece || !this.held.is_empty() {
            this.hand_on(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        if this.upgraded.is_upgraded() {
            let come = &buffer.filled()[before..];
            let end = this.frames.walk(come);
            this.held.extend_from_slice(&come[end..]);
            buffer.set_filled(before + end);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FrameByFrame<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::http::listener::place::Addresses;

    /// Frames of a client, with payloads of these lengths, and where each header ends.
    fn frames(lengths: &[u64]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for length in lengths {
            bytes.push(0x82);
            match *length {
                short @ 0..126 => bytes.push(0x80 | u8::try_from(short).expect("short")),
                medium @ 126..0x1_0000 => {
                    bytes.push(0x80 | 126);
                    bytes.extend(u16::try_from(medium).expect("medium").to_be_bytes());
                }
                long => {
                    bytes.push(0x80 | 127);
                    bytes.extend(long.to_be_bytes());
                }
            }
            bytes.extend([1, 2, 3, 4]);
            ends.push(bytes.len());
            bytes.extend((0..*length).map(|at| (at % 251) as u8));
        }
        (bytes, ends)
    }

    async fn read(bytes: &[u8], at_once: usize, upgraded: bool) -> Vec<Vec<u8>> {
        let address = crate::access::Peer::User(1_000);
        let place = Arc::new(Arc::new(Addresses::new(1)).place(address).expect("a place"));
        let state = Arc::new(Upgraded::default());
        if upgraded {
            state.upgrade(place);
        }
        let mut stream = FrameByFrame::new(bytes, state);
        let mut reads = Vec::new();
        loop {
            let mut buffer = vec![0; at_once];
            match stream.read(&mut buffer).await.expect("bytes in memory") {
                0 => return reads,
                come => reads.push(buffer[..come].to_vec()),
            }
        }
    }

    #[tokio::test]
    async fn the_header_of_a_large_frame_comes_alone() {
        let lengths = [5, 0, 125, 126, 4_095, 4_096, 3, 70_000, 1, 1, 65_535];
        let (bytes, ends) = frames(&lengths);
        for at_once in [1, 2, 3, 7, 100, 1_536, 5_000, 1 << 20] {
            let reads = read(&bytes, at_once, true).await;
            assert_eq!(reads.concat(), bytes, "{at_once} at once");
            let read_to: Vec<usize> = reads
                .iter()
                .scan(0, |to, read| {
                    *to += read.len();
                    Some(*to)
                })
                .collect();
            for (length, end) in lengths.iter().zip(&ends) {
                assert!(*length < LARGE_BYTES || read_to.contains(end), "{length}, {at_once}");
            }
        }
        let reads = read(&bytes, 1 << 20, true).await;
        assert_eq!(reads.len(), 4, "what is not large comes as it is");
    }

    #[tokio::test]
    async fn nothing_is_looked_at_before_the_upgrade() {
        let (bytes, _) = frames(&[5, 70_000]);
        assert_eq!(read(&bytes, 1 << 20, false).await, [bytes]);
    }
}
