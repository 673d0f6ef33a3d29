//! Fields as bytes, for what is written down or carried by Acequia's own programs alone: records of
//! the journal, frames of a link.
//!
//! Such bytes are written by hand, not derived: they are spelt out field by field, and a change of a
//! Rust type cannot change them unnoticed. To read them is total: any bytes give what they should
//! be, or a [`BadRecord`].
//!
//! Numbers are LEB128 (seven bits a byte, the lowest first), signed ones zigzag before that. Text
//! and bytes are their length as a number, then themselves.

mod bad_record;
mod fields;
mod submit;

pub use bad_record::BadRecord;
pub use fields::{In, Out};
pub use submit::{put_submit, take_submit};
