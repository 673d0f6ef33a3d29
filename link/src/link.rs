//! A connection of a link whose ends trust each other.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Buf as _;
use tokio::io::{
    self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf,
};

use crate::codec::{Decoder, Encoder, Frame};
use crate::error::{Fault, LinkError};

/// After so many bytes what was read is given to whoever reads, though more may be at hand.
const READ_BYTES_MAX: usize = 256 << 10;
/// What waits to be written is written once it has so many bytes, though more may come.
const WRITE_BYTES: usize = 256 << 10;

/// A connection of a link.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    peer: String,
}

/// What one end reads of a connection.
#[derive(Debug)]
pub struct LinkReader<R> {
    stream: R,
    decoder: Decoder,
    peer: Arc<str>,
}

/// What one end writes to a connection.
#[derive(Debug)]
pub struct LinkWriter<W> {
    stream: W,
    encoder: Encoder,
    peer: Arc<str>,
}

impl<S: AsyncRead + AsyncWrite> Link<S> {
    /// Over a stream whose other end is trusted, and is called so.
    pub fn new(stream: S, peer: String) -> Self {
        Self { stream, peer }
    }

    /// What the other end is called, for people.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The stream, for what is not frames.
    pub fn into_io(self) -> S {
        self.stream
    }

    /// Both directions, for frames.
    pub fn split(self) -> (LinkReader<ReadHalf<S>>, LinkWriter<WriteHalf<S>>) {
        let (reader, writer) = io::split(self.stream);
        let peer: Arc<str> = self.peer.into();
        let reader = LinkReader { stream: reader, decoder: Decoder::default(), peer: peer.clone() };
        (reader, LinkWriter { stream: writer, encoder: Encoder::default(), peer })
    }
}

impl<R: AsyncRead + Unpin> LinkReader<R> {
    /// Appends the frames that are at hand, and waits for one if there is none. Returns how many
    /// there were, which is 0 once the other end writes no more. Nothing is lost if it is dropped.
    ///
    /// # Errors
    /// If the connection breaks, or ends inside a frame, or brings what is none. Frames that came
    /// before that are appended all the same.
    pub async fn read<F: Frame>(&mut self, frames: &mut Vec<F>) -> Result<usize, LinkError> {
        let before = frames.len();
        let read = poll_fn(|context| {
            let mut bytes = 0;
            loop {
                let room = self.decoder.room();
                match pin!(self.stream.read_buf(room)).poll(context) {
                    Poll::Ready(Ok(0)) if self.decoder.is_between_frames() => break,
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(Fault::Cut)),
                    Poll::Ready(Ok(more)) => bytes += more,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Pending if frames.len() > before => break,
                    Poll::Pending => return Poll::Pending,
                }
                while let Some(frame) = self.decoder.next_frame()? {
                    frames.push(frame);
                }
                if frames.len() > before && bytes >= READ_BYTES_MAX {
                    break;
                }
            }
            Poll::Ready(Ok(frames.len() - before))
        });
        read.await.map_err(|fault: Fault| fault.with(&self.peer))
    }

    /// How many frames there were so far, those among them that a later version knows and this one
    /// skipped.
    pub fn frames(&self) -> u64 {
        self.decoder.frames()
    }
}

impl<W: AsyncWrite + Unpin> LinkWriter<W> {
    /// Takes a frame, to be written with the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// If it cannot be one.
    pub fn push(&mut self, frame: &impl Frame) -> Result<(), LinkError> {
        self.encoder.push(frame).map_err(|bad| Fault::from(bad).with(&self.peer))
    }

    /// Takes frames, and writes those that are enough to be worth it. What is left is written with
    /// the next [`flush`](Self::flush). If it is dropped, frames that it has not come to are lost.
    ///
    /// # Errors
    /// If one of them cannot be one, or the connection breaks.
    pub async fn write<F: Frame>(
        &mut self,
        frames: impl IntoIterator<Item = F>,
    ) -> Result<(), LinkError> {
        for frame in frames {
            self.push(&frame)?;
            if self.encoder.remaining() >= WRITE_BYTES {
                self.drain().await?;
            }
        }
        Ok(())
    }

    /// Writes all that waits. Nothing is lost if it is dropped.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn flush(&mut self) -> Result<(), LinkError> {
        self.drain().await?;
        self.stream.flush().await.map_err(|error| Fault::from(error).with(&self.peer))
    }

    /// Writes all that waits, and says that nothing follows.
    ///
    /// # Errors
    /// If the connection breaks.
    pub async fn finish(mut self) -> Result<(), LinkError> {
        self.flush().await?;
        self.stream.shutdown().await.map_err(|error| Fault::from(error).with(&self.peer))
    }

    /// How many frames were taken so far: one that is too large counts as the several that it
    /// becomes. [`LinkReader::frames`] of the other end comes to the same.
    pub fn frames(&self) -> u64 {
        self.encoder.frames()
    }

    async fn drain(&mut self) -> Result<(), LinkError> {
        let written = self.stream.write_all_buf(&mut self.encoder).await;
        written.map_err(|error| Fault::from(error).with(&self.peer))
    }
}

#[cfg(test)]
mod tests;
