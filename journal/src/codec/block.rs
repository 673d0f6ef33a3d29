//! Outcomes in blocks: they come in groups and leave by age, so a few of one time are one record.

use acequia_wire::record::{BadRecord, In, Out};

use super::outcome::{self, Glance};
use crate::entry::Kept;

const VERSION: u8 = 1;

/// A block takes outcomes until it has so many bytes; only a single outcome can make a much larger
/// one. Where one of a block is given up and others are not, it is written anew, so it is small; but
/// each takes some 10 µs to come and to leave, so it is no smaller.
const BLOCK_BYTES: usize = 32 << 10;

/// What is in a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// When the newest of its outcomes ended, or later: the block stays for its time from here on.
    pub(crate) newest_ms: u64,
    /// When the newest of its outcomes ended.
    pub(crate) ended_ms: u64,
    /// Outcomes that were not given up.
    pub(crate) outcomes: usize,
    /// Of which clients there are some that were given up, each as often as it has one.
    pub(crate) given_up: Vec<u64>,
    /// Its bytes.
    pub(crate) bytes: usize,
}

impl Contents {
    fn count(&mut self, record: &Glance) {
        if record.is_given_up {
            self.given_up.push(record.client);
        } else {
            self.outcomes += 1;
        }
        self.ended_ms = self.ended_ms.max(record.ended_ms);
        self.newest_ms = self.newest_ms.max(record.ended_ms);
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.outcomes == 0 && self.given_up.is_empty()
    }

    fn records(&self) -> usize {
        self.outcomes + self.given_up.len()
    }
}

/// What becomes of an outcome in a block that is written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays as it is.
    Stays,
    /// It is given up, and known by its name alone.
    GivenUp,
    /// Nothing stays of it.
    Leaves,
}

/// Puts outcomes into a block.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    records: Vec<u8>,
    record: Vec<u8>,
    contents: Contents,
}

impl Builder {
    /// Adds an outcome, which stays for so much longer if it is of a session.
    pub(crate) fn push(&mut self, kept: &Kept, sessions_ms: u64) {
        let longer_ms = if kept.session == 0 { 0 } else { sessions_ms };
        self.contents.newest_ms =
            self.contents.newest_ms.max(kept.ended_ms.saturating_add(longer_ms));
        self.put(kept);
    }

    fn put(&mut self, kept: &Kept) {
        self.record.clear();
        outcome::encode(kept, &mut self.record);
        self.contents.count(&Glance::of(kept));
        Out(&mut self.records).bytes(&self.record);
    }

    fn put_record(&mut self, record: &[u8], seen: &Glance) {
        self.contents.count(seen);
        Out(&mut self.records).bytes(record);
    }

    /// Whether it has as much as a block takes.
    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= BLOCK_BYTES
    }

    /// Appends the block, which is empty again. Returns what is in it.
    ///
    /// ```text
    ///  version 1 │ newest │ number of outcomes │ (length │ outcome) …
    /// ```
    pub(crate) fn finish(&mut self, into: &mut Vec<u8>) -> Contents {
        let mut contents = std::mem::take(&mut self.contents);
        let before = into.len();
        let mut out = Out(into);
        out.byte(VERSION);
        out.number(contents.newest_ms);
        out.number(contents.records() as u64);
        out.rest(&self.records);
        self.records.clear();
        contents.bytes = into.len() - before;
        contents
    }
}

/// A block, its head taken off.
#[derive(Clone)]
pub(crate) struct Block<'a> {
    /// As in [`Contents`].
    newest_ms: u64,
    records: In<'a>,
}

impl<'a> Block<'a> {
    /// The block that these bytes are.
    pub(crate) fn read(block: &'a [u8]) -> Result<Self, BadRecord> {
        let mut from = In(block);
        from.version(VERSION)?;
        let (newest_ms, outcomes) = (from.number()?, from.number()?);
        // Each has its length in front of it.
        if outcomes > from.0.len() as u64 {
            return Err(BadRecord::Truncated);
        }
        Ok(Self { newest_ms, records: from })
    }

    fn next_record(&mut self) -> Result<Option<&'a [u8]>, BadRecord> {
        if self.records.0.is_empty() {
            return Ok(None);
        }
        self.records.bytes().map(Some)
    }

    /// The next of its outcomes, in the order in which they were added.
    pub(crate) fn next(&mut self) -> Result<Option<Kept>, BadRecord> {
        self.next_record()?.map(outcome::decode).transpose()
    }

    /// What is in the block that these bytes are.
    pub(crate) fn contents(block: &'a [u8]) -> Result<Contents, BadRecord> {
        let mut all = Self::read(block)?;
        let mut contents = Contents { bytes: block.len(), ..Contents::default() };
        while let Some(record) = all.next_record()? {
            contents.count(&Glance::at(record)?);
        }
        contents.newest_ms = all.newest_ms;
        Ok(contents)
    }

    /// Appends the block that this one is once to each of its outcomes has come what `fate` says.
    /// Returns what is in it, if anything is.
    pub(crate) fn write_anew(
        mut self,
        mut fate: impl FnMut(&Glance) -> Fate,
        into: &mut Vec<u8>,
    ) -> Result<Option<Contents>, BadRecord> {
        let mut builder = Builder::default();
        while let Some(record) = self.next_record()? {
            let seen = Glance::at(record)?;
            match fate(&seen) {
                Fate::Stays => builder.put_record(record, &seen),
                Fate::GivenUp => {
                    let mut kept = outcome::decode(record)?;
                    kept.give_up();
                    builder.put(&kept);
                }
                Fate::Leaves => {}
            }
        }
        builder.contents.newest_ms = self.newest_ms;
        Ok((!builder.contents.is_empty()).then(|| builder.finish(into)))
    }
}
