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

    /// Brings in all members of another list through the same links, behind those that are here.
    pub(crate) fn append<T>(
        &mut self,
        slab: &mut impl IndexMut<usize, Output = T>,
        other: Self,
        pick: Pick<T>,
    ) {
        match (key(self.tail), key(other.head)) {
            (Some(tail), Some(head)) => {
                pick(&mut slab[tail]).next = other.head;
                pick(&mut slab[head]).prev = self.tail;
                self.tail = other.tail;
            }
            (None, _) => *self = other,
            (_, None) => {}
        }
    }

    /// Brings in all members of another list. Both are in the order of `rank`, and so is what comes
    /// of them; among equals those that are here come first. Costs nothing if all that come belong
    /// behind, and else a walk over those that do and those that they come to stand between.
    pub(crate) fn merge<T, R: Ord>(
        &mut self,
        slab: &mut impl IndexMut<usize, Output = T>,
        other: Self,
        pick: Pick<T>,
        rank: impl Fn(&T) -> R,
    ) {
        let (mut at, mut comes) = (key(self.tail), key(other.tail));
        let belongs_behind = |last: usize, first: usize| rank(&slab[last]) <= rank(&slab[first]);
        if at.zip(key(other.head)).is_none_or(|(last, first)| belongs_behind(last, first)) {
            return self.append(slab, other, pick);
        }
        // From behind: each that comes finds its place before the one that came last.
        while let Some(new) = comes {
            comes = key(pick(&mut slab[new]).prev);
            while let Some(here) = at
                && rank(&slab[here]) > rank(&slab[new])
            {
                at = key(pick(&mut slab[here]).prev);
            }
            match at {
                Some(here) => self.insert_after(slab, here, new, pick),
                None => self.push_front(slab, new, pick),
            }
        }
    }

    fn insert_after<T>(
        &mut self,
        slab: &mut impl IndexMut<usize, Output = T>,
        at: usize,
        new: usize,
        pick: Pick<T>,
    ) {
        let next = pick(&mut slab[at]).next;
        *pick(&mut slab[new]) = Links { prev: index(at), next };
        pick(&mut slab[at]).next = index(new);
        match key(next) {
            Some(next) => pick(&mut slab[next]).prev = index(new),
            None => self.tail = index(new),
        }
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

    /// A list of these ranks, each of which is an entry.
    fn ranked(slab: &mut Slab<(u32, Links)>, ranks: &[u32]) -> List {
        let mut list = List::default();
        for rank in ranks {
            let new = slab.insert((*rank, Links::default()));
            list.push_back(slab, new, |entry| &mut entry.1);
        }
        list
    }

    #[test]
    fn two_lists_become_one_in_their_order() {
        for (here, come, merged) in [
            (&[][..], &[1, 2][..], &[0, 1][..]),
            (&[1, 2], &[], &[0, 1]),
            (&[1, 2], &[2, 3], &[0, 1, 2, 3]),
            (&[5, 6], &[1, 2], &[2, 3, 0, 1]),
            (&[1, 4, 4, 9], &[2, 4, 5, 9, 10], &[0, 4, 1, 2, 5, 6, 3, 7, 8]),
        ] {
            let mut slab = Slab::new();
            let mut list = ranked(&mut slab, here);
            let other = ranked(&mut slab, come);
            list.merge(&mut slab, other, |entry| &mut entry.1, |entry| entry.0);
            assert_eq!(super::members(&list, &mut slab, |entry| &mut entry.1), merged);
            // It is whole from behind, too.
            let mut last = list.tail;
            for member in merged.iter().rev() {
                assert_eq!(key(last), Some(*member));
                last = slab[*member].1.prev;
            }
            assert_eq!(last, NONE);
        }
    }
}
