//! How many live jobs a client has in each queue.

use rustc_hash::FxHashMap;

use crate::state::list::index;

/// Room that is kept for further queues when there are none any more.
const ROOM_KEPT: usize = 16;

/// Counts by queue. Most clients have jobs in one queue at a time, which is counted beside them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// A queue and a count that may be 0.
    first: (u32, u32),
    /// Other queues, with counts that are not 0. The keys of queues are the server's own, so a quick
    /// hasher is safe.
    others: FxHashMap<u32, u32>,
}

impl Tally {
    pub(crate) fn add(&mut self, queue: usize) {
        let queue = index(queue);
        let (first, count) = &mut self.first;
        if *count > 0 && *first == queue {
            *count += 1;
        } else if *count == 0 && self.others.is_empty() {
            self.first = (queue, 1);
        } else {
            *self.others.entry(queue).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, queue: usize) {
        let queue = index(queue);
        let (first, count) = &mut self.first;
        if *count > 0 && *first == queue {
            *count -= 1;
        } else if let Some(count) = self.others.get_mut(&queue) {
            *count -= 1;
            if *count == 0 {
                self.others.remove(&queue);
                if self.others.is_empty() && self.others.capacity() > ROOM_KEPT {
                    self.others = FxHashMap::default();
                }
            }
        }
    }

    pub(crate) fn of(&self, queue: usize) -> usize {
        let queue = index(queue);
        let (first, count) = self.first;
        let others = || self.others.get(&queue).copied().unwrap_or(0);
        let count = if count > 0 && first == queue { count } else { others() };
        count as usize
    }

    /// How many queues have any.
    pub(crate) fn queues(&self) -> usize {
        usize::from(self.first.1 > 0) + self.others.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_as_a_map_does() {
        let (mut tally, mut map) = (Tally::default(), std::collections::BTreeMap::new());
        let mut random = 1_usize;
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let queue = (random >> 40) % 4;
            let count: &mut usize = map.entry(queue).or_default();
            if (random >> 20).is_multiple_of(2) {
                tally.add(queue);
                *count += 1;
            } else if *count > 0 {
                tally.remove(queue);
                *count -= 1;
            }
            assert!(map.iter().all(|(queue, count)| tally.of(*queue) == *count));
            assert_eq!(tally.queues(), map.values().filter(|count| **count > 0).count());
        }
    }

    #[test]
    fn room_for_many_queues_is_given_back() {
        let mut tally = Tally::default();
        (0..10_000).for_each(|queue| tally.add(queue));
        (0..10_000).for_each(|queue| tally.remove(queue));
        assert!(tally.others.capacity() <= ROOM_KEPT);
    }
}
