//! Small things that the file has in columns of its own, as records:
//!
//! ```text
//!  counts    version 1 │ runs │ failures │ losses │ not_before_ms
//!  session   version 1 │ client │ hash of its secret, all the rest
//!  tally     version 1 │ began_ms │ done │ failed │ cancelled │ sessions, all the rest
//!  end       version 1 │ done │ failed │ cancelled │ elapsed_ms │ name
//! ```

use acequia_wire::record::{BadRecord, In, Out};

use crate::entry::{BatchEnd, Counts, Session, Tally};

const VERSION: u8 = 1;

pub(crate) fn encode_counts(counts: &Counts) -> Vec<u8> {
    let Counts { runs, failures, losses, not_before_ms } = *counts;
    numbers([runs.into(), failures.into(), losses.into(), not_before_ms])
}

pub(crate) fn decode_counts(record: &[u8]) -> Result<Counts, BadRecord> {
    let mut from = In(record);
    from.version(VERSION)?;
    let (runs, failures, losses) = (from.number_u32()?, from.number_u32()?, from.number_u32()?);
    let not_before_ms = from.number()?;
    from.end()?;
    Ok(Counts { runs, failures, losses, not_before_ms })
}

pub(crate) fn encode_session(session: &Session) -> Vec<u8> {
    let mut record = numbers([session.client]);
    Out(&mut record).rest(&session.secret_hash);
    record
}

pub(crate) fn decode_session(session: u64, record: &[u8]) -> Result<Session, BadRecord> {
    let mut from = In(record);
    from.version(VERSION)?;
    let client = from.number()?;
    let secret_hash = from.rest().try_into().map_err(|_| BadRecord::Truncated)?;
    Ok(Session { session, client, secret_hash })
}

pub(crate) fn encode_tally(tally: &Tally) -> Vec<u8> {
    let Tally { began_ms, done, failed, cancelled, .. } = *tally;
    let mut record = numbers([began_ms, done.into(), failed.into(), cancelled.into()]);
    tally.sessions.iter().for_each(|session| Out(&mut record).number(*session));
    record
}

pub(crate) fn decode_tally(client: u64, name: &str, record: &[u8]) -> Result<Tally, BadRecord> {
    let mut from = In(record);
    from.version(VERSION)?;
    let began_ms = from.number()?;
    let (done, failed, cancelled) = (from.number_u32()?, from.number_u32()?, from.number_u32()?);
    let mut sessions = Vec::new();
    while !from.0.is_empty() {
        sessions.push(from.number()?);
    }
    Ok(Tally { client, name: name.into(), began_ms, done, failed, cancelled, sessions })
}

pub(crate) fn encode_end(end: &BatchEnd) -> Vec<u8> {
    let BatchEnd { done, failed, cancelled, elapsed_ms, .. } = *end;
    let mut record = numbers([done.into(), failed.into(), cancelled.into(), elapsed_ms]);
    Out(&mut record).text(&end.name);
    record
}

pub(crate) fn decode_end(session: u64, seq: u64, record: &[u8]) -> Result<BatchEnd, BadRecord> {
    let mut from = In(record);
    from.version(VERSION)?;
    let (done, failed, cancelled) = (from.number_u32()?, from.number_u32()?, from.number_u32()?);
    let (elapsed_ms, name) = (from.number()?, from.text()?.into());
    from.end()?;
    Ok(BatchEnd { session, seq, name, done, failed, cancelled, elapsed_ms })
}

/// The version, and then these.
fn numbers<const N: usize>(numbers: [u64; N]) -> Vec<u8> {
    let mut record = vec![VERSION];
    numbers.into_iter().for_each(|number| Out(&mut record).number(number));
    record
}
