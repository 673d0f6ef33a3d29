//! What a store holds when it is opened.

use std::iter::Peekable;

use acequia_wire::QueueName;

use crate::backend::{Contents, Rows};
use crate::codec::{Block, Names, decode_job, decode_letter};
use crate::entry::{BatchEnd, Counts, DeadLetter, Kept, LiveJob, Session, Tally};
use crate::error::ReadError;

/// The jobs, dead letters and outcomes of a store that has just been opened.
///
/// They are read while they are asked for, so memory does not grow with their number.
#[derive(Debug)]
pub struct Recovery<'a>(pub(crate) Box<dyn Contents + 'a>);

impl Recovery<'_> {
    /// How many jobs are live.
    pub fn live(&self) -> u64 {
        self.0.sizes().live
    }

    /// How many dead letters there are.
    pub fn buried(&self) -> u64 {
        self.0.sizes().buried
    }

    /// How many outcomes are kept, or names of such that were given up.
    pub fn kept(&self) -> usize {
        self.0.sizes().kept
    }

    /// The highest ticket that was ever written, also of a job that has ended or a letter
    /// that has left; 0 if none was. Whatever comes after a restart has to get a higher one, or would
    /// take the place of an outcome that is there.
    pub fn highest_ticket(&self) -> u64 {
        self.0.sizes().highest_ticket
    }

    /// All live jobs in the order of their tickets. After an error the next job follows.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn jobs(&self) -> Result<LiveJobs<'_>, ReadError> {
        let counts = self.0.counts()?.peekable();
        Ok(LiveJobs { jobs: self.0.jobs()?, counts, names: Names::default() })
    }

    /// All dead letters in the order of their tickets, which is that in which their jobs failed.
    /// After an error the next letter follows.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn dead_letters(&self) -> Result<DeadLetters<'_>, ReadError> {
        Ok(DeadLetters { letters: self.0.dead_letters()?, names: Names::default() })
    }

    /// All sessions that can be resumed, in the order of their names.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn sessions(
        &self,
    ) -> Result<impl Iterator<Item = Result<Session, ReadError>> + '_, ReadError> {
        self.0.sessions()
    }

    /// What became of batches of which jobs were live.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn tallies(
        &self,
    ) -> Result<impl Iterator<Item = Result<Tally, ReadError>> + '_, ReadError> {
        self.0.tallies()
    }

    /// The ends of batches that clients may not have seen, by session and number.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn batch_ends(
        &self,
    ) -> Result<impl Iterator<Item = Result<BatchEnd, ReadError>> + '_, ReadError> {
        self.0.batch_ends()
    }

    /// The queues that are paused, by name.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn paused(
        &self,
    ) -> Result<impl Iterator<Item = Result<QueueName, ReadError>> + '_, ReadError> {
        let names = self.0.paused()?;
        Ok(names
            .map(|name| name.and_then(|name| name.parse().map_err(|_| ReadError::Paused(name)))))
    }

    /// All outcomes that are kept, in the order in which their jobs ended, and among them the names
    /// of such that were given up. They leave the store in batches, and none left while no server ran:
    /// some may be older than they should be kept.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn outcomes(&self) -> Result<Outcomes<'_>, ReadError> {
        Ok(Outcomes { blocks: self.0.blocks()?, block: Vec::new().into_iter() })
    }
}

/// The live jobs of a store; see [`Recovery::jobs`].
pub struct LiveJobs<'a> {
    jobs: Rows<'a, (u64, Vec<u8>)>,
    /// Walked beside the jobs, in the same order.
    counts: Peekable<Rows<'a, (u64, Counts)>>,
    names: Names,
}

impl LiveJobs<'_> {
    fn counts_of(&mut self, ticket: u64) -> Result<Counts, ReadError> {
        let is_up_to = |row: &Result<(u64, Counts), _>| !matches!(row, Ok((of, _)) if *of > ticket);
        while let Some(row) = self.counts.next_if(is_up_to) {
            let (of, counts) = row?;
            if of == ticket {
                return Ok(counts);
            }
        }
        Ok(Counts::default())
    }
}

impl Iterator for LiveJobs<'_> {
    type Item = Result<LiveJob, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (ticket, record) = match self.jobs.next()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let counts = match self.counts_of(ticket) {
            Ok(counts) => counts,
            Err(error) => return Some(Err(error)),
        };
        let admitted = decode_job(ticket, &record, &mut self.names)
            .map_err(|why| ReadError::Job { ticket, why });
        Some(admitted.map(|admitted| LiveJob { admitted, counts }))
    }
}

/// The dead letters of a store; see [`Recovery::dead_letters`].
pub struct DeadLetters<'a> {
    letters: Rows<'a, (u64, Vec<u8>)>,
    names: Names,
}

impl Iterator for DeadLetters<'_> {
    type Item = Result<DeadLetter, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.letters.next()?;
        Some(row.and_then(|(ticket, record)| {
            decode_letter(ticket, &record, &mut self.names)
                .map_err(|why| ReadError::DeadLetter { ticket, why })
        }))
    }
}

/// The outcomes of a store; see [`Recovery::outcomes`].
pub struct Outcomes<'a> {
    blocks: Rows<'a, (u64, Vec<u8>)>,
    block: std::vec::IntoIter<Kept>,
}

impl Outcomes<'_> {
    fn next_block(&mut self) -> Result<bool, ReadError> {
        let Some((key, record)) = self.blocks.next().transpose()? else { return Ok(false) };
        let mut block = Block::read(&record).map_err(ReadError::Outcomes)?;
        let mut all = Vec::new();
        while let Some(kept) = block.next().map_err(ReadError::Outcomes)? {
            all.push(Kept { ticket: key, ..kept });
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
