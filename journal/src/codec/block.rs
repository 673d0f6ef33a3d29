//! Outcomes in blocks: they come in groups and leave by age, so a group of them is one record.

use super::outcome;
use super::primitives::BadRecord;
use super::primitives::{In, Out};
use crate::entry::Kept;

const VERSION: u8 = 1;

/// A block takes outcomes until it has so many bytes; only a single outcome can make a larger one.
const BLOCK_BYTES: usize = 256 << 10;

/// Puts outcomes into a block.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    records: Vec<u8>,
    record: Vec<u8>,
    outcomes: u64,
    newest_ms: u64,
}

impl Builder {
    /// Adds an outcome, which stays for so much longer if it is of a session.
    pub(crate) fn push(&mut self, kept: &Kept, sessions_ms: u64) {
        self.record.clear();
        outcome::encode(kept, &mut self.record);
        Out(&mut self.records).bytes(&self.record);
        self.outcomes += 1;
        let longer_ms = if kept.session == 0 { 0 } else { sessions_ms };
        self.newest_ms = self.newest_ms.max(kept.ended_ms.saturating_add(longer_ms));
    }

    /// When the newest of its outcomes ended, or later: the block stays for its time from here on.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// Whether it has as much as a block takes.
    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= BLOCK_BYTES
    }

    /// Appends the block, which is empty again.
    ///
    /// ```text
    ///  version 1 │ newest │ number of outcomes │ (length │ outcome) …
    /// ```
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) {
        let mut out = Out(into);
        out.byte(VERSION);
        out.number(self.newest_ms);
        out.number(self.outcomes);
        out.rest(&self.records);
        self.records.clear();
        (self.outcomes, self.newest_ms) = (0, 0);
    }
}

/// A block, its head taken off.
#[derive(Clone)]
pub(crate) struct Block<'a> {
    /// When the newest of its outcomes ended, or later: the block stays for its time from here on.
    pub(crate) newest_ms: u64,
    /// How many outcomes are in it.
    pub(crate) outcomes: u64,
    records: In<'a>,
}

impl<'a> Block<'a> {
    /// The block that these bytes are.
    pub(crate) fn read(block: &'a [u8]) -> Result<Self, BadRecord> {
        let mut from = In(block);
        from.version(VERSION)?;
        let (newest_ms, outcomes) = (from.number()?, from.number()?);
        // Each has its length in front of it. So the numbers of all blocks can be added up.
        if outcomes > from.0.len() as u64 {
            return Err(BadRecord::Truncated);
        }
        Ok(Self { newest_ms, outcomes, records: from })
    }

    /// The next of its outcomes, in the order in which they were added.
    pub(crate) fn next(&mut self) -> Result<Option<Kept>, BadRecord> {
        if self.records.0.is_empty() {
            return Ok(None);
        }
        outcome::decode(self.records.bytes()?).map(Some)
    }
}
