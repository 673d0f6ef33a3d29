//! The record of a live job.

use std::sync::Arc;

use acequia_wire::QueueName;
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::limits::{PRIORITY_MAX, QUEUES_MAX};
use rustc_hash::FxHashSet;

use super::primitives::BadRecord;
use super::primitives::{In, Out};
use crate::entry::Admitted;

const VERSION: u8 = 1;

/// Bits of the record's flags: which of the optional fields are there.
mod flag {
    pub(super) const TIMEOUT: u8 = 1;
    pub(super) const TTL: u8 = 1 << 1;
    pub(super) const KEY: u8 = 1 << 2;
    pub(super) const BATCH: u8 = 1 << 3;
    /// On disconnect: cancel. A value, not a field.
    pub(super) const CANCEL: u8 = 1 << 4;
    /// On disconnect: cancel later; a field, for how much later.
    pub(super) const CANCEL_AFTER: u8 = 1 << 5;
    pub(super) const TRACEPARENT: u8 = 1 << 6;
    pub(super) const ALL: u8 = (1 << 7) - 1;
}

/// Appends the record of a job; its layout is in the doc of [`Admitted`].
pub(crate) fn encode_job(admitted: &Admitted, into: &mut Vec<u8>) {
    let Admitted { ticket: _, job, client, session, submitted_ms, spec } = admitted;
    // Taken apart in full, so that a new field cannot be forgotten here.
    let Submit {
        id,
        payload,
        queue,
        priority,
        delay_ms,
        timeout_ms,
        ttl_ms,
        attempts,
        key,
        on_disconnect,
        batch,
        traceparent,
    } = &**spec;
    let flag_if = |condition: bool, flag: u8| if condition { flag } else { 0 };
    let flags = flag_if(timeout_ms.is_some(), flag::TIMEOUT)
        | flag_if(ttl_ms.is_some(), flag::TTL)
        | flag_if(key.is_some(), flag::KEY)
        | flag_if(batch.is_some(), flag::BATCH)
        | flag_if(traceparent.is_some(), flag::TRACEPARENT)
        | match on_disconnect {
            OnDisconnect::Keep => 0,
            OnDisconnect::Cancel => flag::CANCEL,
            OnDisconnect::CancelAfter { .. } => flag::CANCEL_AFTER,
        };

    let mut out = Out(into);
    out.byte(VERSION);
    out.rest(job.as_bytes());
    out.number(*client);
    out.number(*session);
    out.number(*submitted_ms);
    out.byte(flags);
    out.byte(*priority);
    out.number((*delay_ms).into());
    out.number((*attempts).into());
    for number in [timeout_ms, ttl_ms].into_iter().flatten() {
        out.number((*number).into());
    }
    if let OnDisconnect::CancelAfter { ms } = on_disconnect {
        out.number((*ms).into());
    }
    out.id(id);
    out.text(queue.as_str());
    for text in [key, batch].into_iter().flatten() {
        out.text(text);
    }
    if let Some(traceparent) = traceparent {
        out.rest(&traceparent.to_bytes());
    }
    out.content_type(payload.content_type());
    out.rest(payload.bytes());
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
    let flags = from.byte()?;
    let both = flag::CANCEL | flag::CANCEL_AFTER;
    if flags & !flag::ALL != 0 || flags & both == both {
        return Err(BadRecord::Unknown { field: "flags", value: flags });
    }
    let has = |flag| flags & flag != 0;
    // In the order of the record: the fields of a struct expression are evaluated as they stand.
    let priority = from.byte()?;
    if priority > PRIORITY_MAX {
        return Err(BadRecord::Unknown { field: "priority", value: priority });
    }
    let delay_ms = from.number_u32()?;
    let attempts = from.number_u32()?;
    let spec = Submit {
        priority,
        delay_ms,
        attempts,
        timeout_ms: has(flag::TIMEOUT).then(|| from.number_u32()).transpose()?,
        ttl_ms: has(flag::TTL).then(|| from.number_u32()).transpose()?,
        on_disconnect: match (has(flag::CANCEL), has(flag::CANCEL_AFTER)) {
            (false, false) => OnDisconnect::Keep,
            (true, _) => OnDisconnect::Cancel,
            (false, true) => OnDisconnect::CancelAfter { ms: from.number_u32()? },
        },
        id: from.id()?,
        queue: names.queue(from.text()?)?,
        key: has(flag::KEY).then(|| from.text().map(Box::from)).transpose()?,
        batch: has(flag::BATCH).then(|| from.text().map(Box::from)).transpose()?,
        traceparent: has(flag::TRACEPARENT).then(|| from.traceparent()).transpose()?,
        payload: from.payload()?,
    };
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
