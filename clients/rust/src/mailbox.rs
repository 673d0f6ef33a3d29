//! A queue between the task that owns the connection and whoever reads: it never makes the task wait. Where
//! too much waits, what may be given up is, and the reader is told how much.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Items that wait in one mailbox before others are given up.
const ITEMS_MAX: usize = 1_000;
/// Bytes that wait in one mailbox before others are given up.
const BYTES_MAX: usize = 16 << 20;
/// And in all mailboxes of a client.
const ALL_BYTES_MAX: usize = 64 << 20;

const _: () = assert!(BYTES_MAX <= ALL_BYTES_MAX);

/// Bytes that wait in all mailboxes of a client.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

/// What waits for one reader.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    budget: Budget,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    /// Each with its size, and how many were given up before it.
    items: VecDeque<Held<T>>,
    bytes: usize,
    /// Given up since the last item.
    missed: u64,
    ended: bool,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
struct Held<T> {
    item: T,
    bytes: usize,
    missed_before: u64,
}

/// What is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read<T> {
    Item(T),
    /// So many were given up here.
    Missed(u64),
}

impl<T> Mailbox<T> {
    pub(crate) fn new(budget: &Budget) -> Self {
        let inner =
            Inner { items: VecDeque::new(), bytes: 0, missed: 0, ended: false, wakers: Vec::new() };
        Self { budget: budget.clone(), inner: Mutex::new(inner) }
    }

    /// Puts an item of about so many bytes into it, or gives it up if there is no room for it and it may be.
    pub(crate) fn put(&self, item: T, bytes: usize, may_be_dropped: bool) {
        let mut inner = self.lock();
        if inner.ended {
            return;
        }
        let all = self.budget.0.load(Ordering::Relaxed);
        let is_full = inner.items.len() >= ITEMS_MAX
            || inner.bytes + bytes > BYTES_MAX
            || all + bytes > ALL_BYTES_MAX;
        if may_be_dropped && is_full {
            return self.miss_in(inner, 1);
        }
        self.budget.0.fetch_add(bytes, Ordering::Relaxed);
        inner.bytes += bytes;
        let missed_before = std::mem::take(&mut inner.missed);
        inner.items.push_back(Held { item, bytes, missed_before });
        wake(inner);
    }

    /// So many were given up before they came here.
    pub(crate) fn miss(&self, events: u64) {
        self.miss_in(self.lock(), events);
    }

    fn miss_in(&self, mut inner: MutexGuard<'_, Inner<T>>, events: u64) {
        inner.missed = inner.missed.saturating_add(events);
        wake(inner);
    }

    /// Nothing comes any more.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        inner.ended = true;
        wake(inner);
    }

    /// Whether nothing comes any more, or nobody reads it.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().ended
    }

    /// Nobody reads it any more.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.ended = true;
        self.budget.0.fetch_sub(inner.bytes, Ordering::Relaxed);
        inner.bytes = 0;
        inner.missed = 0;
        inner.items.clear();
    }

    /// The next; `None` if nothing comes any more.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<Read<T>>> {
        let mut inner = self.lock();
        let first_missed = match inner.items.front_mut() {
            Some(first) => &mut first.missed_before,
            None => &mut inner.missed,
        };
        let missed = std::mem::take(first_missed);
        if missed > 0 {
            return Poll::Ready(Some(Read::Missed(missed)));
        }
        if let Some(Held { item, bytes, .. }) = inner.items.pop_front() {
            inner.bytes -= bytes;
            self.budget.0.fetch_sub(bytes, Ordering::Relaxed);
            return Poll::Ready(Some(Read::Item(item)));
        }
        if inner.ended {
            return Poll::Ready(None);
        }
        if !inner.wakers.iter().any(|known| known.will_wake(cx.waker())) {
            inner.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // No code of others runs under it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Wakes all who read, once nobody is in their way.
fn wake<T>(mut inner: MutexGuard<'_, Inner<T>>) {
    let wakers = std::mem::take(&mut inner.wakers);
    drop(inner);
    wakers.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(mailbox: &Mailbox<u64>) -> Vec<Read<u64>> {
        let cx = Context::from_waker(Waker::noop());
        let next = || match mailbox.poll(&cx) {
            Poll::Ready(read) => read,
            Poll::Pending => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn what_is_too_much_is_given_up_and_said_where_it_was() {
        let mailbox = Mailbox::new(&Budget::default());
        let most = ITEMS_MAX as u64;
        (0..most + 5).for_each(|n| mailbox.put(n, 1, true));
        // What must not be given up comes all the same.
        mailbox.put(7, 1, false);
        mailbox.put(8, 1, true);
        let seen = drain(&mailbox);
        assert_eq!(seen[..2], [Read::Item(0), Read::Item(1)]);
        let end = [Read::Item(most - 1), Read::Missed(5), Read::Item(7), Read::Missed(1)];
        assert_eq!(seen[seen.len() - 4..], end);
        mailbox.end();
        mailbox.put(9, 1, false);
        assert_eq!(drain(&mailbox), []);
    }

    #[test]
    fn all_mailboxes_of_a_client_share_their_room() {
        let budget = Budget::default();
        let large = BYTES_MAX;
        let full: Vec<_> = (0..ALL_BYTES_MAX / large).map(|_| Mailbox::new(&budget)).collect();
        full.iter().for_each(|mailbox| mailbox.put(0, large, true));
        let late = Mailbox::new(&budget);
        late.put(1, large, true);
        assert_eq!(drain(&late), [Read::Missed(1)]);
        drop(full);
        late.put(2, large, true);
        late.put(3, 1, true);
        assert_eq!(drain(&late), [Read::Item(2), Read::Missed(1)]);
    }
}
