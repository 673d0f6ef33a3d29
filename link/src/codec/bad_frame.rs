//! What may be wrong with a frame.

use acequia_wire::record::BadRecord;

use super::{FRAME_BYTES_MAX, FRAME_ITEMS_MAX};

/// Why bytes are no frame, or why something cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// It has not even a kind.
    #[error("a frame has no bytes")]
    Empty,
    /// It is larger than any may be.
    #[error("a frame has {0} bytes; the limit is {FRAME_BYTES_MAX}")]
    TooLarge(usize),
    /// It holds more things than any may.
    #[error("a frame `{0}` holds more than {FRAME_ITEMS_MAX} things")]
    TooMany(&'static str),
    /// Its fields are not as they should be.
    #[error("a frame `{kind}`: {why}")]
    Fields {
        /// What it is called.
        kind: &'static str,
        /// What is wrong.
        why: BadRecord,
    },
}

/// The same, before it is known in which frame.
#[derive(Debug)]
pub enum BadFields {
    Record(BadRecord),
    TooMany,
}

impl BadFields {
    /// Of a frame that is called so.
    pub(super) fn of(self, kind: &'static str) -> BadFrame {
        match self {
            Self::Record(why) => BadFrame::Fields { kind, why },
            Self::TooMany => BadFrame::TooMany(kind),
        }
    }
}

impl From<BadRecord> for BadFields {
    fn from(why: BadRecord) -> Self {
        Self::Record(why)
    }
}
