//! What must survive the end of the process.
//!
//! A [`Store`] is one file, or tables in a database that several servers can reach, of which one owns them
//! at a time ([`Candidate`]). When the server starts it is opened and read ([`Store::recover`]), then it becomes a [`Writer`], which the pipeline tells of every job that is admitted, counted
//! or settled ([`Entry`]). Entries are written in groups, one transaction and one sync a group,
//! on a thread of its own, which says when they are on the disk ([`Notice`]). A client is told
//! `accepted` then, and not before.
//!
//! - What was reported durable is there after any crash and any loss of power, unless it was
//!   settled; a group is there as a whole or not at all.
//! - A job that ends before its group is written costs the disk nothing.
//! - A job that failed may be kept as a dead letter, all of it, until that is exhumed.
//! - When the disk fails or is full, nothing that was accepted is lost and nothing is accepted;
//!   it goes on by itself when the disk does.

mod backend;
mod caution;
mod clock;
mod codec;
mod copy;
mod entry;
mod error;
mod group;
mod keeper;
mod lease;
mod local;
mod notice;
mod options;
mod outcomes;
mod panics;
mod recovery;
mod shared;
mod shelf;
mod store;
mod writer;

#[cfg(test)]
mod tests;

pub use caution::Caution;
pub use clock::Clock;
pub use codec::BadRecord;
/// For the fuzz target of the records, and not in any other build.
#[cfg(any(test, fuzzing))]
pub use codec::check as records;
pub use copy::{CopyError, Inventory, Place, check, copy};
pub use entry::{
    Admitted, BatchEnd, Counts, DeadLetter, Entry, Kept, LiveJob, Outcome, Past, Session, Tally,
};
pub use error::{CannotOpen, NotWritten, OpenError, ReadError};
pub use notice::Notice;
pub use options::{Compaction, Options, Retention};
pub use recovery::{DeadLetters, LiveJobs, Outcomes, Recovery};
pub use shared::candidate::{Candidate, Role, Tenure, Term};
pub use shared::database::{BadDatabase, Database};
pub use store::Store;
pub use writer::Writer;
