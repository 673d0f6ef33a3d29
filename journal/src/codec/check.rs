//! What is true of any bytes that are taken for a record: the tests and the fuzzer ask it.

use acequia_wire::limits::PRIORITY_MAX;

use super::block::{Block, Builder};
use super::job::{Names, decode_job, encode_job};
use super::letter::{decode_letter, encode_letter};
use crate::codec::primitives::BadRecord;
use crate::entry::{Admitted, DeadLetter, Kept};

/// The records that there are.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A live job.
    Job,
    /// A dead letter.
    Letter,
    /// A block of outcomes.
    Outcomes,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Job, Self::Letter, Self::Outcomes];
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
        Record::Outcomes(_) => return,
    };
    assert!(job.spec.priority <= PRIORITY_MAX, "a priority of {}", job.spec.priority);
}
