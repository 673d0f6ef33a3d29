//! What the fields of a frame are read from.

use acequia_wire::record::{BadRecord, In};
use bytes::Bytes;

use super::FRAME_ITEMS_MAX;
use super::bad_frame::BadFields;
use super::names::Names;

/// Bytes fewer than these are copied out of what they came in.
const OWN_COPY_BYTES: usize = 1 << 10;

/// The fields of a frame, and what they are read with.
#[derive(Debug)]
pub struct Source<'a> {
    /// What is left of the fields.
    pub(super) fields: In<'a>,
    /// The frame.
    pub(super) frame: &'a Frame,
    /// Names that were read before.
    pub(super) names: &'a mut Names,
}

/// The bytes of a frame.
#[derive(Debug)]
pub(super) struct Frame {
    /// All of them, as a slice of the buffer that they came in.
    pub(super) bytes: Bytes,
    /// How many bytes that buffer has.
    pub(super) within: usize,
}

impl Frame {
    /// A part of the frame, for longer than the frame: a copy if it is small beside the buffer, all
    /// of which a slice keeps alive.
    pub(super) fn keep(&self, part: &[u8]) -> Bytes {
        if part.len() < OWN_COPY_BYTES || part.len() < self.within / 2 {
            Bytes::copy_from_slice(part)
        } else {
            self.bytes.slice_ref(part)
        }
    }
}

impl Source<'_> {
    /// All that the frame still holds of a sort.
    pub(super) fn all<T>(
        &mut self,
        take: fn(&mut Self) -> Result<T, BadRecord>,
    ) -> Result<Vec<T>, BadFields> {
        let mut all = Vec::new();
        while !self.fields.0.is_empty() {
            if all.len() == FRAME_ITEMS_MAX {
                return Err(BadFields::TooMany);
            }
            all.push(take(self)?);
        }
        Ok(all)
    }

    /// So many as a number before them says.
    pub(super) fn counted<T>(
        &mut self,
        take: fn(&mut Self) -> Result<T, BadRecord>,
    ) -> Result<Vec<T>, BadRecord> {
        let count = self.fields.number()?;
        (0..count).map(|_| take(self)).collect()
    }

    /// A number of 16 bits.
    pub(super) fn number_u16(&mut self) -> Result<u16, BadRecord> {
        u16::try_from(self.fields.number()?).map_err(|_| BadRecord::Number)
    }

    /// What is true or false.
    pub(super) fn truth(&mut self, field: &'static str) -> Result<bool, BadRecord> {
        match self.fields.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            value => Err(BadRecord::Unknown { field, value }),
        }
    }

    /// A text of its own.
    pub(super) fn words<T: for<'t> From<&'t str>>(&mut self) -> Result<T, BadRecord> {
        self.fields.text().map(T::from)
    }

    /// What may be missing, after a byte that says so.
    pub(super) fn optional<T>(
        &mut self,
        field: &'static str,
        take: impl FnOnce(&mut Self) -> Result<T, BadRecord>,
    ) -> Result<Option<T>, BadRecord> {
        self.truth(field)?.then(|| take(self)).transpose()
    }
}
