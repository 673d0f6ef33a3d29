//! Which outcomes are in the store, and which of them leave next.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, RangeFrom};

use acequia_restraint::Holders;

use crate::codec::Contents;
use crate::options::Retention;

/// Outcomes leave once they are overdue by this part of their time, many at once.
const SLACK_PARTS: u64 = 16;
/// Blocks that leave for their age in one transaction.
const LEAVE_MAX: usize = 4096;

/// The blocks in the store. A block goes by the place of its first outcome when it came, so the
/// order of the keys is that of time, also of those that an earlier program numbered.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    blocks: BTreeMap<u64, Contents>,
    /// Those with outcomes that were not given up.
    with_outcomes: BTreeSet<u64>,
    outcomes: usize,
    bytes: usize,
    /// Of which clients outcomes were given up of which the names are kept, and in which blocks how
    /// many.
    names: Holders<u64, BTreeMap<u64, usize>>,
    names_count: usize,
}

impl Shelf {
    /// The block of this key has these contents now; or there is none.
    pub(crate) fn set(&mut self, key: u64, contents: Option<Contents>) {
        if let Some(before) = self.blocks.remove(&key) {
            self.outcomes -= before.outcomes;
            self.bytes -= before.bytes;
            self.with_outcomes.remove(&key);
            before.given_up.into_iter().for_each(|client| self.remove_name(key, client));
        }
        if let Some(contents) = contents {
            self.outcomes += contents.outcomes;
            self.bytes += contents.bytes;
            if contents.outcomes > 0 {
                self.with_outcomes.insert(key);
            }
            contents.given_up.iter().for_each(|client| self.add_name(key, *client));
            self.blocks.insert(key, contents);
        }
    }

    fn add_name(&mut self, key: u64, client: u64) {
        let holder = self.names.add(client, 0, key);
        *self.names[holder].entry(key).or_default() += 1;
        self.names_count += 1;
    }

    fn remove_name(&mut self, key: u64, client: u64) {
        let Some(holder) = self.names.find(client) else { return };
        let blocks = &mut self.names[holder];
        let Some(count) = blocks.get_mut(&key) else { return };
        *count -= 1;
        if *count == 0 {
            blocks.remove(&key);
        }
        let oldest = blocks.first_key_value().map(|(key, _)| *key);
        self.names.remove(holder, 0, oldest);
        self.names_count -= 1;
    }

    /// Nothing is known any more of the blocks from this key on.
    pub(crate) fn forget(&mut self, keys: RangeFrom<u64>) {
        let keys: Vec<u64> = self.blocks.range(keys).map(|(key, _)| *key).collect();
        keys.into_iter().for_each(|key| self.set(key, None));
    }

    /// The block that the outcome of this place is in, if it is in any, and the one after that.
    pub(crate) fn block_of(&self, ticket: u64) -> (Option<u64>, Option<u64>) {
        let key = |of: Option<(&u64, &Contents)>| of.map(|(key, _)| *key);
        let of = key(self.blocks.range(..=ticket).next_back());
        (of, key(self.blocks.range((Bound::Excluded(ticket), Bound::Unbounded)).next()))
    }

    /// Whether nothing is left of a block.
    pub(crate) fn is_empty(&self, key: u64) -> bool {
        self.blocks.get(&key).is_none_or(Contents::is_empty)
    }

    /// When outcomes leave for their age, in milliseconds of the journal's time.
    pub(crate) fn leave_at_ms(&self, retention: &Retention) -> Option<u64> {
        let (_, oldest) = self.blocks.first_key_value()?;
        let slack = retention.for_ms / SLACK_PARTS;
        Some(oldest.newest_ms.saturating_add(retention.for_ms).saturating_add(slack))
    }

    /// The blocks that are to leave for their age, the oldest first.
    pub(crate) fn expired(&self, retention: &Retention, now_ms: u64) -> Vec<u64> {
        if self.leave_at_ms(retention).is_none_or(|at| at > now_ms) {
            return Vec::new();
        }
        let is_expired = |of: &Contents| of.newest_ms.saturating_add(retention.for_ms) <= now_ms;
        let expired = self.blocks.iter().take(LEAVE_MAX).take_while(|(_, of)| is_expired(of));
        expired.map(|(key, _)| *key).collect()
    }

    /// If there are more outcomes than may stay only for sessions that may come back for them: the
    /// oldest block of which all are of that sort.
    pub(crate) fn in_the_way(&self, retention: &Retention, now_ms: u64) -> Option<u64> {
        if self.outcomes <= retention.outcomes_max && self.bytes <= retention.bytes_max {
            return None;
        }
        let oldest = *self.with_outcomes.first()?;
        let ended_ms = self.blocks.get(&oldest)?.ended_ms;
        (ended_ms.saturating_add(retention.for_ms) <= now_ms).then_some(oldest)
    }

    /// If there are more names than this: takes one off, the oldest of the client that has most.
    /// Returns its block and its client.
    pub(crate) fn take_name_over(&mut self, names_max: usize) -> Option<(u64, u64)> {
        if self.names_count <= names_max {
            return None;
        }
        let holder = self.names.most()?;
        let (client, key) = (self.names.key(holder), *self.names[holder].first_key_value()?.0);
        let names = &mut self.blocks.get_mut(&key)?.given_up;
        names.remove(names.iter().position(|of| *of == client)?);
        self.remove_name(key, client);
        Some((key, client))
    }

    /// How many outcomes are in the store, given up or not.
    pub(crate) fn len(&self) -> usize {
        self.outcomes + self.names_count
    }

    /// How many bytes of outcomes are in the store.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
