//! What a store holds when it is opened.

use std::marker::PhantomData;

use acequia_wire::QueueName;

use redb::{
    AccessGuard, Database, Range, ReadOnlyTable, ReadableDatabase as _, ReadableTable as _,
    ReadableTableMetadata as _, StorageError,
};

use crate::codec::{Block, Names, decode_job, decode_letter};
use crate::entry::{BatchEnd, Counts, DeadLetter, Kept, LiveJob, Session, Tally};
use crate::error::ReadError;
use crate::outcomes::OUTCOMES;
use crate::tables::{
    self, BATCH_ENDS, BATCHES, BatchEnds, Batches, COUNTS, DEAD_LETTERS, JOBS, PAUSED, SESSIONS,
    meta,
};

/// The jobs, dead letters and outcomes of a store that has just been opened.
///
/// They are read while they are asked for, so memory does not grow with their number.
#[derive(Debug)]
pub struct Recovery<'a> {
    jobs: ReadOnlyTable<u64, &'static [u8]>,
    counts: ReadOnlyTable<u64, (u32, u32, u32, u64)>,
    letters: ReadOnlyTable<u64, &'static [u8]>,
    sessions: ReadOnlyTable<u64, (u64, [u8; 32])>,
    batches: Batches,
    batch_ends: BatchEnds,
    paused: ReadOnlyTable<&'static str, ()>,
    outcomes: ReadOnlyTable<u64, &'static [u8]>,
    live: u64,
    buried: u64,
    kept: usize,
    highest_ticket: u64,
    /// A store that is being read is not written.
    store: PhantomData<&'a Database>,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(database: &'a Database, kept: usize) -> Result<Self, ReadError> {
        let open = || -> Result<Self, redb::Error> {
            let transaction = database.begin_read()?;
            let jobs = transaction.open_table(JOBS)?;
            let letters = transaction.open_table(DEAD_LETTERS)?;
            let outcomes = transaction.open_table(OUTCOMES)?;
            // The place of an outcome is none that was written as a job's or a letter's.
            let newest = outcomes.last()?.map_or(0, |(key, _)| key.value());
            let highest = tables::read_meta(database, meta::HIGHEST_TICKET)?;
            Ok(Self {
                live: jobs.len()?,
                jobs,
                buried: letters.len()?,
                letters,
                counts: transaction.open_table(COUNTS)?,
                sessions: transaction.open_table(SESSIONS)?,
                batches: transaction.open_table(BATCHES)?,
                batch_ends: transaction.open_table(BATCH_ENDS)?,
                paused: transaction.open_table(PAUSED)?,
                outcomes,
                kept,
                highest_ticket: highest.max(newest),
                store: PhantomData,
            })
        };
        open().map_err(|error| ReadError::Store(Box::new(error)))
    }

    /// How many jobs are live.
    pub fn live(&self) -> u64 {
        self.live
    }

    /// How many dead letters there are.
    pub fn buried(&self) -> u64 {
        self.buried
    }

    /// How many outcomes are kept, or names of such that were given up.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// The highest ticket that was ever written, also of a job that has ended or a letter
    /// that has left; 0 if none was. Whatever comes after a restart has to get a higher one, or would
    /// take the place of an outcome that is there.
    pub fn highest_ticket(&self) -> u64 {
        self.highest_ticket
    }

    /// All live jobs in the order of their tickets. After an error the next job follows.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn jobs(&self) -> Result<LiveJobs<'_>, ReadError> {
        let mut counts = range(&self.counts)?;
        let next_counts = next(&mut counts)?;
        Ok(LiveJobs {
            jobs: range(&self.jobs)?,
            counts,
            next_counts,
            names: Names::default(),
            recovery: PhantomData,
        })
    }

    /// All dead letters in the order of their tickets, which is that in which their jobs failed.
    /// After an error the next letter follows.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn dead_letters(&self) -> Result<DeadLetters<'_>, ReadError> {
        Ok(DeadLetters {
            letters: range(&self.letters)?,
            names: Names::default(),
            recovery: PhantomData,
        })
    }

    /// All sessions that can be resumed, in the order of their names.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn sessions(
        &self,
    ) -> Result<impl Iterator<Item = Result<Session, ReadError>> + '_, ReadError> {
        let rows = range(&self.sessions)?;
        Ok(rows.map(|row| {
            let (session, value) = row.map_err(failed)?;
            let (client, secret_hash) = value.value();
            Ok(Session { session: session.value(), client, secret_hash })
        }))
    }

    /// What became of batches of which jobs were live.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn tallies(
        &self,
    ) -> Result<impl Iterator<Item = Result<Tally, ReadError>> + '_, ReadError> {
        let rows = self.batches.range::<(u64, &str)>(..).map_err(failed)?;
        Ok(rows.map(|row| {
            let (key, value) = row.map_err(failed)?;
            let ((client, name), of) = (key.value(), value.value());
            let (began_ms, done, failed, cancelled, sessions) = of;
            Ok(Tally { client, name: name.into(), began_ms, done, failed, cancelled, sessions })
        }))
    }

    /// The ends of batches that clients may not have seen, by session and number.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn batch_ends(
        &self,
    ) -> Result<impl Iterator<Item = Result<BatchEnd, ReadError>> + '_, ReadError> {
        let rows = self.batch_ends.range::<(u64, u64)>(..).map_err(failed)?;
        Ok(rows.map(|row| {
            let (key, value) = row.map_err(failed)?;
            let ((session, seq), of) = (key.value(), value.value());
            let (name, done, failed, cancelled, elapsed_ms) = of;
            let name = name.into();
            Ok(BatchEnd { session, seq, name, done, failed, cancelled, elapsed_ms })
        }))
    }

    /// The queues that are paused, by name.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn paused(
        &self,
    ) -> Result<impl Iterator<Item = Result<QueueName, ReadError>> + '_, ReadError> {
        let rows = self.paused.range::<&str>(..).map_err(failed)?;
        Ok(rows.map(|row| {
            let (queue, ()) =
                row.map(|(queue, nothing)| (queue, nothing.value())).map_err(failed)?;
            queue.value().parse().map_err(|_| ReadError::Paused(queue.value().to_owned()))
        }))
    }

    /// All outcomes that are kept, in the order in which their jobs ended, and among them the names
    /// of such that were given up. They leave the store in batches, and none left while no server ran:
    /// some may be older than they should be kept.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn outcomes(&self) -> Result<Outcomes<'_>, ReadError> {
        Ok(Outcomes {
            blocks: range(&self.outcomes)?,
            block: Vec::new().into_iter(),
            recovery: PhantomData,
        })
    }
}

type Row<V> = (AccessGuard<'static, u64>, AccessGuard<'static, V>);

fn range<V: redb::Value>(
    table: &ReadOnlyTable<u64, V>,
) -> Result<Range<'static, u64, V>, ReadError> {
    table.range::<u64>(..).map_err(failed)
}

fn next<V: redb::Value + 'static>(
    range: &mut Range<'static, u64, V>,
) -> Result<Option<Row<V>>, ReadError> {
    range.next().transpose().map_err(failed)
}

fn failed(error: StorageError) -> ReadError {
    ReadError::Store(Box::new(error.into()))
}

/// The live jobs of a store; see [`Recovery::jobs`].
pub struct LiveJobs<'a> {
    jobs: Range<'static, u64, &'static [u8]>,
    /// Walked beside the jobs, in the same order.
    counts: Range<'static, u64, (u32, u32, u32, u64)>,
    next_counts: Option<Row<(u32, u32, u32, u64)>>,
    names: Names,
    recovery: PhantomData<&'a Recovery<'a>>,
}

impl LiveJobs<'_> {
    fn counts_of(&mut self, ticket: u64) -> Result<Counts, ReadError> {
        while let Some((of, counts)) = &self.next_counts
            && of.value() <= ticket
        {
            let (of, (runs, failures, losses, not_before_ms)) = (of.value(), counts.value());
            self.next_counts = next(&mut self.counts)?;
            if of == ticket {
                return Ok(Counts { runs, failures, losses, not_before_ms });
            }
        }
        Ok(Counts::default())
    }
}

impl Iterator for LiveJobs<'_> {
    type Item = Result<LiveJob, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (ticket, record) = match next(&mut self.jobs).transpose()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let ticket = ticket.value();
        let counts = match self.counts_of(ticket) {
            Ok(counts) => counts,
            Err(error) => return Some(Err(error)),
        };
        let admitted = decode_job(ticket, record.value(), &mut self.names)
            .map_err(|why| ReadError::Job { ticket, why });
        Some(admitted.map(|admitted| LiveJob { admitted, counts }))
    }
}

/// The dead letters of a store; see [`Recovery::dead_letters`].
pub struct DeadLetters<'a> {
    letters: Range<'static, u64, &'static [u8]>,
    names: Names,
    recovery: PhantomData<&'a Recovery<'a>>,
}

impl Iterator for DeadLetters<'_> {
    type Item = Result<DeadLetter, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = next(&mut self.letters).transpose()?;
        Some(row.and_then(|(ticket, record)| {
            let ticket = ticket.value();
            decode_letter(ticket, record.value(), &mut self.names)
                .map_err(|why| ReadError::DeadLetter { ticket, why })
        }))
    }
}

/// The outcomes of a store; see [`Recovery::outcomes`].
pub struct Outcomes<'a> {
    blocks: Range<'static, u64, &'static [u8]>,
    block: std::vec::IntoIter<Kept>,
    recovery: PhantomData<&'a Recovery<'a>>,
}

impl Outcomes<'_> {
    fn next_block(&mut self) -> Result<bool, ReadError> {
        let Some((key, record)) = next(&mut self.blocks)? else { return Ok(false) };
        let mut block = Block::read(record.value()).map_err(ReadError::Outcomes)?;
        let mut all = Vec::new();
        while let Some(kept) = block.next().map_err(ReadError::Outcomes)? {
            all.push(Kept { ticket: key.value(), ..kept });
        }
        self.block = all.into_iter();
        Ok(true)
    }
}

impl Iterator for Outcomes<'_> {
    type Item = Result<Kept, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(kept) = self.block.next() {
                return Some(Ok(kept));
            }
            match self.next_block() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
