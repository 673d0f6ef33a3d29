//! A slab in chunks: where it grows to a million entries it does not move them, for which all would
//! wait and which needs room for twice as many; and when they have gone it gives back their room.

use std::ops::{Index, IndexMut};

use slab::Slab;

/// Entries of one chunk.
const CHUNK: usize = 1024;

#[derive(Debug)]
pub(crate) struct Chunks<T> {
    chunks: Vec<Slab<T>>,
    /// Those that are not full, each once.
    roomy: Vec<usize>,
    len: usize,
}

impl<T> Chunks<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), roomy: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry and returns its key.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        let chunk = match self.roomy.last() {
            Some(roomy) => *roomy,
            None => {
                self.chunks.push(Slab::new());
                self.roomy.push(self.chunks.len() - 1);
                self.chunks.len() - 1
            }
        };
        let slab = &mut self.chunks[chunk];
        let at = slab.insert(value);
        if slab.len() == CHUNK {
            self.roomy.pop();
        }
        self.len += 1;
        chunk * CHUNK + at
    }

    /// Takes out an entry, which must be there.
    pub(crate) fn remove(&mut self, key: usize) -> T {
        let (chunk, at) = place(key);
        let slab = &mut self.chunks[chunk];
        let was_full = slab.len() == CHUNK;
        let value = slab.remove(at);
        // The last one with room keeps it, or one entry that comes and goes would allocate each
        // time.
        if slab.is_empty() && self.roomy.len() > 1 {
            *slab = Slab::new();
        }
        if was_full {
            self.roomy.push(chunk);
        }
        self.len -= 1;
        value
    }

    pub(crate) fn get(&self, key: usize) -> Option<&T> {
        let (chunk, at) = place(key);
        self.chunks.get(chunk)?.get(at)
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut T> {
        let (chunk, at) = place(key);
        self.chunks.get_mut(chunk)?.get_mut(at)
    }

    pub(crate) fn contains(&self, key: usize) -> bool {
        self.get(key).is_some()
    }
}

/// The chunk of an entry, and its key there.
const fn place(key: usize) -> (usize, usize) {
    (key / CHUNK, key % CHUNK)
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Index<usize> for Chunks<T> {
    type Output = T;

    fn index(&self, key: usize) -> &T {
        let (chunk, at) = place(key);
        &self.chunks[chunk][at]
    }
}

impl<T> IndexMut<usize> for Chunks<T> {
    fn index_mut(&mut self, key: usize) -> &mut T {
        let (chunk, at) = place(key);
        &mut self.chunks[chunk][at]
    }
}

#[cfg(test)]
impl<T> Chunks<T> {
    /// All entries with their keys, which go up.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        (0..).zip(&self.chunks).flat_map(|(chunk, slab)| {
            slab.iter().map(move |(at, value)| (chunk * CHUNK + at, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(chunks: &Chunks<usize>) -> usize {
        chunks.chunks.iter().map(Slab::capacity).sum()
    }

    #[test]
    fn it_has_room_for_few_more_and_room_is_given_back() {
        let mut chunks = Chunks::new();
        let keys: Vec<usize> = (0..10 * CHUNK).map(|value| chunks.insert(value)).collect();
        assert!(keys.iter().copied().eq(0..10 * CHUNK));
        assert_eq!(room(&chunks), 10 * CHUNK);
        for key in keys {
            assert_eq!(chunks.remove(key), key);
        }
        assert_eq!(room(&chunks), CHUNK);
    }

    #[test]
    fn entries_come_and_go() {
        let mut chunks = Chunks::new();
        let mut there = std::collections::BTreeMap::new();
        let mut random = 1_usize;
        for value in 0..50 * CHUNK {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // More come for a while, then more go.
            let comes_more = (value / (10 * CHUNK)).is_multiple_of(2);
            if there.is_empty() || (random >> 40).is_multiple_of(3) != comes_more {
                assert_eq!(there.insert(chunks.insert(value), value), None);
            } else {
                let from = (random >> 20) % (5 * CHUNK);
                let found = there.range(from..).next().or(there.iter().next());
                let key = *found.expect("not empty").0;
                assert_eq!(Some(chunks.remove(key)), there.remove(&key));
                assert!(!chunks.contains(key));
            }
            assert_eq!(chunks.len(), there.len());
        }
        assert!(there.len() < 50 * CHUNK && chunks.chunks.len() > 2);
        assert!(chunks.iter().map(|(key, value)| (key, *value)).eq(there));
    }
}
