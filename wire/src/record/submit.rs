//! The fields of a submit.

use super::bad_record::BadRecord;
use super::fields::{In, Out};
use crate::client::{OnDisconnect, Submit};
use crate::content::Payload;
use crate::limits::PRIORITY_MAX;
use crate::name::QueueName;

/// Bits of the flags: which of the optional fields are there.
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

/// Appends all fields of a submit but its payload, which is to follow:
///
/// ```text
///  flags │ priority │ delay_ms │ attempts │ timeout_ms? │ ttl_ms? │ cancel_after_ms?
///        │ id │ queue │ key? │ batch? │ traceparent?
/// ```
pub fn put_submit(out: &mut Out<'_>, submit: &Submit) {
    // Taken apart in full, so that a new field cannot be forgotten here.
    let Submit {
        id,
        payload: _,
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
    } = submit;
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
}

/// Takes a submit, where `queue` makes the queue of its name, and `payload` takes the payload.
///
/// # Errors
/// If there is none.
pub fn take_submit<'a>(
    from: &mut In<'a>,
    queue: impl FnOnce(&'a str) -> Result<QueueName, BadRecord>,
    payload: impl FnOnce(&mut In<'a>) -> Result<Payload, BadRecord>,
) -> Result<Submit, BadRecord> {
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
    Ok(Submit {
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
        queue: queue(from.text()?)?,
        key: has(flag::KEY).then(|| from.text().map(Box::from)).transpose()?,
        batch: has(flag::BATCH).then(|| from.text().map(Box::from)).transpose()?,
        traceparent: has(flag::TRACEPARENT).then(|| from.traceparent()).transpose()?,
        payload: payload(from)?,
    })
}
