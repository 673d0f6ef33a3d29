//! What must survive the end of the process.
//!
//! The pipeline appends a [`Record`] for each job that it admits, for each that comes back to run
//! again and for each that ends, and commits them in groups. A client is told `accepted` when its job's record is durable, and not
//! before.

mod memory;
mod record;

pub use memory::Memory;
pub use record::Record;

/// Where records go. The pipeline owns it and calls it from one task, so nothing here may block.
pub trait Journal: Send {
    /// Adds a record to the group that the next [`commit`](Self::commit) writes.
    fn append(&mut self, record: Record);

    /// Writes the group. Returns the highest ticket up to which all is durable.
    fn commit(&mut self) -> u64;
}
