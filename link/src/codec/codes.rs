//! The codes that go on the wire: one of a refusal as a number, one of a failure as its text.

use acequia_wire::code::{FailCode, RejectCode, ServerFailCode};
use acequia_wire::record::BadRecord;

use super::encoder::Encoder;
use super::source::Source;

/// No number is given again.
const fn number(code: RejectCode) -> u8 {
    match code {
        RejectCode::BadRequest => 0,
        RejectCode::TooLarge => 1,
        RejectCode::QueueFull => 2,
        RejectCode::TooManyJobs => 3,
        RejectCode::RateLimited => 4,
        RejectCode::Unauthorized => 5,
        RejectCode::Forbidden => 6,
        RejectCode::Draining => 7,
        RejectCode::NotFound => 8,
        RejectCode::DuplicateId => 9,
        RejectCode::Storage => 10,
    }
}

pub(super) fn put_reject(code: RejectCode, to: &mut Encoder) {
    to.out().byte(number(code));
}

pub(super) fn take_reject(from: &mut Source<'_>) -> Result<RejectCode, BadRecord> {
    let value = from.fields.byte()?;
    let known = RejectCode::ALL.iter().find(|code| number(**code) == value);
    known.copied().ok_or(BadRecord::Unknown { field: "code", value })
}

pub(super) fn put_fail(code: &FailCode, to: &mut Encoder) {
    to.out().text(code.as_str());
}

pub(super) fn take_fail(from: &mut Source<'_>) -> Result<FailCode, BadRecord> {
    let text = from.fields.text()?;
    let known = ServerFailCode::ALL.iter().find(|code| code.as_str() == text);
    Ok(known.map_or_else(|| FailCode::of_worker(text.to_owned()), |code| (*code).into()))
}
