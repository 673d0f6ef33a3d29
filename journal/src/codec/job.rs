//! The record of a live job.

use std::sync::Arc;

use acequia_wire::QueueName;
use acequia_wire::limits::QUEUES_MAX;
use acequia_wire::record::{BadRecord, In, Out, put_submit, take_submit};
use rustc_hash::FxHashSet;

use crate::entry::Admitted;

const VERSION: u8 = 1;

/// Appends the record of a job; its layout is in the doc of [`Admitted`].
pub(crate) fn encode_job(admitted: &Admitted, into: &mut Vec<u8>) {
    let Admitted { ticket: _, job, client, session, submitted_ms, spec } = admitted;
    let mut out = Out(into);
    out.byte(VERSION);
    out.rest(job.as_bytes());
    out.number(*client);
    out.number(*session);
    out.number(*submitted_ms);
    put_submit(&mut out, spec);
    out.content_type(spec.payload.content_type());
    out.rest(spec.payload.bytes());
}

/// The job that `record` describes, which lay under `ticket`.
pub(crate) fn decode_job(
    ticket: u64,
    record: &[u8],
    names: &mut Names,
) -> Result<Admitted, BadRecord> {
    let mut from = In(record);
    from.version(VERSION)?;
    let job = from.job()?;
    let client = from.number()?;
    let session = from.number()?;
    let submitted_ms = from.number()?;
    let spec = take_submit(&mut from, |name| names.queue(name), In::payload)?;
    Ok(Admitted { ticket, job, client, session, submitted_ms, spec: Arc::new(spec) })
}

/// Queue names that were decoded before: a million jobs of one queue share one name.
#[derive(Debug, Default)]
pub(crate) struct Names(FxHashSet<QueueName>);

impl Names {
    fn queue(&mut self, name: &str) -> Result<QueueName, BadRecord> {
        if let Some(known) = self.0.get(name) {
            return Ok(known.clone());
        }
        let new: QueueName = name.parse().map_err(BadRecord::Queue)?;
        if self.0.len() < QUEUES_MAX {
            self.0.insert(new.clone());
        }
        Ok(new)
    }
}
