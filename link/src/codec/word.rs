//! A word of a worker: which, and its fields.

use acequia_wire::record::BadRecord;
use acequia_wire::worker::Word;

use super::bodies::{put_body, take_body};
use super::encoder::Encoder;
use super::progress;
use super::source::Source;

mod tag {
    pub(super) const DONE: u8 = 0;
    pub(super) const FAIL: u8 = 1;
    pub(super) const PROGRESS: u8 = 2;
    pub(super) const CHUNK: u8 = 3;
    pub(super) const BAD: u8 = 4;
    pub(super) const PUBLISH: u8 = 5;
    pub(super) const BEAT: u8 = 6;
    pub(super) const HEARD: u8 = 7;
    pub(super) const BYE: u8 = 8;
}

pub(super) fn put(word: &Word, to: &mut Encoder) {
    match word {
        Word::Done { job, body } => {
            to.out().byte(tag::DONE);
            to.out().rest(job.as_bytes());
            put_body(body, to);
        }
        Word::Fail { job, code, message, retry } => {
            to.out().byte(tag::FAIL);
            to.out().rest(job.as_bytes());
            to.optional(code.as_deref(), |to, code| to.out().text(code));
            to.out().text(message);
            to.truth(*retry);
        }
        Word::Progress { job, progress } => {
            to.out().byte(tag::PROGRESS);
            to.out().rest(job.as_bytes());
            progress::put(progress, to);
        }
        Word::Chunk { job, body } => {
            to.out().byte(tag::CHUNK);
            to.out().rest(job.as_bytes());
            put_body(body, to);
        }
        Word::Bad { job, last, message } => {
            to.out().byte(tag::BAD);
            to.out().rest(job.as_bytes());
            to.truth(*last);
            to.out().text(message);
        }
        Word::Publish { topic, body } => {
            to.out().byte(tag::PUBLISH);
            to.out().text(topic);
            put_body(body, to);
        }
        Word::Beat => to.out().byte(tag::BEAT),
        Word::Heard => to.out().byte(tag::HEARD),
        Word::Bye => to.out().byte(tag::BYE),
    }
}

// In the order of the frame: the fields of a struct expression are evaluated as they stand.
pub(super) fn take(from: &mut Source<'_>) -> Result<Word, BadRecord> {
    Ok(match from.fields.byte()? {
        tag::DONE => Word::Done { job: from.fields.job()?, body: take_body(from)? },
        tag::FAIL => Word::Fail {
            job: from.fields.job()?,
            code: from.optional("code", Source::words)?,
            message: from.words()?,
            retry: from.truth("retry")?,
        },
        tag::PROGRESS => {
            Word::Progress { job: from.fields.job()?, progress: progress::take(from)? }
        }
        tag::CHUNK => Word::Chunk { job: from.fields.job()?, body: take_body(from)? },
        tag::BAD => {
            Word::Bad { job: from.fields.job()?, last: from.truth("last")?, message: from.words()? }
        }
        tag::PUBLISH => Word::Publish { topic: from.words()?, body: take_body(from)? },
        tag::BEAT => Word::Beat,
        tag::HEARD => Word::Heard,
        tag::BYE => Word::Bye,
        value => return Err(BadRecord::Unknown { field: "word", value }),
    })
}
