//! A request of a client: which, and its fields.

use std::sync::Arc;

use acequia_wire::client::{HelloOp, Refusal, Request, Resume, Watched};
use acequia_wire::record::{BadRecord, put_submit, take_submit};

use super::bodies::{put_payload, take_payload_of};
use super::codes::{put_reject, take_reject};
use super::encoder::Encoder;
use super::source::Source;

mod tag {
    pub(super) const SUBMIT: u8 = 0;
    pub(super) const CANCEL: u8 = 1;
    pub(super) const WATCH_JOB: u8 = 2;
    pub(super) const WATCH_BATCH: u8 = 3;
    pub(super) const HELLO: u8 = 4;
    pub(super) const LIMITED: u8 = 5;
    pub(super) const ACK: u8 = 6;
    pub(super) const SUBSCRIBE: u8 = 7;
    pub(super) const UNSUBSCRIBE: u8 = 8;
    pub(super) const REFUSED: u8 = 9;
}

mod resume {
    pub(super) const NONE: u8 = 0;
    pub(super) const NEW: u8 = 1;
    pub(super) const SESSION: u8 = 2;
}

pub(super) fn put(request: &Request, to: &mut Encoder) {
    match request {
        Request::Submit { job, spec } => {
            to.out().byte(tag::SUBMIT);
            to.out().rest(job.as_bytes());
            put_submit(&mut to.out(), spec);
            put_payload(&spec.payload, to);
        }
        Request::Cancel { id } => {
            to.out().byte(tag::CANCEL);
            to.out().id(id);
        }
        Request::Watch { id, what: Watched::Job(job) } => {
            to.out().byte(tag::WATCH_JOB);
            to.out().id(id);
            to.out().rest(job.as_bytes());
        }
        Request::Watch { id, what: Watched::Batch(name) } => {
            to.out().byte(tag::WATCH_BATCH);
            to.out().id(id);
            to.out().text(name);
        }
        Request::Hello(HelloOp { token, resume }) => {
            to.out().byte(tag::HELLO);
            to.optional(token.as_deref(), |to, token| to.out().text(token));
            put_resume(resume.as_ref(), to);
        }
        Request::Limited { jobs, ops_per_s } => {
            to.out().byte(tag::LIMITED);
            to.out().number((*jobs).into());
            to.out().number((*ops_per_s).into());
        }
        Request::Ack { seq } => {
            to.out().byte(tag::ACK);
            to.out().number(*seq);
        }
        Request::Subscribe { topic } => {
            to.out().byte(tag::SUBSCRIBE);
            to.out().text(topic);
        }
        Request::Unsubscribe { topic } => {
            to.out().byte(tag::UNSUBSCRIBE);
            to.out().text(topic);
        }
        Request::Refused(Refusal { id, submit, code, message, retry_after_ms }) => {
            to.out().byte(tag::REFUSED);
            to.optional(id.as_ref(), |to, id| to.out().id(id));
            to.truth(*submit);
            put_reject(*code, to);
            to.out().text(message);
            to.optional(*retry_after_ms, |to, ms| to.out().number(ms.into()));
        }
    }
}

fn put_resume(resume: Option<&Resume>, to: &mut Encoder) {
    match resume {
        None => to.out().byte(resume::NONE),
        Some(Resume::New) => to.out().byte(resume::NEW),
        Some(Resume::Session { secret, last }) => {
            to.out().byte(resume::SESSION);
            to.out().text(secret);
            to.out().number(*last);
        }
    }
}

// In the order of the frame: the fields of a struct expression are evaluated as they stand.
pub(super) fn take(from: &mut Source<'_>) -> Result<Request, BadRecord> {
    Ok(match from.fields.byte()? {
        tag::SUBMIT => {
            let Source { fields, frame, names } = from;
            let job = fields.job()?;
            let queue = |name| names.queue(name);
            let spec = take_submit(fields, queue, |fields| take_payload_of(frame, fields))?;
            Request::Submit { job, spec: Arc::new(spec) }
        }
        tag::CANCEL => Request::Cancel { id: from.fields.id()? },
        tag::WATCH_JOB => {
            Request::Watch { id: from.fields.id()?, what: Watched::Job(from.fields.job()?) }
        }
        tag::WATCH_BATCH => {
            Request::Watch { id: from.fields.id()?, what: Watched::Batch(from.words()?) }
        }
        tag::HELLO => Request::Hello(HelloOp {
            token: from.optional("token", Source::words)?,
            resume: take_resume(from)?,
        }),
        tag::LIMITED => Request::Limited {
            jobs: from.fields.number_u32()?,
            ops_per_s: from.fields.number_u32()?,
        },
        tag::ACK => Request::Ack { seq: from.fields.number()? },
        tag::SUBSCRIBE => Request::Subscribe { topic: from.words()? },
        tag::UNSUBSCRIBE => Request::Unsubscribe { topic: from.words()? },
        tag::REFUSED => Request::Refused(Refusal {
            id: from.optional("id", |from| from.fields.id())?,
            submit: from.truth("submit")?,
            code: take_reject(from)?,
            message: from.words()?,
            retry_after_ms: from.optional("retry_after_ms", |from| from.fields.number_u32())?,
        }),
        value => return Err(BadRecord::Unknown { field: "request", value }),
    })
}

fn take_resume(from: &mut Source<'_>) -> Result<Option<Resume>, BadRecord> {
    Ok(match from.fields.byte()? {
        resume::NONE => None,
        resume::NEW => Some(Resume::New),
        resume::SESSION => {
            Some(Resume::Session { secret: from.words()?, last: from.fields.number()? })
        }
        value => return Err(BadRecord::Unknown { field: "resume", value }),
    })
}
