//! What a group changes in the tables of the database.

use std::collections::BTreeMap;

use crate::codec::small::{encode_counts, encode_end, encode_session, encode_tally};
use crate::codec::{encode_job, encode_letter};
use crate::error::Fault;
use crate::group::Group;
use crate::outcomes::Blocks;

/// Rows that come or are replaced, by a key of one number, and the keys of those that leave.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) keys: Vec<i64>,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) gone: Vec<i64>,
}

impl Rows {
    pub(super) fn put(&mut self, key: u64, record: Vec<u8>) {
        self.keys.push(key.cast_signed());
        self.records.push(record);
    }

    fn remove(&mut self, key: u64) {
        self.gone.push(key.cast_signed());
    }
}

/// The same by a key of two parts.
#[derive(Debug, Default)]
pub(super) struct Pairs<K> {
    pub(super) firsts: Vec<i64>,
    pub(super) seconds: Vec<K>,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) gone_firsts: Vec<i64>,
    /// Of batches the name, of ends the number up to which they leave.
    pub(super) gone_seconds: Vec<K>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) jobs: Rows,
    pub(super) counts: Rows,
    pub(super) letters: Rows,
    pub(super) sessions: Rows,
    pub(super) outcomes: Rows,
    pub(super) batches: Pairs<Vec<u8>>,
    pub(super) ends: Pairs<i64>,
    pub(super) paused: Vec<String>,
    pub(super) resumed: Vec<String>,
}

impl Changes {
    /// All but outcomes. There may be counts of jobs in the database, or not.
    pub(super) fn of(group: &Group, has_counts: bool) -> Self {
        let mut all = Self::default();
        for (ticket, admitted) in &group.admitted {
            let mut record = Vec::new();
            encode_job(admitted, &mut record);
            all.jobs.put(*ticket, record);
        }
        for ticket in &group.settled {
            all.jobs.remove(*ticket);
            if has_counts {
                all.counts.remove(*ticket);
            }
        }
        for (ticket, counts) in &group.counted {
            all.counts.put(*ticket, encode_counts(counts));
        }
        for (ticket, letter) in &group.buried {
            let mut record = Vec::new();
            encode_letter(letter, &mut record);
            all.letters.put(*ticket, record);
        }
        group.exhumed.iter().for_each(|ticket| all.letters.remove(*ticket));
        for (name, session) in &group.sessions {
            match session {
                Some(session) => all.sessions.put(*name, encode_session(session)),
                None => {
                    all.sessions.remove(*name);
                    all.ends.gone_firsts.push(name.cast_signed());
                    all.ends.gone_seconds.push(i64::MAX);
                }
            }
        }
        for ((client, name), tally) in &group.batches {
            let (client, name) = (client.cast_signed(), name.as_bytes().to_vec());
            if let Some(tally) = tally {
                all.batches.firsts.push(client);
                all.batches.seconds.push(name);
                all.batches.records.push(encode_tally(tally));
            } else {
                all.batches.gone_firsts.push(client);
                all.batches.gone_seconds.push(name);
            }
        }
        for (session, up_to) in &group.ends_seen {
            all.ends.gone_firsts.push(session.cast_signed());
            all.ends.gone_seconds.push(i64::try_from(*up_to).unwrap_or(i64::MAX));
        }
        for ((session, seq), end) in &group.ends {
            all.ends.firsts.push(session.cast_signed());
            all.ends.seconds.push(seq.cast_signed());
            all.ends.records.push(encode_end(end));
        }
        for (queue, is_paused) in &group.paused {
            let names = if *is_paused { &mut all.paused } else { &mut all.resumed };
            names.push(queue.as_str().to_owned());
        }
        all
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        let none = |rows: &Rows| rows.keys.is_empty() && rows.gone.is_empty();
        [&self.jobs, &self.counts, &self.letters, &self.sessions, &self.outcomes]
            .into_iter()
            .all(none)
            && self.batches.firsts.is_empty()
            && self.batches.gone_firsts.is_empty()
            && self.ends.firsts.is_empty()
            && self.ends.gone_firsts.is_empty()
            && self.paused.is_empty()
            && self.resumed.is_empty()
    }
}

/// Blocks of outcomes that are in the database, by their keys.
pub(super) type Found = Vec<(i64, Vec<u8>)>;

/// Blocks of outcomes, as they are in the database but for what has become of them.
pub(super) struct Overlay<'a> {
    /// Reads blocks from the database.
    pub(super) fetch: &'a mut dyn FnMut(&[i64]) -> Result<Found, Fault>,
    /// Those that were read.
    pub(super) read: BTreeMap<u64, Option<Vec<u8>>>,
    /// Those that have changed; `None` if they leave.
    pub(super) changed: BTreeMap<u64, Option<Vec<u8>>>,
}

impl Overlay<'_> {
    fn fetch(&mut self, keys: Vec<i64>) -> Result<(), Fault> {
        if keys.is_empty() {
            return Ok(());
        }
        let found = (self.fetch)(&keys)?;
        self.read.extend(keys.into_iter().map(|key| (key.cast_unsigned(), None)));
        self.read.extend(found.into_iter().map(|(key, block)| (key.cast_unsigned(), Some(block))));
        Ok(())
    }
}

impl Blocks for &mut Overlay<'_> {
    fn expect(&mut self, keys: impl Iterator<Item = u64>) -> Result<(), Fault> {
        let mut keys: Vec<i64> = keys.map(u64::cast_signed).collect();
        keys.dedup();
        self.fetch(keys)
    }

    fn read<T>(&mut self, key: u64, look: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, Fault> {
        if let Some(block) = self.changed.get(&key) {
            return Ok(block.as_deref().map(look));
        }
        if !self.read.contains_key(&key) {
            self.fetch(vec![key.cast_signed()])?;
        }
        Ok(self.read.get(&key).and_then(Option::as_deref).map(look))
    }

    fn put(&mut self, key: u64, block: &[u8]) -> Result<(), Fault> {
        self.changed.insert(key, Some(block.to_vec()));
        Ok(())
    }

    fn remove(&mut self, key: u64) -> Result<(), Fault> {
        self.changed.insert(key, None);
        Ok(())
    }

    fn remove_oldest(&mut self, keys: &[u64]) -> Result<(), Fault> {
        self.changed.extend(keys.iter().map(|key| (*key, None)));
        Ok(())
    }
}

impl Rows {
    /// The blocks that have changed.
    pub(super) fn of_blocks(changed: BTreeMap<u64, Option<Vec<u8>>>) -> Self {
        let mut rows = Self::default();
        for (key, block) in changed {
            match block {
                Some(block) => rows.put(key, block),
                None => rows.remove(key),
            }
        }
        rows
    }
}
