//! What is in the file, for whoever reads it.

use redb::{
    Key, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    StorageError, Value,
};

use super::outcomes::OUTCOMES;
use super::tables::{
    self, BATCH_ENDS, BATCHES, BatchEnds, Batches, COUNTS, DEAD_LETTERS, JOBS, PAUSED, SESSIONS,
    meta,
};
use crate::backend::{Contents, Rows, Sizes};
use crate::entry::{BatchEnd, Counts, Session, Tally};
use crate::error::ReadError;

/// The tables, as they were when the file was opened.
#[derive(Debug)]
pub(crate) struct Tables {
    jobs: ReadOnlyTable<u64, &'static [u8]>,
    counts: ReadOnlyTable<u64, (u32, u32, u32, u64)>,
    letters: ReadOnlyTable<u64, &'static [u8]>,
    sessions: ReadOnlyTable<u64, (u64, [u8; 32])>,
    batches: Batches,
    batch_ends: BatchEnds,
    paused: ReadOnlyTable<&'static str, ()>,
    outcomes: ReadOnlyTable<u64, &'static [u8]>,
    sizes: Sizes,
}

impl Tables {
    pub(crate) fn open(database: &redb::Database, kept: usize) -> Result<Self, ReadError> {
        let open = || -> Result<Self, redb::Error> {
            let transaction = database.begin_read()?;
            let jobs = transaction.open_table(JOBS)?;
            let letters = transaction.open_table(DEAD_LETTERS)?;
            let outcomes = transaction.open_table(OUTCOMES)?;
            // The place of an outcome is none that was written as a job's or a letter's.
            let newest = outcomes.last()?.map_or(0, |(key, _)| key.value());
            let highest = tables::read_meta(database, meta::HIGHEST_TICKET)?;
            let sizes = Sizes {
                live: jobs.len()?,
                buried: letters.len()?,
                kept,
                highest_ticket: highest.max(newest),
            };
            Ok(Self {
                jobs,
                letters,
                counts: transaction.open_table(COUNTS)?,
                sessions: transaction.open_table(SESSIONS)?,
                batches: transaction.open_table(BATCHES)?,
                batch_ends: transaction.open_table(BATCH_ENDS)?,
                paused: transaction.open_table(PAUSED)?,
                outcomes,
                sizes,
            })
        };
        open().map_err(|error| ReadError::Store(Box::new(error)))
    }
}

impl Contents for Tables {
    fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    fn jobs(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError> {
        records(&self.jobs)
    }

    fn counts(&self) -> Result<Rows<'_, (u64, Counts)>, ReadError> {
        rows(&self.counts, |ticket, (runs, failures, losses, not_before_ms)| {
            (ticket, Counts { runs, failures, losses, not_before_ms })
        })
    }

    fn dead_letters(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError> {
        records(&self.letters)
    }

    fn sessions(&self) -> Result<Rows<'_, Session>, ReadError> {
        rows(&self.sessions, |session, (client, secret_hash)| Session {
            session,
            client,
            secret_hash,
        })
    }

    fn tallies(&self) -> Result<Rows<'_, Tally>, ReadError> {
        rows(&self.batches, |(client, name), of| {
            let (began_ms, done, failed, cancelled, sessions) = of;
            Tally { client, name: name.into(), began_ms, done, failed, cancelled, sessions }
        })
    }

    fn batch_ends(&self) -> Result<Rows<'_, BatchEnd>, ReadError> {
        rows(&self.batch_ends, |(session, seq), of| {
            let (name, done, failed, cancelled, elapsed_ms) = of;
            let name = name.into();
            BatchEnd { session, seq, name, done, failed, cancelled, elapsed_ms }
        })
    }

    fn paused(&self) -> Result<Rows<'_, String>, ReadError> {
        rows(&self.paused, |queue, ()| queue.to_owned())
    }

    fn blocks(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError> {
        records(&self.outcomes)
    }
}

fn records<'a>(
    table: &'a ReadOnlyTable<u64, &'static [u8]>,
) -> Result<Rows<'a, (u64, Vec<u8>)>, ReadError> {
    rows(table, |key, record| (key, record.to_vec()))
}

/// All rows of a table, in the order of their keys.
fn rows<'a, K: Key + 'static, V: Value + 'static, T>(
    table: &'a ReadOnlyTable<K, V>,
    row: impl Fn(K::SelfType<'_>, V::SelfType<'_>) -> T + 'a,
) -> Result<Rows<'a, T>, ReadError> {
    let all = table.iter().map_err(failed)?;
    Ok(Box::new(all.map(move |found| {
        let (key, value) = found.map_err(failed)?;
        Ok(row(key.value(), value.value()))
    })))
}

fn failed(error: StorageError) -> ReadError {
    ReadError::Store(Box::new(error.into()))
}
