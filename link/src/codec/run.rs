//! A job for a worker.
//!
//! ```text
//!  job │ queue │ attempt │ timeout_ms? │ number of pairs │ (key │ value) … │ type │ body
//! ```

use acequia_wire::record::BadRecord;
use acequia_wire::worker::JobMessage;

use super::encoder::Encoder;
use super::source::Source;

pub(super) fn put(message: &JobMessage, to: &mut Encoder) {
    let JobMessage { job, queue, attempt, content_type, timeout_ms, meta, body } = message;
    to.out().rest(job.as_bytes());
    to.out().text(queue.as_str());
    to.out().number((*attempt).into());
    to.optional(*timeout_ms, |to, ms| to.out().number(ms));
    to.out().len(meta.len());
    for (key, value) in meta {
        to.out().text(key);
        to.out().text(value);
    }
    to.out().content_type(content_type);
    to.bytes(body);
}

pub(super) fn take(from: &mut Source<'_>) -> Result<JobMessage, BadRecord> {
    // In the order of the frame: the fields of a struct expression are evaluated as they stand.
    Ok(JobMessage {
        job: from.fields.job()?,
        queue: from.names.queue(from.fields.text()?)?,
        attempt: from.fields.number_u32()?,
        timeout_ms: from.optional("timeout_ms", |from| from.fields.number())?,
        meta: from.counted(|from| Ok((from.words()?, from.words()?)))?,
        content_type: from.fields.content_type()?,
        body: from.frame.keep(from.fields.bytes()?),
    })
}
