//! Frames as bytes.
//!
//! ```text
//!  length of the rest, 4 bytes, the highest first │ kind │ fields
//! ```
//!
//! The fields are those of [`acequia_wire::record`]. Where a frame holds several things of a sort,
//! they follow one another until it ends, so one frame can be written as several. A kind that is not
//! known is skipped: a later version may send it. Anything else that is not as it should be is an
//! error, and ends the link.

mod bad_frame;
mod bodies;
mod codes;
mod decoder;
mod encoder;
mod event;
mod from_door;
mod from_owner;
mod limits;
mod names;
mod offer;
mod progress;
mod request;
mod run;
mod source;
mod word;

use std::time::Duration;

pub use bad_frame::BadFrame;
pub use decoder::Decoder;
pub use encoder::Encoder;

use bad_frame::BadFields;
use source::Source;

/// The largest frame, in bytes. What a frame carries has smaller limits of its own; this one is so
/// that a length that is none is noticed.
pub const FRAME_BYTES_MAX: usize = 256 << 20;
/// The most things of a sort that one frame holds: the smallest of them take much more room once
/// they are read.
pub const FRAME_ITEMS_MAX: usize = 1 << 16;

/// How often each end says that it lives, on each connection of a link that carries frames.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// After how long without a frame the other end is taken for dead.
pub const SILENT_AFTER: Duration = Duration::from_secs(5);

const _: () = assert!(BEAT_EVERY.as_secs() < SILENT_AFTER.as_secs());

/// The bytes of a frame's length.
const LENGTH_BYTES: usize = 4;

/// What one end of a link says.
pub trait Frame: sealed::Codec {}

impl<F: sealed::Codec> Frame for F {}

/// What only this crate knows of frames.
mod sealed {
    use super::{BadFields, BadFrame, Encoder, Source};

    /// How frames of one direction are written and read.
    pub trait Codec: Sized {
        /// The kinds that there are, and what they are called.
        const KINDS: &'static [(u8, &'static str)];

        /// Appends it, as one frame or several.
        fn encode(&self, out: &mut Encoder) -> Result<(), BadFrame>;

        /// The frame of one of these kinds.
        fn decode(kind: u8, source: &mut Source<'_>) -> Result<Self, BadFields>;
    }
}
