//! An open store: what it holds, and the way to write to it.

use std::io;
use std::path::Path;

use crate::backend::Backend;
#[cfg(test)]
use crate::clock::Clocks;
use crate::clock::{self, Clock};
use crate::error::{CannotOpen, OpenError, ReadError};
use crate::local::engine::Engine;
use crate::local::file::{self, Caution};
use crate::local::medium::{Disk, Medium};
use crate::notice::Notice;
use crate::options::Options;
use crate::recovery::Recovery;
use crate::writer::Writer;

/// An open store: first it is read, then it becomes a [`Writer`].
///
/// It is one file, locked as long as this or the writer lives.
#[derive(Debug)]
pub struct Store {
    engine: Box<dyn Backend>,
    options: Options,
    clock: Clock,
    cautions: Vec<Caution>,
}

impl Store {
    /// Opens the file, and creates it if it does not exist or is empty.
    ///
    /// Every page is checked, so this takes a read of all that is in the file. A file that was left
    /// by a crash or a loss of power is brought back to its last whole group.
    ///
    /// The file is ours then, and nobody else may read it; see [`cautions`](Self::cautions).
    ///
    /// # Errors
    /// If there is no such file and none can be created, it is locked by another process, is no
    /// regular file, not ours, of a newer format or damaged.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let open = || -> Result<Self, CannotOpen> {
            let (file, cautions) = file::open(path)?;
            let store = Self::open_on(Medium::new(Disk(file)), options)?;
            Ok(Self { cautions, ..store })
        };
        open().map_err(|why| OpenError { path: path.to_owned(), why })
    }

    /// What the operator should know about the file.
    pub fn cautions(&self) -> &[Caution] {
        &self.cautions
    }

    pub(crate) fn open_on(medium: Medium, options: Options) -> Result<Self, CannotOpen> {
        let engine = Engine::open(medium, options)?;
        let clock = Clock::go_on(engine.written().copied(), clock::of_system());
        Ok(Self { engine: Box::new(engine), options, clock, cautions: Vec::new() })
    }

    /// All that is in the store.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn recover(&self) -> Result<Recovery<'_>, ReadError> {
        Ok(Recovery(self.engine.contents()?))
    }

    /// Starts the thread that writes. `notify` is called on that thread and holds it up.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn into_writer(self, notify: impl FnMut(Notice) + Send + 'static) -> io::Result<Writer> {
        Writer::start(self.engine, self.options, self.clock, notify)
    }

    /// The time that all in the store is stamped with and ages by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The same store by other clocks.
    #[cfg(test)]
    pub(crate) fn with_clocks(self, clocks: Clocks) -> Self {
        let clock = Clock::go_on(self.engine.written().copied(), clocks);
        Self { clock, ..self }
    }
}
