//! The trace that a job is part of, as W3C Trace Context names it.

use std::fmt;
use std::str::FromStr;

use crate::id::JobId;

/// Length of the text of version 00.
const TEXT_BYTES: usize = 55;
/// The version that is written here.
const VERSION: &str = "00";
/// This version says that there is none.
const VERSION_INVALID: u8 = 0xff;
/// The flags that mean something: sampled, and that the trace id is random. The rest is reserved.
const FLAGS_KNOWN: u8 = 3;
const FLAG_SAMPLED: u8 = 1;

/// A span of a trace, which others begin spans below: `traceparent` of W3C Trace Context.
///
/// Neither of its ids is zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceParent {
    /// How many bytes it is without its text.
    pub const BYTES: usize = 25;

    /// The job's own span in a trace that begins with it: both ids are parts of the job's.
    pub fn begun_by(job: JobId) -> Self {
        Self { trace_id: job_bytes(job), span_id: span_of(job), flags: FLAG_SAMPLED }
    }

    /// The job's own span in the trace that this one is of.
    #[must_use]
    pub fn at_job(self, job: JobId) -> Self {
        Self { span_id: span_of(job), ..self }
    }

    /// The trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The span.
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether whoever began the trace wants its spans to be recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & FLAG_SAMPLED != 0
    }

    /// Trace, span and flags, in this order.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [self.flags; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace_id);
        bytes[16..24].copy_from_slice(&self.span_id);
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) made these of; `None` if it cannot have.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Option<Self> {
        let [ids @ .., flags] = bytes;
        let (trace_id, span_id) = (*ids.first_chunk()?, *ids.last_chunk()?);
        let is_one = trace_id != [0; 16] && span_id != [0; 8] && flags & !FLAGS_KNOWN == 0;
        is_one.then_some(Self { trace_id, span_id, flags })
    }
}

/// The bytes of a job's id. One that was made here has this bit of its variant anyway; with it,
/// neither they nor their second half are ever zero.
fn job_bytes(job: JobId) -> [u8; 16] {
    let mut bytes = *job.as_bytes();
    bytes[8] |= 0x80;
    bytes
}

fn span_of(job: JobId) -> [u8; 8] {
    let [.., a, b, c, d, e, f, g, h] = job_bytes(job);
    [a, b, c, d, e, f, g, h]
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}-")?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-")?;
        self.span_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTraceParent {
    /// It has another shape.
    #[error(
        "it must be VERSION-TRACE-PARENT-FLAGS, of 2, 32, 16 and 2 digits of lower-case hex, such \
         as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    )]
    Shape,
    /// Its version is the one that no version has.
    #[error("its version is ff, which is none; it must be 00, or that of a later specification")]
    Version,
    /// Zero is no trace.
    #[error("its trace id is all zeros; it must be random")]
    TraceZero,
    /// Zero is no span.
    #[error("its parent id is all zeros; it must be that of a span")]
    ParentZero,
}

impl FromStr for TraceParent {
    type Err = BadTraceParent;

    /// Of a later version, what version 00 has is taken; more may follow it.
    fn from_str(text: &str) -> Result<Self, BadTraceParent> {
        use BadTraceParent::Shape;
        let (known, more) = text.as_bytes().split_at_checked(TEXT_BYTES).ok_or(Shape)?;
        if [known[2], known[35], known[52]] != [b'-'; 3] {
            return Err(Shape);
        }
        let [version] = hex(&known[..2])?;
        let trace_id = hex(&known[3..35])?;
        let span_id = hex(&known[36..52])?;
        let [flags]: [u8; 1] = hex(&known[53..])?;
        match (version, more) {
            (VERSION_INVALID, _) => return Err(BadTraceParent::Version),
            (_, []) => {}
            (1.., [b'-', ..]) => {}
            _ => return Err(Shape),
        }
        if trace_id == [0; 16] {
            return Err(BadTraceParent::TraceZero);
        }
        if span_id == [0; 8] {
            return Err(BadTraceParent::ParentZero);
        }
        Ok(Self { trace_id, span_id, flags: flags & FLAGS_KNOWN })
    }
}

/// The bytes that twice as many digits mean.
fn hex<const N: usize>(digits: &[u8]) -> Result<[u8; N], BadTraceParent> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(BadTraceParent::Shape),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

/// Which share of the jobs that come without a trace begins one. Told by the job's id alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceRatio {
    /// Of the 2^32 values that the random end of an id may have, those below this one.
    below: u64,
}

impl TraceRatio {
    /// From 0, none, to 1, all of them; `None` for what is no share.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^32")]
    pub fn new(ratio: f64) -> Option<Self> {
        const ALL: f64 = (1_u64 << 32) as f64;
        (0.0..=1.0).contains(&ratio).then(|| Self { below: (ratio * ALL).ceil() as u64 })
    }

    /// The job's own span: in the trace that it was given, or in one that begins with it.
    pub fn span(self, job: JobId, given: Option<&TraceParent>) -> Option<TraceParent> {
        match given {
            Some(given) => Some(given.at_job(job)),
            None if self.takes(job) => Some(TraceParent::begun_by(job)),
            None => None,
        }
    }

    fn takes(self, job: JobId) -> bool {
        // What stands before is a time and a counter.
        let [.., a, b, c, d] = *job.as_bytes();
        u64::from(u32::from_be_bytes([a, b, c, d])) < self.below
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00f067aa0ba902b7";

    fn parse(text: &str) -> Result<String, BadTraceParent> {
        text.parse().map(|parsed: TraceParent| parsed.to_string())
    }

    #[test]
    fn version_00_is_taken_as_it_stands() {
        for flags in ["00", "01", "02", "03"] {
            let text = format!("00-{TRACE}-{PARENT}-{flags}");
            assert_eq!(parse(&text), Ok(text));
        }
    }

    #[test]
    fn reserved_flags_are_set_to_zero() {
        assert_eq!(
            parse(&format!("00-{TRACE}-{PARENT}-fd")),
            Ok(format!("00-{TRACE}-{PARENT}-01"))
        );
    }

    #[test]
    fn of_later_versions_is_taken_what_is_known() {
        let known = Ok(format!("00-{TRACE}-{PARENT}-01"));
        for text in ["01-T-P-01", "cc-T-P-01", "fe-T-P-01-", "cc-T-P-01-what-the-future-brings-é"]
        {
            assert_eq!(parse(&text.replace('T', TRACE).replace('P', PARENT)), known, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_and_why() {
        use BadTraceParent::{ParentZero, Shape, TraceZero, Version};
        let zeros = "0".repeat(32);
        for (text, why) in [
            ("", Shape),
            ("00", Shape),
            ("00-T-P", Shape),
            ("00-T-P-", Shape),
            ("00-T-P-0", Shape),
            ("00-T-P-1", Shape),
            ("00-T-P-0g", Shape),
            ("00-T-P-0A", Shape),
            ("00-T-P-01-", Shape),
            ("00-T-P-01-more", Shape),
            ("01-T-P-01more", Shape),
            ("00-T-P-+1", Shape),
            (" 00-T-P-01", Shape),
            ("00-T-P-01 ", Shape),
            ("0x-T-P-01", Shape),
            ("00_T_P_01", Shape),
            ("00-T-P-é", Shape),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-P-01", Shape),
            ("00-P-T-01", Shape),
            ("ff-T-P-01", Version),
            ("ff-T-P-01-more", Version),
            (&format!("00-{zeros}-P-01"), TraceZero),
            (&format!("cc-{zeros}-P-01-more"), TraceZero),
            ("00-T-0000000000000000-01", ParentZero),
        ] {
            let text = text.replace('T', TRACE).replace('P', PARENT);
            assert_eq!(parse(&text), Err(why), "{text}");
        }
    }

    #[test]
    fn its_bytes_are_it_again() {
        let given: TraceParent = format!("00-{TRACE}-{PARENT}-01").parse().expect("one");
        assert_eq!(TraceParent::from_bytes(given.to_bytes()), Some(given));
        let mut unknown = given.to_bytes();
        unknown[24] = 4;
        for bytes in [[0; 25], unknown, {
            let mut no_span = given.to_bytes();
            no_span[16..24].fill(0);
            no_span
        }] {
            assert_eq!(TraceParent::from_bytes(bytes), None);
        }
    }

    #[test]
    fn a_trace_that_begins_here_has_the_ids_of_its_job() {
        let job: JobId = "01938c2e-7a3b-7c4d-9e5f-60718293a4b5".parse().expect("an id");
        let begun = TraceParent::begun_by(job);
        assert_eq!(begun.to_string(), "00-01938c2e7a3b7c4d9e5f60718293a4b5-9e5f60718293a4b5-01");
        assert!(begun.is_sampled());
        assert_eq!(parse(&begun.to_string()), Ok(begun.to_string()));
        // Not even an id that nobody makes is zero.
        let zero = TraceParent::begun_by(JobId::from_bytes([0; 16]));
        assert_eq!(TraceParent::from_bytes(zero.to_bytes()), Some(zero));
    }

    #[test]
    fn a_given_trace_goes_on_whatever_the_ratio() {
        let given: TraceParent = format!("00-{TRACE}-{PARENT}-00").parse().expect("one");
        let job = JobId::now();
        for ratio in [0.0, 1.0] {
            let span = TraceRatio::new(ratio).and_then(|ratio| ratio.span(job, Some(&given)));
            let span = span.expect("it goes on");
            assert_eq!((span.trace_id(), span.is_sampled()), (given.trace_id(), false));
            assert_eq!(span.span_id(), TraceParent::begun_by(job).span_id());
        }
    }

    #[test]
    fn a_ratio_takes_its_share() {
        let ids: Vec<_> = (0..10_000).map(|_| JobId::now()).collect();
        let taken = |ratio| {
            let ratio = TraceRatio::new(ratio).expect("a share");
            ids.iter().filter(|job| ratio.span(**job, None).is_some()).count()
        };
        assert_eq!((taken(0.0), taken(1.0)), (0, 10_000));
        // Ten standard deviations on either side.
        assert!((800..1_300).contains(&taken(0.1)), "{}", taken(0.1));
        for none in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(TraceRatio::new(none), None);
        }
    }
}
