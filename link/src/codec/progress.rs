//! How far a job is: `done?`, `total?`, `note?`. The numbers are as IEEE 754 has them in eight bytes,
//! the lowest first.

use acequia_wire::record::BadRecord;
use acequia_wire::worker::Progress;

use super::encoder::Encoder;
use super::source::Source;

pub(super) fn put(progress: &Progress, to: &mut Encoder) {
    let Progress { done, total, note } = progress;
    for measure in [done, total] {
        to.optional(*measure, |to, measure| to.out().rest(&measure.to_le_bytes()));
    }
    to.optional(note.as_deref(), |to, note| to.out().text(note));
}

pub(super) fn take(from: &mut Source<'_>) -> Result<Progress, BadRecord> {
    fn measure(from: &mut Source<'_>) -> Result<f64, BadRecord> {
        let measure = f64::from_le_bytes(from.fields.array()?);
        // Others cannot be told to a client.
        if measure.is_finite() { Ok(measure) } else { Err(BadRecord::Number) }
    }
    Ok(Progress {
        done: from.optional("done", measure)?,
        total: from.optional("total", measure)?,
        note: from.optional("note", Source::words)?,
    })
}
