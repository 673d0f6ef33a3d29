//! All that a journal holds, as changes of a size that can be sent.

use super::changes::Changes;
use crate::backend::{Contents, Rows};
use crate::codec::small::{encode_counts, encode_end, encode_session, encode_tally};
use crate::error::ReadError;

/// Rows that are sent at a time, and bytes of them, about.
const ROWS: usize = 5_000;
const BYTES: usize = 16 << 20;

/// Where a record goes, and the rows that do.
type Source<'a> = (fn(&mut Changes, u64, Vec<u8>), Rows<'a, (u64, Vec<u8>)>);

/// Changes that bring all of it, one after the other.
pub(super) struct Batches<'a> {
    /// Rows with a key and a record, and where they go; what comes last is first.
    tables: Vec<Source<'a>>,
    /// What is small, and comes at the end.
    rest: Option<Changes>,
}

impl<'a> Batches<'a> {
    pub(super) fn of(from: &'a dyn Contents) -> Result<Self, ReadError> {
        let counts = from.counts()?.map(|row| row.map(|(key, of)| (key, encode_counts(&of))));
        let sessions = from.sessions()?.map(|row| row.map(|of| (of.session, encode_session(&of))));
        let tables: Vec<Source<'a>> = vec![
            (|all, key, record| all.outcomes.put(key, record), from.blocks()?),
            (|all, key, record| all.sessions.put(key, record), Box::new(sessions)),
            (|all, key, record| all.letters.put(key, record), from.dead_letters()?),
            (|all, key, record| all.counts.put(key, record), Box::new(counts)),
            (|all, key, record| all.jobs.put(key, record), from.jobs()?),
        ];
        let mut rest = Changes::default();
        for tally in from.tallies()? {
            let tally = tally?;
            rest.batches.firsts.push(tally.client.cast_signed());
            rest.batches.seconds.push(tally.name.as_bytes().to_vec());
            rest.batches.records.push(encode_tally(&tally));
        }
        for end in from.batch_ends()? {
            let end = end?;
            rest.ends.firsts.push(end.session.cast_signed());
            rest.ends.seconds.push(end.seq.cast_signed());
            rest.ends.records.push(encode_end(&end));
        }
        rest.paused = from.paused()?.collect::<Result<_, _>>()?;
        Ok(Self { tables, rest: Some(rest) })
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<Changes, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut changes, mut rows, mut bytes) = (Changes::default(), 0, 0);
        while let Some((put, table)) = self.tables.last_mut() {
            match table.next() {
                Some(Ok((key, record))) => {
                    (rows, bytes) = (rows + 1, bytes + record.len());
                    put(&mut changes, key, record);
                    if rows >= ROWS || bytes >= BYTES {
                        return Some(Ok(changes));
                    }
                }
                Some(Err(error)) => return Some(Err(error)),
                None => drop(self.tables.pop()),
            }
        }
        if rows > 0 {
            return Some(Ok(changes));
        }
        // Also if there is nothing: the highest ticket comes with it.
        self.rest.take().map(Ok)
    }
}
