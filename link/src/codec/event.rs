//! An event.
//!
//! ```text
//!  of a job   what, 128 more with a traceparent │ id │ job │ traceparent? │ fields
//!  another    which │ fields
//! ```

use acequia_wire::client::{Batch, Event, JobEvent, Retry, Welcome};
use acequia_wire::record::BadRecord;

use super::bodies::{put_payload, take_payload};
use super::codes::{put_fail, put_reject, take_fail, take_reject};
use super::encoder::Encoder;
use super::source::Source;
use super::{limits, progress};

mod tag {
    pub(super) const ACCEPTED: u8 = 0;
    pub(super) const STARTED: u8 = 1;
    pub(super) const PROGRESS: u8 = 2;
    pub(super) const CHUNK: u8 = 3;
    pub(super) const RETRYING: u8 = 4;
    pub(super) const DONE: u8 = 5;
    pub(super) const FAILED: u8 = 6;
    pub(super) const CANCELLED: u8 = 7;
    pub(super) const WELCOME: u8 = 16;
    pub(super) const REJECTED: u8 = 17;
    pub(super) const ERROR: u8 = 18;
    pub(super) const MESSAGE: u8 = 19;
    pub(super) const BATCH: u8 = 20;
    pub(super) const GAP: u8 = 21;
    pub(super) const BYE: u8 = 22;
    /// A bit: the event of a job has a traceparent.
    pub(super) const TRACED: u8 = 1 << 7;
}

pub(super) fn put(event: &Event, to: &mut Encoder) {
    match event {
        Event::Job { id, job, what, traceparent } => {
            let traced = if traceparent.is_some() { tag::TRACED } else { 0 };
            to.out().byte(tag_of(what) | traced);
            to.out().id(id);
            to.out().rest(job.as_bytes());
            if let Some(traceparent) = traceparent {
                to.out().rest(&traceparent.to_bytes());
            }
            put_what(what, to);
        }
        Event::Welcome(welcome) => {
            let Welcome { session, resumed, limits } = &**welcome;
            to.out().byte(tag::WELCOME);
            to.optional(session.as_deref(), |to, secret| to.out().text(secret));
            to.truth(*resumed);
            limits::put(limits, to);
        }
        Event::Rejected { id, code, message, retry_after_ms } => {
            to.out().byte(tag::REJECTED);
            to.out().id(id);
            put_reject(*code, to);
            to.out().text(message);
            to.optional(*retry_after_ms, |to, ms| to.out().number(ms.into()));
        }
        Event::Error { id, code, message } => {
            to.out().byte(tag::ERROR);
            to.optional(id.as_ref(), |to, id| to.out().id(id));
            put_reject(*code, to);
            to.out().text(message);
        }
        Event::Message { topic, data } => {
            to.out().byte(tag::MESSAGE);
            to.out().text(topic);
            put_payload(data, to);
        }
        Event::Batch(batch) => {
            let Batch { name, jobs, done, failed, cancelled, elapsed_ms } = &**batch;
            to.out().byte(tag::BATCH);
            to.out().text(name);
            for count in [jobs, done, failed, cancelled] {
                to.out().number((*count).into());
            }
            to.out().number(*elapsed_ms);
        }
        Event::Gap { missed, outcome_of } => {
            to.out().byte(tag::GAP);
            to.out().number(*missed);
            to.optional(outcome_of.as_ref(), |to, (id, job)| {
                to.out().id(id);
                to.out().rest(job.as_bytes());
            });
        }
        Event::Bye { reason, reconnect_in_ms, close } => {
            to.out().byte(tag::BYE);
            to.out().text(reason);
            to.out().number((*reconnect_in_ms).into());
            to.out().number((*close).into());
        }
    }
}

const fn tag_of(what: &JobEvent) -> u8 {
    match what {
        JobEvent::Accepted => tag::ACCEPTED,
        JobEvent::Started { .. } => tag::STARTED,
        JobEvent::Progress(_) => tag::PROGRESS,
        JobEvent::Chunk { .. } => tag::CHUNK,
        JobEvent::Retrying(_) => tag::RETRYING,
        JobEvent::Done { .. } => tag::DONE,
        JobEvent::Failed { .. } => tag::FAILED,
        JobEvent::Cancelled => tag::CANCELLED,
    }
}

fn put_what(what: &JobEvent, to: &mut Encoder) {
    match what {
        JobEvent::Accepted | JobEvent::Cancelled => {}
        JobEvent::Started { attempt, worker } => {
            to.out().number((*attempt).into());
            to.out().text(worker);
        }
        JobEvent::Progress(progress) => progress::put(progress, to),
        JobEvent::Chunk { n, data } => {
            to.out().number((*n).into());
            put_payload(data, to);
        }
        JobEvent::Retrying(retry) => {
            let Retry { attempt, code, message, in_ms } = &**retry;
            to.out().number((*attempt).into());
            put_fail(code, to);
            to.out().text(message);
            to.out().number((*in_ms).into());
        }
        JobEvent::Done { result } => put_payload(result, to),
        JobEvent::Failed { code, message, attempt } => {
            put_fail(code, to);
            to.out().text(message);
            to.out().number((*attempt).into());
        }
    }
}

// In the order of the frame: the fields of a struct expression are evaluated as they stand.
pub(super) fn take(from: &mut Source<'_>) -> Result<Event, BadRecord> {
    Ok(match from.fields.byte()? {
        tag::WELCOME => Event::Welcome(Box::new(Welcome {
            session: from.optional("session", Source::words)?,
            resumed: from.truth("resumed")?,
            limits: limits::take(from)?,
        })),
        tag::REJECTED => Event::Rejected {
            id: from.fields.id()?,
            code: take_reject(from)?,
            message: from.words()?,
            retry_after_ms: from.optional("retry_after_ms", |from| from.fields.number_u32())?,
        },
        tag::ERROR => Event::Error {
            id: from.optional("id", |from| from.fields.id())?,
            code: take_reject(from)?,
            message: from.words()?,
        },
        tag::MESSAGE => Event::Message {
            topic: from.names.topic(from.fields.text()?),
            data: take_payload(from)?,
        },
        tag::BATCH => Event::Batch(Box::new(Batch {
            name: from.words()?,
            jobs: from.fields.number_u32()?,
            done: from.fields.number_u32()?,
            failed: from.fields.number_u32()?,
            cancelled: from.fields.number_u32()?,
            elapsed_ms: from.fields.number()?,
        })),
        tag::GAP => Event::Gap {
            missed: from.fields.number()?,
            outcome_of: from
                .optional("outcome_of", |from| Ok((from.fields.id()?, from.fields.job()?)))?,
        },
        tag::BYE => Event::Bye {
            reason: from.words()?,
            reconnect_in_ms: from.fields.number_u32()?,
            close: from.number_u16()?,
        },
        of_job => {
            let is_traced = of_job & tag::TRACED != 0;
            Event::Job {
                id: from.fields.id()?,
                job: from.fields.job()?,
                traceparent: is_traced.then(|| from.fields.traceparent()).transpose()?,
                what: take_what(of_job & !tag::TRACED, from)?,
            }
        }
    })
}

fn take_what(what: u8, from: &mut Source<'_>) -> Result<JobEvent, BadRecord> {
    Ok(match what {
        tag::ACCEPTED => JobEvent::Accepted,
        tag::STARTED => JobEvent::Started {
            attempt: from.fields.number_u32()?,
            worker: from.names.worker(from.fields.text()?),
        },
        tag::PROGRESS => JobEvent::Progress(Box::new(progress::take(from)?)),
        tag::CHUNK => JobEvent::Chunk { n: from.fields.number_u32()?, data: take_payload(from)? },
        tag::RETRYING => JobEvent::Retrying(Box::new(Retry {
            attempt: from.fields.number_u32()?,
            code: take_fail(from)?,
            message: from.words()?,
            in_ms: from.fields.number_u32()?,
        })),
        tag::DONE => JobEvent::Done { result: take_payload(from)? },
        tag::FAILED => JobEvent::Failed {
            code: take_fail(from)?,
            message: from.words()?,
            attempt: from.fields.number_u32()?,
        },
        tag::CANCELLED => JobEvent::Cancelled,
        value => return Err(BadRecord::Unknown { field: "event", value }),
    })
}
