//! What waits to be sent, and leaves together.

use std::collections::VecDeque;

use acequia_wire::client::{Encoding, Op};
use acequia_wire::limits::{MESSAGE_BYTES_MAX, OPS_PER_MESSAGE_MAX};
use bytes::{BufMut as _, Bytes, BytesMut};

use super::pace::Pace;
use super::time::Ms;

/// Ops are gathered into a message up to so many bytes. A larger one would only hold up what comes after.
const GATHERED_BYTES: usize = 256 << 10;
/// What an array takes beside its ops in MessagePack; in JSON it is a comma for each of them, and one more.
const HEAD_BYTES: usize = 3;

/// One thing that waits.
#[derive(Debug)]
enum Item {
    Op(Bytes),
    /// A job that is to be submitted, unless it has ended before.
    Job(i64),
}

/// In the order in which it is sent.
#[derive(Debug)]
pub(super) struct Outbox {
    encoding: Encoding,
    items: VecDeque<Item>,
    pace: Pace,
    message_bytes: usize,
    /// When more may go, if the pace holds something back.
    held_until: Option<Ms>,
}

/// What the next message is made of.
pub(super) enum Next {
    /// Nothing is to be sent now.
    Nothing,
    /// And the jobs that are in it, which count as sent.
    Message(Bytes, Vec<i64>),
    /// A job that no message can hold: the server would hang up on it, again at each time it is sent.
    TooLarge { id: i64, bytes: usize, most: usize },
}

impl Outbox {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            items: VecDeque::new(),
            pace: Pace::new(),
            message_bytes: MESSAGE_BYTES_MAX,
            held_until: None,
        }
    }

    /// A connection begins, and nothing waits for it.
    pub(super) fn begin(&mut self, ops_per_s: usize, message_bytes: usize, now: Ms) {
        self.clear();
        self.message_bytes = message_bytes;
        self.pace.begin(ops_per_s, now);
    }

    pub(super) fn op(&mut self, op: &Op) {
        self.items.push_back(Item::Op(op.encode(self.encoding).into()));
    }

    pub(super) fn job(&mut self, id: i64) {
        self.items.push_back(Item::Job(id));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.held_until = None;
    }

    /// The server says that it gets more than it takes.
    pub(super) fn refused(&mut self, now: Ms) {
        self.pace.refused(now);
    }

    /// When something waits that the pace holds back.
    pub(super) fn due(&self) -> Option<Ms> {
        self.held_until.filter(|_| !self.is_empty())
    }

    /// The next message. `part_of` gives the op of a job; none if it has ended.
    pub(super) fn next(&mut self, now: Ms, part_of: impl Fn(i64) -> Option<Bytes>) -> Next {
        self.held_until = None;
        if self.items.is_empty() {
            return Next::Nothing;
        }
        let allowed = self.pace.allowed(now).min(OPS_PER_MESSAGE_MAX);
        let room = GATHERED_BYTES.min(self.message_bytes);
        let (mut parts, mut jobs, mut bytes) = (Vec::new(), Vec::new(), HEAD_BYTES);
        while parts.len() < allowed
            && let Some(item) = self.items.pop_front()
        {
            let (id, part) = match item {
                Item::Op(part) => (None, part),
                Item::Job(id) => match part_of(id) {
                    Some(part) => (Some(id), part),
                    None => continue,
                },
            };
            if let Some(id) = id
                && part.len() > self.message_bytes
            {
                // What was gathered goes first, and then it is this one's turn again.
                if parts.is_empty() {
                    return Next::TooLarge { id, bytes: part.len(), most: self.message_bytes };
                }
                self.items.push_front(Item::Job(id));
                break;
            }
            if !parts.is_empty() && bytes + part.len() + 1 > room {
                self.items.push_front(id.map_or(Item::Op(part), Item::Job));
                break;
            }
            bytes += part.len() + 1;
            parts.push(part);
            jobs.extend(id);
        }
        if parts.is_empty() {
            if !self.items.is_empty() {
                self.held_until = Some(now + self.pace.wait());
            }
            return Next::Nothing;
        }
        self.pace.spend(parts.len());
        Next::Message(joined(parts, bytes, self.encoding), jobs)
    }
}

/// One message of all these ops.
fn joined(mut parts: Vec<Bytes>, bytes: usize, encoding: Encoding) -> Bytes {
    if parts.len() == 1
        && let Some(part) = parts.pop()
    {
        return part;
    }
    let mut out = BytesMut::with_capacity(bytes);
    match encoding {
        Encoding::Json => {
            for (nth, part) in parts.iter().enumerate() {
                out.put_u8(if nth == 0 { b'[' } else { b',' });
                out.put_slice(part);
            }
            out.put_u8(b']');
        }
        Encoding::MsgPack => {
            // An array of at most 65,535.
            out.put_u8(0xdc);
            out.put_u16(u16::try_from(parts.len()).unwrap_or(u16::MAX));
            parts.iter().for_each(|part| out.put_slice(part));
        }
    }
    out.freeze()
}

const _: () = assert!(OPS_PER_MESSAGE_MAX <= u16::MAX as usize);

#[cfg(test)]
mod tests {
    use acequia_wire::Limits;
    use acequia_wire::client::Ops;

    use super::*;

    fn outbox(encoding: Encoding) -> Outbox {
        let mut outbox = Outbox::new(encoding);
        outbox.begin(1_000_000, MESSAGE_BYTES_MAX, 0);
        outbox
    }

    fn message(outbox: &mut Outbox) -> Option<Bytes> {
        match outbox.next(0, |_| None) {
            Next::Message(message, _) => Some(message),
            Next::Nothing => None,
            Next::TooLarge { .. } => panic!("no job is there"),
        }
    }

    #[test]
    fn what_waits_leaves_together_and_in_order() {
        for encoding in Encoding::ALL {
            for count in [1, 2, 17, 20_000] {
                let mut outbox = outbox(encoding);
                (0..count).for_each(|seq| outbox.op(&Op::Ack { seq }));
                let mut seen = Vec::new();
                let mut messages = 0;
                while let Some(message) = message(&mut outbox) {
                    messages += 1;
                    assert!(message.len() <= GATHERED_BYTES);
                    let ops = Ops::new(encoding, message, Limits::default());
                    seen.extend(ops.map(|op| op.expect("an op")));
                }
                assert_eq!(seen, (0..count).map(|seq| Op::Ack { seq }).collect::<Vec<_>>());
                assert!(messages < 4, "{messages}");
            }
        }
    }

    #[test]
    fn a_job_that_no_message_holds_is_told_apart_and_what_was_before_it_is_sent() {
        let mut outbox = outbox(Encoding::Json);
        outbox.op(&Op::Ack { seq: 1 });
        outbox.job(7);
        outbox.op(&Op::Ack { seq: 2 });
        let large = Bytes::from(vec![b'x'; MESSAGE_BYTES_MAX + 1]);
        let mut next = || outbox.next(0, |_| Some(large.clone()));
        assert!(matches!(next(), Next::Message(_, _)));
        let Next::TooLarge { id: 7, bytes, most } = next() else { panic!("it is too large") };
        assert_eq!((bytes, most), (MESSAGE_BYTES_MAX + 1, MESSAGE_BYTES_MAX));
        assert!(matches!(next(), Next::Message(_, _)));
        assert!(matches!(next(), Next::Nothing));
    }

    #[test]
    fn it_keeps_to_the_pace() {
        let mut outbox = Outbox::new(Encoding::Json);
        outbox.begin(10, MESSAGE_BYTES_MAX, 0);
        (0..25).for_each(|seq| outbox.op(&Op::Ack { seq }));
        let mut counts = Vec::new();
        let mut now = 0;
        while !outbox.is_empty() {
            match outbox.next(now, |_| None) {
                Next::Message(message, _) => {
                    let ops = Ops::new(Encoding::Json, message, Limits::default());
                    counts.push(ops.count());
                }
                _ => now = outbox.due().expect("it waits for its turn"),
            }
        }
        // Nine at once, since the greeting counts, and ten a second after that.
        assert_eq!((counts[0], counts.iter().sum::<usize>()), (9, 25));
        assert!((1_500..=1_700).contains(&now), "{now}");
    }
}
