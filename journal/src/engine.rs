//! What groups are written to: one file of redb, and what is known of its content.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::Database;

use crate::error::{CannotOpen, Fault};
use crate::group::Group;
use crate::medium::Medium;
use crate::options::Options;
use crate::shelf::Shelf;
use crate::tables::{self, Shelving, meta, panic_message};

/// A file that was just opened, and what it holds.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) medium: Medium,
    pub(crate) options: Options,
    pub(crate) database: Database,
    pub(crate) shelf: Shelf,
    /// Groups that were ever written.
    pub(crate) groups: u64,
}

impl Opened {
    pub(crate) fn open(medium: Medium, options: Options) -> Result<Self, CannotOpen> {
        let database = tables::open(&medium, options.cache_bytes)?;
        let shelf = tables::read_shelf(&database)?;
        let groups = tables::read_meta(&database, meta::GROUPS)?;
        Ok(Self { medium, options, database, shelf, groups })
    }
}

/// The file while it is written. After an error it is in doubt whether the last group is in it: it
/// is opened anew before the next try, and looked at.
#[derive(Debug)]
pub(crate) struct Engine {
    medium: Medium,
    options: Options,
    /// `None` after an error, until the file is opened anew: redb does not trust itself after one.
    database: Option<Database>,
    shelf: Shelf,
    /// Groups that were ever written.
    groups: u64,
}

impl Engine {
    pub(crate) fn new(opened: Opened) -> Self {
        let Opened { medium, options, database, shelf, groups } = opened;
        Self { medium, options, database: Some(database), shelf, groups }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// When outcomes leave for their age, in milliseconds since 1970.
    pub(crate) fn leave_at_ms(&self) -> Option<u64> {
        self.shelf.leave_at_ms(&self.options.retention)
    }

    /// Writes a group and waits until it is on the disk; what is too old leaves with it.
    pub(crate) fn write(&mut self, group: &Group, now_ms: u64) -> Result<(), Fault> {
        let written = catch_unwind(AssertUnwindSafe(|| self.write_once(group, now_ms)));
        let result = written.unwrap_or_else(|panic| Err(Fault::Panicked(panic_message(&*panic))));
        let Shelving { leave, come } = result.inspect_err(|_| self.let_go())?;
        self.groups += 1;
        self.shelf.take(leave);
        come.into_iter().for_each(|shelved| self.shelf.add(shelved));
        Ok(())
    }

    fn write_once(&mut self, group: &Group, now_ms: u64) -> Result<Shelving, Fault> {
        let database = match &mut self.database {
            Some(database) => database,
            none => none.insert(reopen(&self.medium, &self.options, self.groups)?),
        };
        let retention = &self.options.retention;
        tables::write(database, group, self.groups + 1, &self.shelf, retention, now_ms)
    }

    /// Ends redb, which may panic where it has just done so. What is durable stays so.
    pub(crate) fn let_go(&mut self) {
        let database = self.database.take();
        _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
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
