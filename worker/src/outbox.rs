//! What waits to be sent, and how much of it goes into one ZeroMQ message.

use std::sync::Arc;

use acequia_wire::worker::{FromWorker, Packer, Ready};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::lane::Lane;

/// Messages that wait for the sender before their handlers wait.
pub(crate) const OUTBOX_MAX: usize = PACK_MESSAGES_MAX;
/// Most messages in one ZeroMQ message.
const PACK_MESSAGES_MAX: usize = 256;
/// Most bytes in one ZeroMQ message of several. A larger message goes alone, so only a single
/// result can ever come near the server's cap.
const PACK_BYTES_MAX: usize = 256 << 10;
/// What a message costs beside its body and its texts, in bytes: kind, id, keys of the head, and
/// the headers of four frames.
const MESSAGE_OVERHEAD: usize = 96;
/// Bytes that may wait inside the socket. Its own queue counts messages only, 100,000 of them.
const UNWRITTEN_BYTES_MAX: usize = 4 << 20;
/// The unit in which unwritten bytes are counted.
const UNIT: usize = 1 << 10;

const _: () = assert!(PACK_MESSAGES_MAX <= acequia_wire::limits::PACK_MAX as usize);
const _: () = assert!(PACK_BYTES_MAX < UNWRITTEN_BYTES_MAX);

/// A message on its way to the sender.
pub(crate) enum Outgoing {
    /// The answer to `hello`: from here on, this is the lane.
    Open(Arc<Lane>, Ready),
    /// About a job, or the lane.
    Message(FromWorker),
}

/// An outbox: both of its ends.
pub(crate) fn outbox() -> (mpsc::Sender<Outgoing>, mpsc::Receiver<Outgoing>) {
    mpsc::channel(OUTBOX_MAX)
}

/// Lays messages into ZeroMQ messages of bounded size.
#[derive(Default)]
pub(crate) struct Pack {
    packer: Packer,
    bytes: usize,
}

impl Pack {
    /// Whether `message` has to wait for the next ZeroMQ message. `max_body` is what the server
    /// takes in one body, and thereby in one message in sum.
    pub(crate) fn is_full_for(&self, message: &FromWorker, max_body: usize) -> bool {
        let messages = self.packer.messages();
        messages >= PACK_MESSAGES_MAX
            || (messages > 0 && self.bytes + size(message) > PACK_BYTES_MAX.min(max_body))
    }

    pub(crate) fn push(&mut self, message: FromWorker) {
        self.bytes += size(&message);
        message.encode(&mut self.packer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.packer.messages() == 0
    }

    /// The frames of the ZeroMQ message and their size in bytes; the pack is empty again.
    pub(crate) fn finish(&mut self) -> (Vec<Bytes>, usize) {
        (self.packer.finish(), std::mem::take(&mut self.bytes))
    }
}

/// About how many bytes `message` has on the wire.
fn size(message: &FromWorker) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    MESSAGE_OVERHEAD
        + match message {
            FromWorker::Done { body, .. } | FromWorker::Chunk { body, .. } => body.bytes().len(),
            FromWorker::Publish { topic, body, .. } => topic.len() + body.bytes().len(),
            FromWorker::Fail { code, message, .. } => text(code) + message.len(),
            FromWorker::Progress { progress, .. } => text(&progress.note),
            FromWorker::Ready(ready) => {
                let queues = ready.queues.iter().map(|queue| queue.as_str().len() + 2);
                queues.sum::<usize>() + text(&ready.name)
            }
            FromWorker::Beat { .. } | FromWorker::Bye { .. } => 0,
        }
}

/// How much the socket may hold that is not yet written to the connection.
///
/// `send` of the socket returns once a message is queued in memory. So each message carries a
/// permit in its last frame, which comes back when the socket has written the frame and drops it.
/// While no permit is free, results gather in the outbox, and then go out packed.
pub(crate) struct Unwritten(Arc<Semaphore>);

impl Unwritten {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(UNWRITTEN_BYTES_MAX / UNIT)))
    }

    /// Waits until `bytes` may be queued. A message larger than the whole window waits until it
    /// is alone in it.
    pub(crate) async fn admit(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = (bytes / UNIT + 1).min(UNWRITTEN_BYTES_MAX / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        // It is never closed.
        Arc::clone(&self.0).acquire_many_owned(units).await.ok()
    }
}

/// `frames` with the permit tied to the last of them.
pub(crate) fn tie(frames: &mut [Bytes], permit: Option<OwnedSemaphorePermit>) {
    if let (Some(last), Some(permit)) = (frames.last_mut(), permit) {
        let bytes = std::mem::take(last);
        *last = Bytes::from_owner(Tied { bytes, _permit: permit });
    }
}

struct Tied {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Tied {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use acequia_wire::{Body, ContentType, JobId};

    use super::*;

    fn done(bytes: usize) -> FromWorker {
        let body = Body::new(Some(ContentType::Octets), vec![0; bytes].into());
        FromWorker::Done { job: JobId::from_bytes([7; 16]), body }
    }

    #[test]
    fn a_pack_is_bounded_in_messages_and_bytes() {
        let mut pack = Pack::default();
        assert!(!pack.is_full_for(&done(8 << 20), 8 << 20), "a large one goes alone");
        for _ in 0..PACK_MESSAGES_MAX {
            assert!(!pack.is_full_for(&done(10), 8 << 20));
            pack.push(done(10));
        }
        assert!(pack.is_full_for(&done(0), 8 << 20));
        let (frames, _) = pack.finish();
        assert_eq!(frames.len(), PACK_MESSAGES_MAX * 4);

        pack.push(done(200 << 10));
        assert!(pack.is_full_for(&done(100 << 10), 8 << 20));
        assert!(!pack.is_full_for(&done(1 << 10), 8 << 20));
        assert!(pack.is_full_for(&done(10), 1 << 10), "a server that takes little");
    }

    #[tokio::test]
    async fn a_permit_returns_with_the_frame() {
        let unwritten = Unwritten::new();
        let permit = unwritten.admit(100 << 20).await;
        let mut frames = vec![Bytes::from_static(b"head"), Bytes::from_static(b"body")];
        tie(&mut frames, permit);
        assert_eq!(frames, ["head", "body"]);
        let more = unwritten.admit(1);
        tokio::pin!(more);
        assert!(futures_util::poll!(more.as_mut()).is_pending());
        drop(frames);
        assert!(more.await.is_some());
    }
}
