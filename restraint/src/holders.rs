//! Who holds how much of what is kept for all, and who holds most of it.

use std::hash::Hash;
use std::ops::{Index, IndexMut};

use rustc_hash::FxHashMap;
use slab::Slab;

use crate::ranking::{Rank, Ranking};

/// All who hold something, by the number of things and by their bytes. `T` is what the owner of the
/// things remembers of those of one holder, such as their order.
///
/// Whoever holds most gives way where there is too much; of several, the one whose oldest thing is
/// the oldest. Each change costs the logarithm of the number of holders.
#[derive(Debug)]
pub struct Holders<K, T> {
    all: Slab<Holder<K, T>>,
    /// The keys are the server's own, or hashes of its making, so a quick hasher is safe.
    by_key: FxHashMap<K, usize>,
    by_count: Ranking,
    by_bytes: Ranking,
}

/// One who holds something.
#[derive(Debug)]
struct Holder<K, T> {
    key: K,
    count: usize,
    bytes: usize,
    /// The age of his oldest thing: the lower, the older.
    oldest: u64,
    things: T,
}

impl<K, T> Default for Holders<K, T> {
    fn default() -> Self {
        Self {
            all: Slab::new(),
            by_key: FxHashMap::default(),
            by_count: Ranking::default(),
            by_bytes: Ranking::default(),
        }
    }
}

impl<K: Copy + Eq + Hash, T: Default> Holders<K, T> {
    /// One more thing of his, of this age. Returns where he is.
    pub fn add(&mut self, key: K, bytes: usize, age: u64) -> usize {
        let all = &mut self.all;
        let new = || {
            let things = T::default();
            all.insert(Holder { key, count: 0, bytes: 0, oldest: age, things })
        };
        let at = *self.by_key.entry(key).or_insert_with(new);
        self.all[at].count += 1;
        self.all[at].bytes += bytes;
        self.all[at].oldest = self.all[at].oldest.min(age);
        self.rank(at);
        at
    }

    /// A thing of his is gone, and this is the age of the oldest that he has now. If he has none, he
    /// is forgotten.
    pub fn remove(&mut self, at: usize, bytes: usize, oldest: Option<u64>) {
        let holder = &mut self.all[at];
        holder.count -= 1;
        holder.bytes -= bytes;
        if let Some(oldest) = oldest {
            holder.oldest = oldest;
            self.rank(at);
        } else {
            self.by_key.remove(&holder.key);
            self.all.remove(at);
            self.by_count.remove(at);
            self.by_bytes.remove(at);
        }
    }

    /// A thing of his has other bytes than it had.
    pub fn resize(&mut self, at: usize, from: usize, to: usize) {
        let holder = &mut self.all[at];
        holder.bytes = holder.bytes - from + to;
        self.rank(at);
    }

    fn rank(&mut self, at: usize) {
        let Holder { count, bytes, oldest, .. } = self.all[at];
        self.by_count.set(at, Rank { amount: count, oldest });
        self.by_bytes.set(at, Rank { amount: bytes, oldest });
    }

    /// Where he is, if he holds something.
    pub fn find(&self, key: K) -> Option<usize> {
        self.by_key.get(&key).copied()
    }

    /// Who is there.
    pub fn key(&self, at: usize) -> K {
        self.all[at].key
    }

    /// Who holds most things.
    pub fn most(&self) -> Option<usize> {
        self.by_count.first()
    }

    /// Who holds most bytes.
    pub fn most_bytes(&self) -> Option<usize> {
        self.by_bytes.first()
    }

    /// Whether nobody holds anything.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many things and bytes each holds, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (K, usize, usize)> {
        self.all.iter().map(|(_, of)| (of.key, of.count, of.bytes))
    }
}

impl<K, T> Index<usize> for Holders<K, T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.all[at].things
    }
}

impl<K, T> IndexMut<usize> for Holders<K, T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.all[at].things
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use super::*;

    /// The age and the bytes of each thing of one holder.
    type Things = VecDeque<(u64, usize)>;

    #[test]
    fn whoever_holds_most_is_found_whatever_comes_and_goes() {
        let mut holders: Holders<u64, Things> = Holders::default();
        let mut random = 1_u64;
        for age in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (key, bytes) = ((random >> 33) % 40, (random >> 50) as usize % 9);
            if (random >> 45).is_multiple_of(2) {
                let at = holders.add(key, bytes, age);
                holders[at].push_back((age, bytes));
            } else if let Some(at) = holders.find(key) {
                let (_, bytes) = holders[at].pop_front().unwrap();
                let oldest = holders[at].front().map(|(age, _)| *age);
                holders.remove(at, bytes, oldest);
            }
            let all: BTreeMap<usize, &Things> =
                holders.all.iter().map(|(at, of)| (at, &of.things)).collect();
            let first = |amount: &dyn Fn(&Things) -> usize| {
                let rank = |of: &Things| (amount(of), std::cmp::Reverse(of[0].0));
                all.iter().max_by_key(|(_, of)| rank(of)).map(|(at, _)| *at)
            };
            assert_eq!(holders.most(), first(&VecDeque::len));
            let bytes = |of: &Things| of.iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(holders.most_bytes(), first(&bytes));
        }
        assert!(!holders.is_empty());
    }

    #[test]
    fn a_thing_that_grows_changes_who_holds_most_bytes() {
        let mut holders: Holders<u64, ()> = Holders::default();
        let (first, second) = (holders.add(1, 10, 1), holders.add(2, 20, 2));
        assert_eq!((holders.most(), holders.most_bytes()), (Some(first), Some(second)));
        holders.resize(first, 10, 21);
        assert_eq!(holders.most_bytes(), Some(first));
        holders.remove(first, 21, None);
        assert_eq!((holders.find(1), holders.most_bytes()), (None, Some(second)));
        assert_eq!(holders.key(second), 2);
    }

    #[test]
    fn of_two_who_hold_as_much_gives_way_who_has_the_older_thing_whenever_it_came() {
        let mut holders: Holders<u64, ()> = Holders::default();
        let (first, second) = (holders.add(1, 1, 5), holders.add(2, 1, 6));
        holders.add(1, 1, 7);
        assert_eq!(holders.most(), Some(first));
        holders.add(2, 1, 4);
        assert_eq!((holders.most(), holders.most_bytes()), (Some(second), Some(second)));
    }
}
