//! Doubly linked lists whose links lie inside the entries of a slab: a member leaves from the
//! middle in constant time, so cancelling leaves no tombstone behind.

use std::ops::IndexMut;

const NONE: u32 = u32::MAX;

/// An entry's neighbours in one list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    prev: u32,
    next: u32,
}

impl Links {
    /// The neighbour behind.
    pub(crate) fn behind(self) -> Option<usize> {
        key(self.next)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self { prev: NONE, next: NONE }
    }
}

/// A list through one slab. Each call picks the links, so that an entry can be in several lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    head: u32,
    tail: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { head: NONE, tail: NONE }
    }
}

/// The links of `T` that a list goes by.
pub(crate) type Pick<T> = fn(&mut T) -> &mut Links;

fn key(index: u32) -> Option<usize> {
    (index != NONE).then_some(index as usize)
}

/// The key of an entry in four bytes.
#[expect(clippy::cast_possible_truncation, reason = "no slab here holds four billion entries")]
pub(crate) fn index(key: usize) -> u32 {
    key as u32
}

impl List {
    pub(crate) fn front(&self) -> Option<usize> {
        key(self.head)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// The member after `at`.
    pub(crate) fn after<T>(
        slab: &mut impl IndexMut<usize, Output = T>,
        at: usize,
        pick: Pick<T>,
    ) -> Option<usize> {
        key(pick(&mut slab[at]).next)
    }

    pub(crate) fn push_back<T>(
        &mut self,
        slab: &mut impl IndexMut<usize, Output = T>,
        new: usize,
        pick: Pick<T>,
    ) {
        *pick(&mut slab[new]) = Links { prev: self.tail, next: NONE };
        match key(self.tail) {
            Some(tail) => pick(&mut slab[tail]).next = index(new),
            None => self.head = index(new),
        }
        self.tail = index(new);
    }

    pub(crate) fn push_front<T>(
        &mut self,
        slab: &mut impl IndexMut<usize, Output = T>,
        new: usize,
        pick: Pick<T>,
    ) {
        *pick(&mut slab[new]) = Links { prev: NONE, next: self.head };
        match key(self.head) {
            Some(head) => pick(&mut slab[head]).prev = index(new),
            None => self.tail = index(new),
        }
        self.head = index(new);
    }

    /// Takes out a member.
    pub(crate) fn remove<T>(
        &mut self,
        slab: &mut impl IndexMut<usize, Output = T>,
        member: usize,
        pick: Pick<T>,
    ) {
        let Links { prev, next } = std::mem::take(pick(&mut slab[member]));
        match key(prev) {
            Some(prev) => pick(&mut slab[prev]).next = next,
            None => self.head = next,
        }
        match key(next) {
            Some(next) => pick(&mut slab[next]).prev = prev,
            None => self.tail = prev,
        }
    }
}

/// All members of a list.
#[cfg(test)]
pub(crate) fn members<T>(
    list: &List,
    slab: &mut impl IndexMut<usize, Output = T>,
    pick: Pick<T>,
) -> Vec<usize> {
    std::iter::successors(list.front(), |at| List::after(slab, *at, pick)).collect()
}

#[cfg(test)]
mod tests {
    use slab::Slab;

    use super::*;

    fn pick(links: &mut Links) -> &mut Links {
        links
    }

    fn members(list: &List, slab: &mut Slab<Links>) -> Vec<usize> {
        std::iter::successors(list.front(), |at| List::after(slab, *at, pick)).collect()
    }

    #[test]
    fn members_come_and_go_anywhere() {
        let mut slab = Slab::new();
        let keys: Vec<usize> = (0..4).map(|_| slab.insert(Links::default())).collect();
        let mut list = List::default();
        list.push_back(&mut slab, keys[1], pick);
        list.push_back(&mut slab, keys[2], pick);
        list.push_front(&mut slab, keys[0], pick);
        list.push_back(&mut slab, keys[3], pick);
        assert_eq!(members(&list, &mut slab), [0, 1, 2, 3]);
        for (gone, left) in [(1, vec![0, 2, 3]), (3, vec![0, 2]), (0, vec![2]), (2, vec![])] {
            list.remove(&mut slab, gone, pick);
            assert_eq!(members(&list, &mut slab), left);
        }
        assert!(list.is_empty());
        list.push_front(&mut slab, 3, pick);
        assert_eq!(members(&list, &mut slab), [3]);
    }
}
