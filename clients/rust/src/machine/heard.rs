//! Messages of the server, as the machine hears them.

use acequia_wire::client::{BadEvent, Encoding, Event, UnknownRefusal};
use bytes::Bytes;

/// One message of the server.
#[derive(Debug)]
pub(crate) enum Heard {
    Event(Event),
    /// A refusal whose code this version does not know.
    Refusal(UnknownRefusal),
}

impl Heard {
    /// What a message says, and its number; `None` if it is nothing that this version knows.
    ///
    /// # Errors
    /// If it is no message of the protocol.
    pub(crate) fn decode(
        encoding: Encoding,
        message: &Bytes,
    ) -> Result<Option<(Self, Option<u64>)>, BadEvent> {
        match Event::decode(encoding, message) {
            Ok((event, seq)) => Ok(Some((Self::Event(event), seq))),
            Err(BadEvent::Code(refusal)) => {
                let seq = refusal.seq;
                Ok(Some((Self::Refusal(*refusal), seq)))
            }
            // New events may come without a new version of the protocol.
            Err(BadEvent::Unknown(_)) => Ok(None),
            Err(bad) => Err(bad),
        }
    }
}
