//! What was said to the owner and may have to be said again to the next one: until what came of it is durable,
//! nobody knows but this door.

use std::collections::VecDeque;

/// Items that are kept before whoever brings more has to wait.
const KEPT_MAX: usize = 16_384;
/// And bytes of them.
const KEPT_BYTES_MAX: usize = 64 << 20;

#[derive(Debug)]
struct Entry<T> {
    mark: u64,
    bytes: usize,
    item: T,
}

/// Items in the order in which they were said.
#[derive(Debug)]
pub(super) struct Outbox<T> {
    entries: VecDeque<Entry<T>>,
    bytes: usize,
    /// The mark that follows on what is said now.
    next_mark: u64,
    /// Something was said since the last mark.
    is_unmarked: bool,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, next_mark: 1, is_unmarked: false }
    }
}

impl<T> Outbox<T> {
    /// Keeps what is said, of so many bytes.
    pub(super) fn keep(&mut self, item: T, bytes: usize) {
        self.bytes += bytes;
        self.is_unmarked = true;
        self.entries.push_back(Entry { mark: self.next_mark, bytes, item });
    }

    /// The mark that is to be said now, if there is something to be marked.
    pub(super) fn mark(&mut self) -> Option<u64> {
        std::mem::take(&mut self.is_unmarked).then(|| {
            self.next_mark += 1;
            self.next_mark - 1
        })
    }

    /// What was said before this mark is durable.
    pub(super) fn forget(&mut self, mark: u64) {
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.mark <= mark) {
            self.bytes -= entry.bytes;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether so much is kept that whoever brings more has to wait.
    pub(super) fn is_full(&self) -> bool {
        self.entries.len() >= KEPT_MAX || self.bytes >= KEPT_BYTES_MAX
    }

    /// The link is over: all that is kept. Marks begin anew.
    pub(super) fn take(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(self).entries.into_iter().map(|entry| entry.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_durable_is_said_again() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.mark(), None);
        outbox.keep('a', 1);
        outbox.keep('b', 1);
        assert_eq!((outbox.mark(), outbox.mark()), (Some(1), None));
        outbox.keep('c', 1);
        assert_eq!(outbox.mark(), Some(2));
        outbox.keep('d', 1);
        outbox.forget(1);
        assert_eq!(outbox.bytes, 2);
        assert_eq!(outbox.take().collect::<String>(), "cd");
        outbox.keep('e', 1);
        assert_eq!(outbox.mark(), Some(1), "another link, other marks");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut outbox = Outbox::default();
        outbox.keep((), KEPT_BYTES_MAX - 1);
        assert!(!outbox.is_full());
        outbox.keep((), 1);
        assert!(outbox.is_full());
        assert_eq!(outbox.mark(), Some(1));
        outbox.forget(1);
        assert!(!outbox.is_full());
    }
}
