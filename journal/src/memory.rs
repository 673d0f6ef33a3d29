//! No journal: jobs live as long as the process.

use crate::{Journal, Record};

/// Keeps nothing beyond what the scheduler holds anyway. A job is as durable as it will ever be
/// as soon as it is admitted.
#[derive(Debug, Default)]
pub struct Memory {
    last: u64,
}

impl Journal for Memory {
    fn append(&mut self, record: Record) {
        if let Record::Admitted { ticket, .. } = record {
            self.last = ticket;
        }
    }

    fn commit(&mut self) -> u64 {
        self.last
    }
}
