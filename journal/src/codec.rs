//! Records as bytes.
//!
//! Records are written by hand, not derived: what lies in a file for months is spelt out here
//! field by field, and a change of a Rust type cannot change it unnoticed. Each record begins
//! with the version of its layout, and is made of the fields in [`acequia_wire::record`]. Decoding
//! is total: any bytes give a record or a [`BadRecord`].

mod block;
#[cfg(any(test, fuzzing))]
pub mod check;
mod job;
mod letter;
mod outcome;
pub(crate) mod small;

pub use acequia_wire::record::BadRecord;
pub(crate) use block::{Block, Builder, Contents, Fate};
pub(crate) use job::{Names, decode_job, encode_job};
pub(crate) use letter::{decode_letter, encode_letter};
pub(crate) use outcome::Glance;

#[cfg(test)]
mod tests;
