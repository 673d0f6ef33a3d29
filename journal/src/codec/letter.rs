//! The record of a dead letter.

use acequia_wire::code::FailCode;
use acequia_wire::record::{BadRecord, In, Out};

use super::job::{Names, decode_job, encode_job};
use crate::entry::DeadLetter;

const VERSION: u8 = 1;

/// Appends the record of a letter; its layout is in the doc of [`DeadLetter`].
pub(crate) fn encode_letter(letter: &DeadLetter, into: &mut Vec<u8>) {
    let DeadLetter { job, failed_ms, code, message, runs, failures, losses } = letter;
    let mut out = Out(into);
    out.byte(VERSION);
    out.number(*failed_ms);
    for count in [runs, failures, losses] {
        out.number((*count).into());
    }
    out.text(code.as_str());
    out.text(message);
    encode_job(job, into);
}

/// The letter that `record` describes, which lay under `ticket`.
pub(crate) fn decode_letter(
    ticket: u64,
    record: &[u8],
    names: &mut Names,
) -> Result<DeadLetter, BadRecord> {
    let mut from = In(record);
    from.version(VERSION)?;
    // In the order of the record: the fields of a struct expression are evaluated as they stand.
    Ok(DeadLetter {
        failed_ms: from.number()?,
        runs: from.number_u32()?,
        failures: from.number_u32()?,
        losses: from.number_u32()?,
        code: FailCode::of_worker(from.text()?.to_owned()),
        message: from.text()?.into(),
        job: decode_job(ticket, from.rest(), names)?,
    })
}
