//! Which outcomes are in the store, and which of them leave next.

use std::collections::VecDeque;

use crate::options::Retention;

/// Outcomes leave once they are overdue by this part of their time, many at once.
const SLACK_PARTS: u64 = 16;
/// Blocks that leave for their age in one transaction.
const LEAVE_MAX: usize = 4096;

/// A block of outcomes in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shelved {
    /// Its key.
    pub(crate) block: u64,
    pub(crate) newest_ms: u64,
    pub(crate) outcomes: usize,
    pub(crate) bytes: usize,
}

/// The blocks in the store, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    blocks: VecDeque<Shelved>,
    outcomes: usize,
    bytes: usize,
}

impl Shelf {
    /// Adds the block that is now the newest.
    pub(crate) fn add(&mut self, new: Shelved) {
        self.outcomes += new.outcomes;
        self.bytes += new.bytes;
        self.blocks.push_back(new);
    }

    /// The key of the next block.
    pub(crate) fn next_block(&self) -> u64 {
        self.blocks.back().map_or(0, |newest| newest.block + 1)
    }

    /// When outcomes leave for their age, in milliseconds of the journal's time.
    pub(crate) fn leave_at_ms(&self, retention: &Retention) -> Option<u64> {
        let oldest = self.blocks.front()?;
        let slack = retention.for_ms / SLACK_PARTS;
        Some(oldest.newest_ms.saturating_add(retention.for_ms).saturating_add(slack))
    }

    /// How many of the oldest blocks are to leave, if the blocks `new` come.
    pub(crate) fn leaving(&self, new: &[Shelved], retention: &Retention, now_ms: u64) -> usize {
        let mut outcomes: usize = new.iter().map(|new| new.outcomes).sum::<usize>() + self.outcomes;
        let mut bytes: usize = new.iter().map(|new| new.bytes).sum::<usize>() + self.bytes;
        let aged =
            if self.leave_at_ms(retention).is_some_and(|at| at <= now_ms) { LEAVE_MAX } else { 0 };
        let mut count = 0;
        for block in &self.blocks {
            let expired =
                count < aged && block.newest_ms.saturating_add(retention.for_ms) <= now_ms;
            let over = outcomes > retention.outcomes_max || bytes > retention.bytes_max;
            if !expired && !over {
                break;
            }
            outcomes -= block.outcomes;
            bytes -= block.bytes;
            count += 1;
        }
        count
    }

    /// The key of the last of the `count` oldest blocks.
    pub(crate) fn last_of(&self, count: usize) -> Option<u64> {
        Some(self.blocks.get(count.checked_sub(1)?)?.block)
    }

    /// Takes the `count` oldest blocks off.
    pub(crate) fn take(&mut self, count: usize) {
        for block in self.blocks.drain(..count.min(self.blocks.len())) {
            self.outcomes -= block.outcomes;
            self.bytes -= block.bytes;
        }
    }

    /// How many outcomes are in the store.
    pub(crate) fn outcomes(&self) -> usize {
        self.outcomes
    }

    /// How many bytes of outcomes are in the store.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
