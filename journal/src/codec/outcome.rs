//! The record of an outcome that is kept.

use acequia_wire::code::FailCode;
use acequia_wire::record::{BadRecord, In, Out};
use acequia_wire::{CorrelationId, JobId, TraceParent};

use crate::entry::{Kept, Outcome, Past};

const VERSION: u8 = 1;

/// What stands for an outcome that was given up.
const GIVEN_UP: u8 = 3;

/// Bits of the record's flags: which of the optional fields are there.
mod flag {
    pub(super) const KEY: u8 = 1;
    pub(super) const TRACEPARENT: u8 = 1 << 1;
    pub(super) const PAST: u8 = 1 << 2;
    pub(super) const ALL: u8 = KEY | TRACEPARENT | PAST;
}

/// Appends the record of an outcome; its layout is in the doc of [`Kept`].
pub(super) fn encode(kept: &Kept, into: &mut Vec<u8>) {
    let Kept { ticket: _, job, client, session, seq, id, key, ended_ms, .. } = kept;
    let Kept { outcome, traceparent, past, .. } = kept;
    let mut out = Out(into);
    out.byte(VERSION);
    out.rest(job.as_bytes());
    for number in [client, session, seq, ended_ms] {
        out.number(*number);
    }
    out.id(id);
    let flag_if = |condition: bool, flag: u8| if condition { flag } else { 0 };
    let of_trace = flag_if(traceparent.is_some(), flag::TRACEPARENT);
    let of_past = flag_if(past.is_some(), flag::PAST);
    out.byte(flag_if(key.is_some(), flag::KEY) | of_trace | of_past);
    if let Some(key) = key {
        out.text(key);
    }
    if let Some(traceparent) = traceparent {
        out.rest(&traceparent.to_bytes());
    }
    if let Some(Past { queue, submitted_ms, runs }) = past {
        out.text(queue.as_str());
        out.number(*submitted_ms);
        out.number((*runs).into());
    }
    match outcome {
        Outcome::Done { result } => {
            out.byte(0);
            out.content_type(result.content_type());
            out.rest(result.bytes());
        }
        Outcome::Failed { code, message, attempt } => {
            out.byte(1);
            out.number((*attempt).into());
            out.text(code.as_str());
            out.text(message);
        }
        Outcome::Cancelled => out.byte(2),
        Outcome::GivenUp => out.byte(GIVEN_UP),
    }
}

/// The outcome that `record` describes.
pub(super) fn decode(record: &[u8]) -> Result<Kept, BadRecord> {
    let mut from = In(record);
    let Head { job, client, session, seq, ended_ms, id, key, traceparent, past } =
        Head::take(&mut from)?;
    let key = key.map(Box::from);
    let outcome = match from.byte()? {
        0 => Outcome::Done { result: from.payload()? },
        1 => {
            let attempt = from.number_u32()?;
            let code = FailCode::of_worker(from.text()?.to_owned());
            Outcome::Failed { code, message: from.text()?.into(), attempt }
        }
        2 => Outcome::Cancelled,
        GIVEN_UP => Outcome::GivenUp,
        value => return Err(BadRecord::Unknown { field: "outcome", value }),
    };
    from.end()?;
    // Its place is its block's to know.
    let ticket = 0;
    let past = past.map(Past::try_from).transpose()?;
    Ok(Kept { ticket, job, client, session, seq, id, key, ended_ms, outcome, traceparent, past })
}

/// What comes before the outcome itself.
struct Head<'a> {
    job: JobId,
    client: u64,
    session: u64,
    seq: u64,
    ended_ms: u64,
    id: CorrelationId,
    key: Option<&'a str>,
    traceparent: Option<Box<TraceParent>>,
    past: Option<RawPast<'a>>,
}

/// What a job was, before its name is looked at.
struct RawPast<'a> {
    queue: &'a str,
    submitted_ms: u64,
    runs: u32,
}

impl TryFrom<RawPast<'_>> for Past {
    type Error = BadRecord;

    fn try_from(past: RawPast<'_>) -> Result<Self, BadRecord> {
        let RawPast { queue, submitted_ms, runs } = past;
        Ok(Self { queue: queue.parse().map_err(BadRecord::Queue)?, submitted_ms, runs })
    }
}

impl<'a> Head<'a> {
    fn take(from: &mut In<'a>) -> Result<Self, BadRecord> {
        from.version(VERSION)?;
        let (job, client, session) = (from.job()?, from.number()?, from.number()?);
        let (seq, ended_ms, id) = (from.number()?, from.number()?, from.id()?);
        let flags = from.byte()?;
        if flags & !flag::ALL != 0 {
            return Err(BadRecord::Unknown { field: "flags", value: flags });
        }
        let has = |flag| flags & flag != 0;
        let key = has(flag::KEY).then(|| from.text()).transpose()?;
        let traceparent = has(flag::TRACEPARENT).then(|| from.traceparent()).transpose()?;
        let past = has(flag::PAST).then(|| {
            let (queue, submitted_ms, runs) = (from.text()?, from.number()?, from.number_u32()?);
            Ok::<_, BadRecord>(RawPast { queue, submitted_ms, runs })
        });
        let past = past.transpose()?;
        Ok(Self { job, client, session, seq, ended_ms, id, key, traceparent, past })
    }
}

/// What has to be known of an outcome where it comes or leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) job: JobId,
    pub(crate) client: u64,
    pub(crate) session: u64,
    pub(crate) ended_ms: u64,
    pub(crate) is_given_up: bool,
}

impl Glance {
    pub(super) fn of(kept: &Kept) -> Self {
        let Kept { job, client, session, ended_ms, ref outcome, .. } = *kept;
        let is_given_up = *outcome == Outcome::GivenUp;
        Self { job, client, session, ended_ms, is_given_up }
    }

    /// At the outcome that `record` describes.
    pub(super) fn at(record: &[u8]) -> Result<Self, BadRecord> {
        let mut from = In(record);
        let Head { job, client, session, ended_ms, .. } = Head::take(&mut from)?;
        let is_given_up = from.byte()? == GIVEN_UP;
        Ok(Self { job, client, session, ended_ms, is_given_up })
    }
}
