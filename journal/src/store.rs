//! An open store: what it holds, and the way to write to it.

use std::io;
use std::path::Path;

use crate::clock::{self, Clock};
use crate::engine::Opened;
use crate::error::{CannotOpen, OpenError, ReadError};
use crate::file;
use crate::medium::{Disk, Medium};
use crate::notice::Notice;
use crate::options::Options;
use crate::recovery::Recovery;
use crate::writer::Writer;

/// An open store: first it is read, then it becomes a [`Writer`].
///
/// It is one file, locked as long as this or the writer lives.
#[derive(Debug)]
pub struct Store {
    pub(crate) opened: Opened,
}

impl Store {
    /// Opens the file, and creates it if it does not exist or is empty.
    ///
    /// Every page is checked, so this takes a read of the whole file. A file that was left by a
    /// crash or a loss of power is brought back to its last whole group.
    ///
    /// # Errors
    /// If there is no such file and none can be created, it is locked by another process, is no
    /// regular file, not ours, of a newer format or damaged.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        file::open(path)
            .and_then(|file| Self::open_on(Medium::new(Disk(file)), options))
            .map_err(|why| OpenError { path: path.to_owned(), why })
    }

    pub(crate) fn open_on(medium: Medium, options: Options) -> Result<Self, CannotOpen> {
        Ok(Self { opened: Opened::open(medium, options)? })
    }

    /// All that is in the store.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn recover(&self) -> Result<Recovery<'_>, ReadError> {
        Recovery::new(&self.opened.database, self.opened.shelf.outcomes())
    }

    /// Starts the thread that writes. `notify` is called on that thread and holds it up.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn into_writer(self, notify: impl FnMut(Notice) + Send + 'static) -> io::Result<Writer> {
        self.into_writer_at(clock::system(), notify)
    }

    pub(crate) fn into_writer_at(
        self,
        clock: Clock,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Writer> {
        Writer::start(self.opened, clock, notify)
    }
}
