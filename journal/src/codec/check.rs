//! What is true of any bytes that are taken for a record: the tests and the fuzzer ask it.

use acequia_wire::limits::PRIORITY_MAX;
use acequia_wire::record::BadRecord;

use super::block::{Block, Builder};
use super::job::{Names, decode_job, encode_job};
use super::letter::{decode_letter, encode_letter};
use super::small::{
    decode_counts, decode_end, decode_session, decode_tally, encode_counts, encode_end,
    encode_session, encode_tally,
};
use crate::entry::{Admitted, BatchEnd, Counts, DeadLetter, Kept, Session, Tally};

/// The records that there are.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A live job.
    Job,
    /// A dead letter.
    Letter,
    /// A block of outcomes.
    Outcomes,
    /// What a job has been through.
    Counts,
    /// A session.
    Session,
    /// What became of a batch so far.
    Tally,
    /// The end of a batch.
    End,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Job,
        Self::Letter,
        Self::Outcomes,
        Self::Counts,
        Self::Session,
        Self::Tally,
        Self::End,
    ];
}

/// A record, decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum Record {
    /// A live job.
    Job(Admitted),
    /// A dead letter.
    Letter(DeadLetter),
    /// A block of outcomes.
    Outcomes(Vec<Kept>),
    /// What a job has been through.
    Counts(Counts),
    /// A session.
    Session(Session),
    /// What became of a batch so far.
    Tally(Tally),
    /// The end of a batch.
    End(BatchEnd),
}

impl Record {
    fn write(&self) -> Vec<u8> {
        let mut record = Vec::new();
        match self {
            Self::Job(admitted) => encode_job(admitted, &mut record),
            Self::Letter(letter) => encode_letter(letter, &mut record),
            Self::Outcomes(all) => {
                let mut builder = Builder::default();
                all.iter().for_each(|kept| builder.push(kept, 0));
                builder.finish(&mut record);
            }
            Self::Counts(counts) => record = encode_counts(counts),
            Self::Session(session) => record = encode_session(session),
            Self::Tally(tally) => record = encode_tally(tally),
            Self::End(end) => record = encode_end(end),
        }
        record
    }
}

/// The record that these bytes are.
///
/// # Errors
/// If they are none.
pub fn read(kind: Kind, record: &[u8]) -> Result<Record, BadRecord> {
    Ok(match kind {
        Kind::Job => Record::Job(decode_job(1, record, &mut Names::default())?),
        Kind::Letter => Record::Letter(decode_letter(1, record, &mut Names::default())?),
        Kind::Outcomes => {
            let mut block = Block::read(record)?;
            let mut all = Vec::new();
            while let Some(kept) = block.next()? {
                all.push(kept);
            }
            Record::Outcomes(all)
        }
        Kind::Counts => Record::Counts(decode_counts(record)?),
        Kind::Session => Record::Session(decode_session(1, record)?),
        Kind::Tally => Record::Tally(decode_tally(1, "batch", record)?),
        Kind::End => Record::End(decode_end(1, 1, record)?),
    })
}

/// Panics unless the bytes are no record, or one that means the same when it is written again and
/// that the scheduler can take.
pub fn check(kind: Kind, record: &[u8]) {
    let Ok(read_once) = read(kind, record) else { return };
    assert_eq!(read(kind, &read_once.write()).as_ref(), Ok(&read_once));
    let job = match &read_once {
        Record::Job(job) => job,
        Record::Letter(letter) => &letter.job,
        Record::Outcomes(_)
        | Record::Counts(_)
        | Record::Session(_)
        | Record::Tally(_)
        | Record::End(_) => return,
    };
    assert!(job.spec.priority <= PRIORITY_MAX, "a priority of {}", job.spec.priority);
}
