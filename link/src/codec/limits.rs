//! What the server allows, a number each.

use acequia_wire::Limits;
use acequia_wire::record::BadRecord;

use super::encoder::Encoder;
use super::source::Source;

pub(super) fn put(limits: &Limits, to: &mut Encoder) {
    // Taken apart in full, so that a new field cannot be forgotten here.
    let Limits {
        payload_bytes,
        result_bytes,
        message_bytes,
        client_jobs,
        queue_jobs,
        waiting_jobs,
        payloads_bytes,
        sessions,
        address_connections,
        ops_per_s,
        handshake_s,
        idle_s,
    } = *limits;
    for limit in [
        payload_bytes,
        result_bytes,
        message_bytes,
        client_jobs,
        queue_jobs,
        waiting_jobs,
        payloads_bytes,
        sessions,
        address_connections,
        ops_per_s,
        handshake_s,
        idle_s,
    ] {
        to.out().len(limit);
    }
}

pub(super) fn take(from: &mut Source<'_>) -> Result<Limits, BadRecord> {
    let mut limit = || usize::try_from(from.fields.number()?).map_err(|_| BadRecord::Number);
    // In the order of the frame: the fields of a struct expression are evaluated as they stand.
    Ok(Limits {
        payload_bytes: limit()?,
        result_bytes: limit()?,
        message_bytes: limit()?,
        client_jobs: limit()?,
        queue_jobs: limit()?,
        waiting_jobs: limit()?,
        payloads_bytes: limit()?,
        sessions: limit()?,
        address_connections: limit()?,
        ops_per_s: limit()?,
        handshake_s: limit()?,
        idle_s: limit()?,
    })
}
