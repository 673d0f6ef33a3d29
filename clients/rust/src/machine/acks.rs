//! When to tell the server what it may forget.

use super::time::Ms;

/// The server holds progress back once about 1,000 events or 1 MiB are not acknowledged, so an ack goes out
/// long before that, yet far less often than events come.
const EVENTS_MAX: u32 = 100;
const BYTES_MAX: usize = 128 << 10;
/// After the first event that was not acknowledged.
const WITHIN_MS: Ms = 1_000;

/// What was heard since the last ack.
#[derive(Debug, Default)]
pub(super) struct Acks {
    seq: Option<u64>,
    events: u32,
    bytes: usize,
    due_ms: Ms,
}

impl Acks {
    pub(super) fn heard(&mut self, seq: u64, bytes: usize, now: Ms) {
        if self.seq.is_none() {
            self.due_ms = now + WITHIN_MS;
        }
        self.seq = Some(seq);
        self.events += 1;
        self.bytes += bytes;
        if self.events >= EVENTS_MAX || self.bytes >= BYTES_MAX {
            self.due_ms = now;
        }
    }

    /// When an ack is due, if there is anything to acknowledge.
    pub(super) fn due(&self) -> Option<Ms> {
        self.seq.map(|_| self.due_ms)
    }

    /// The number to acknowledge, if there is one that was not taken yet. One that rides along with other ops
    /// costs next to nothing.
    pub(super) fn take(&mut self) -> Option<u64> {
        let seq = self.seq;
        self.reset();
        seq
    }

    /// The next `hello` says how far we are, or the session is another.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ack_is_due_after_a_second_a_hundred_events_or_many_bytes() {
        let mut acks = Acks::default();
        assert_eq!(acks.due(), None);
        acks.heard(1, 10, 5);
        acks.heard(2, 10, 900);
        assert_eq!(acks.due(), Some(1_005));
        assert_eq!((acks.take(), acks.take()), (Some(2), None));
        (3..103).for_each(|seq| acks.heard(seq, 10, 2_000));
        assert_eq!(acks.due(), Some(2_000));
        acks.reset();
        acks.heard(103, BYTES_MAX, 3_000);
        assert_eq!(acks.due(), Some(3_000));
    }
}
