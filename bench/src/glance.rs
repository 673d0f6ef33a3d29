//! A glance at an event.
//!
//! To decode each event would cost about as much as an echo server does, so a look at its first
//! keys must do for what comes by the hundred thousand; all else is decoded.

use acequia_wire::client::{Encoding, Event};
use bytes::Bytes;

use super::jobs::outcome;

/// What a message of the server means to the bench.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    Accepted,
    /// The job of this number has ended, or was rejected.
    Ended {
        job: usize,
        is_done: bool,
    },
    /// Nothing that is counted.
    Other,
}

/// What the message says. An error if it is one, or the server's goodbye.
pub(crate) fn read(encoding: Encoding, message: &Bytes) -> anyhow::Result<News> {
    if let Some(news) = glance(encoding, message) {
        return Ok(news);
    }
    let event = Event::decode(encoding, message)?.0;
    let ended = outcome(&event)?;
    Ok(ended.map_or(News::Other, |(job, is_done)| News::Ended { job, is_done }))
}

/// Reads as much as is needed of an event whose first keys are `ev` and `id`.
fn glance(encoding: Encoding, message: &[u8]) -> Option<News> {
    let (accepted, started, done): (&[u8], &[u8], &[u8]) = match encoding {
        Encoding::Json => (b"\"accepted\"", b"\"started\"", b"\"done\",\"id\":"),
        Encoding::MsgPack => (b"\xa8accepted", b"\xa7started", b"\xa4done\xa2id"),
    };
    let after_ev = match encoding {
        Encoding::Json => message.strip_prefix(b"{\"ev\":"),
        // The first byte is the map's, and says how many keys it has.
        Encoding::MsgPack => message.get(1..)?.strip_prefix(b"\xa2ev"),
    }?;
    if after_ev.starts_with(accepted) {
        return Some(News::Accepted);
    }
    if after_ev.starts_with(started) {
        return Some(News::Other);
    }
    let id = after_ev.strip_prefix(done)?;
    let job = match (encoding, id) {
        (Encoding::MsgPack, [n @ 0..0x80, ..] | [0xcc, n, ..]) => usize::from(*n),
        (Encoding::MsgPack, [0xcd, high, low, ..]) => u16::from_be_bytes([*high, *low]).into(),
        (Encoding::MsgPack, _) => return None,
        (Encoding::Json, digits) => {
            let len = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
            std::str::from_utf8(&digits[..len]).ok()?.parse().ok()?
        }
    };
    Some(News::Ended { job, is_done: true })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use acequia_wire::client::JobEvent;
    use acequia_wire::{ContentType, CorrelationId, JobId, Payload};

    use super::*;

    fn seen(encoding: Encoding, id: i64, what: JobEvent) -> Option<News> {
        let event =
            Event::Job { id: CorrelationId::Int(id), job: JobId::now(), what, traceparent: None };
        let mut text = String::new();
        event.encode_json(None, &mut text);
        match encoding {
            Encoding::Json => glance(encoding, text.as_bytes()),
            Encoding::MsgPack => glance(encoding, &event.encode_msgpack(None)),
        }
    }

    #[test]
    fn a_glance_knows_what_comes_often_as_the_server_writes_it() {
        let payload = Payload::new(ContentType::Json, Bytes::from_static(b"1")).expect("JSON");
        let started = || JobEvent::Started { attempt: 1, worker: Arc::from("w") };
        for encoding in Encoding::ALL {
            for id in [0, 7, 127, 128, 300, 65_535] {
                let done = JobEvent::Done { result: payload.clone() };
                let job = usize::try_from(id).expect("small");
                assert_eq!(seen(encoding, id, done), Some(News::Ended { job, is_done: true }));
            }
            assert_eq!(seen(encoding, 1, JobEvent::Accepted), Some(News::Accepted));
            assert_eq!(seen(encoding, 1, started()), Some(News::Other));
            assert_eq!(seen(encoding, 1, JobEvent::Cancelled), None, "to be decoded");
        }
    }
}
