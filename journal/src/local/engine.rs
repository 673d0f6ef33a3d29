//! What groups are written to: one file of redb, and what is known of its content.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use redb::{Database, StorageBackend as _};

use super::contents::Tables;
use super::medium::Medium;
use super::tables::{self, meta};
use crate::backend::{Backend, Contents};
use crate::clock::{self, Stamp};
use crate::error::{CannotOpen, Fault, ReadError};
use crate::group::Group;
use crate::options::{Compaction, Options};
use crate::panics::panic_message;
use crate::shelf::Shelf;

/// The file. After an error it is in doubt whether the last group is in it: it is opened anew before
/// the next try, and looked at.
#[derive(Debug)]
pub(crate) struct Engine {
    medium: Medium,
    options: Options,
    /// `None` after an error, until the file is opened anew: redb does not trust itself after one.
    database: Option<Database>,
    shelf: Shelf,
    /// Bytes of live jobs and dead letters.
    jobs_bytes: u64,
    /// Groups that were ever written.
    groups: u64,
    /// When the last of them was.
    written: Option<Stamp>,
    /// The length of the file when there was nothing left to be made shorter.
    compact_bytes: u64,
}

impl Engine {
    /// Opens it. A file that is mostly free pages is made shorter.
    pub(crate) fn open(medium: Medium, options: Options) -> Result<Self, CannotOpen> {
        let mut database = tables::open(&medium, options.cache_bytes)?;
        let shelf = tables::read_shelf(&database)?;
        let jobs_bytes = tables::read_jobs_bytes(&database)?;
        let file_bytes = medium.len()?;
        if is_mostly_free(file_bytes, used_bytes(&shelf, jobs_bytes), &options.compaction)
            && compact(&mut database).is_err()
        {
            // What could not be made shorter is as good as it was; redb wants it opened anew.
            drop_in_doubt(database);
            database = tables::open(&medium, options.cache_bytes)?;
        }
        let groups = tables::read_meta(&database, meta::GROUPS)?;
        let written = tables::read_stamp(&database)?;
        let database = Some(database);
        Ok(Self { medium, options, database, shelf, jobs_bytes, groups, written, compact_bytes: 0 })
    }

    /// The open file, which has to be opened anew after an error.
    fn database(&mut self, group: &Group) -> Result<(&Database, &mut Shelf), Fault> {
        let database = match &mut self.database {
            Some(database) => database,
            none => {
                let database = reopen(&self.medium, &self.options, self.groups)?;
                self.shelf = tables::read_shelf(&database)?;
                // They are of this group, and come once more.
                if let Some((first, _)) = group.outcomes.first_key_value() {
                    self.shelf.forget(*first..);
                }
                none.insert(database)
            }
        };
        Ok((database, &mut self.shelf))
    }

    fn write_once(&mut self, group: &Group, now: &Stamp) -> Result<i64, Fault> {
        let (nth, retention) = (self.groups + 1, self.options.retention);
        let (database, shelf) = self.database(group)?;
        tables::write(database, group, nth, shelf, &retention, now)
    }
}

impl Backend for Engine {
    fn contents(&self) -> Result<Box<dyn Contents + '_>, ReadError> {
        // There is none only after a failed write.
        let closed = || ReadError::Store(Box::new(redb::Error::PreviousIo));
        let database = self.database.as_ref().ok_or_else(closed)?;
        Ok(Box::new(Tables::open(database, self.shelf.len())?))
    }

    fn fill(&mut self, from: &dyn Contents, time_ms: u64) -> Result<(), Fault> {
        let (nth, reading) = (self.groups + 1, clock::of_system()());
        let (database, _) = self.database(&Group::default())?;
        let stamp = Stamp { time_ms, reading };
        tables::fill(database, from, nth, &stamp)?;
        let (shelf, jobs_bytes) =
            (tables::read_shelf(database)?, tables::read_jobs_bytes(database)?);
        (self.shelf, self.jobs_bytes, self.groups, self.written) =
            (shelf, jobs_bytes, nth, Some(stamp));
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn written(&self) -> Option<&Stamp> {
        self.written.as_ref()
    }

    fn leave_at_ms(&self) -> Option<u64> {
        self.shelf.leave_at_ms(&self.options.retention)
    }

    fn syncs(&self) -> Arc<AtomicU64> {
        self.medium.syncs()
    }

    fn compaction(&self) -> Option<&Compaction> {
        Some(&self.options.compaction)
    }

    fn write(&mut self, group: &Group, now: &Stamp) -> Result<(), Fault> {
        let written = catch_unwind(AssertUnwindSafe(|| self.write_once(group, now)));
        let result = written.unwrap_or_else(|panic| Err(Fault::Panicked(panic_message(&*panic))));
        let jobs_bytes = result.inspect_err(|_| self.let_go())?;
        self.groups += 1;
        self.written = Some(*now);
        self.jobs_bytes = self.jobs_bytes.saturating_add_signed(jobs_bytes);
        Ok(())
    }

    fn compact_if_quick(&mut self) {
        let compaction = &self.options.compaction;
        let used_bytes = used_bytes(&self.shelf, self.jobs_bytes);
        let Some(database) = &mut self.database else { return };
        let Ok(file_bytes) = self.medium.len() else { return };
        if used_bytes > compaction.used_bytes_max
            || file_bytes <= 2 * self.compact_bytes
            || !is_mostly_free(file_bytes, used_bytes, compaction)
        {
            return;
        }
        if compact(database).is_err() {
            self.let_go();
        }
        self.compact_bytes = self.medium.len().unwrap_or(file_bytes);
    }

    fn let_go(&mut self) {
        if let Some(database) = self.database.take() {
            drop_in_doubt(database);
        }
    }
}

/// Opens the file anew after an error, and makes sure that it holds what it has to: all groups
/// that were written, and the one that failed as a whole or not at all.
fn reopen(medium: &Medium, options: &Options, written: u64) -> Result<Database, Fault> {
    let database = tables::open(medium, options.cache_bytes)?;
    let found = tables::read_meta(&database, meta::GROUPS)?;
    if found == written || found == written + 1 {
        Ok(database)
    } else {
        Err(Fault::Changed { found, written })
    }
}

/// Ends redb, which may panic where it has just done so.
fn drop_in_doubt(database: Database) {
    _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
}

/// Bytes of records, about: what else there is is small.
fn used_bytes(shelf: &Shelf, jobs_bytes: u64) -> u64 {
    (shelf.bytes() as u64).saturating_add(jobs_bytes)
}

fn is_mostly_free(file_bytes: u64, used_bytes: u64, compaction: &Compaction) -> bool {
    file_bytes > compaction.file_bytes_min && file_bytes / 4 > used_bytes
}

/// Makes the file as short as what is in it allows, in several transactions, each of which leaves
/// the content as it is.
fn compact(database: &mut Database) -> Result<(), Fault> {
    let compacted = catch_unwind(AssertUnwindSafe(|| database.compact()));
    let compacted = compacted.map_err(|panic| Fault::Panicked(panic_message(&*panic)))?;
    compacted.map(|_| ()).map_err(Fault::from)
}
