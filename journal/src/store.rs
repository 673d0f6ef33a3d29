//! An open store: what it holds, and the way to write to it.

use std::io;
use std::path::Path;

use crate::backend::Backend;
use crate::caution::Caution;
#[cfg(test)]
use crate::clock::Clocks;
use crate::clock::{self, Clock};
use crate::error::{CannotOpen, OpenError, ReadError};
use crate::local::engine::Engine;
use crate::local::file;
use crate::local::medium::{Disk, Medium};
use crate::notice::Notice;
use crate::options::Options;
use crate::recovery::Recovery;
use crate::shared::candidate::Term;
use crate::writer::Writer;

/// How long to wait at most before another try at a database.
const SHARED_RETRY_MS_MAX: u64 = 1_000;
/// An owner's time is written down each time that it renews its lease. It may have gone on for so long.
pub(crate) const UNSEEN_US: u64 = 60_000_000;

/// An open store: first it is read, then it becomes a [`Writer`].
///
/// It is one file, locked as long as this or the writer lives.
#[derive(Debug)]
pub struct Store {
    engine: Box<dyn Backend>,
    options: Options,
    clock: Clock,
    first_number: u64,
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
        let (engine, cautions) = open_file(path.as_ref(), options)?;
        Ok(Self { cautions, ..Self::of(engine, options) })
    }

    fn of(engine: Engine, options: Options) -> Self {
        let clock = Clock::go_on(engine.written().copied(), clock::of_system());
        let first_number = clock.now_ms().saturating_mul(1_000);
        Self { engine: Box::new(engine), options, clock, first_number, cautions: Vec::new() }
    }

    /// Opens the journal that a server of a cluster owns for this term.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn of_term(term: &Term, options: Options) -> Result<Self, OpenError> {
        // Another server is about to take over where this one cannot write: the sooner it is tried again, the
        // better.
        let options =
            Options { retry_ms_max: SHARED_RETRY_MS_MAX.min(options.retry_ms_max), ..options };
        let engine = Box::new(term.engine(options)?);
        let clock = Clock::told(term.floor_us / 1_000, term.taken_at_ms, clock::of_system());
        let first_number = term.floor_us + UNSEEN_US;
        Ok(Self { engine, options, clock, first_number, cautions: Vec::new() })
    }

    /// Higher than any number that was given in the order of time, one a microsecond at most, by whoever
    /// wrote here before.
    pub fn first_number(&self) -> u64 {
        self.first_number
    }

    /// Whether other servers may write to it once this one's lease is over. Then nothing may be told
    /// that is not durable.
    pub fn is_shared(&self) -> bool {
        self.engine.is_shared()
    }

    /// What the operator should know about the file.
    pub fn cautions(&self) -> &[Caution] {
        &self.cautions
    }

    #[cfg(test)]
    pub(crate) fn open_on(medium: Medium, options: Options) -> Result<Self, CannotOpen> {
        Ok(Self::of(Engine::open(medium, options)?, options))
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

/// Opens the file, and says what the operator should know about it.
pub(crate) fn open_file(
    path: &Path,
    options: Options,
) -> Result<(Engine, Vec<Caution>), OpenError> {
    let open = || -> Result<_, CannotOpen> {
        let (file, cautions) = file::open(path)?;
        Ok((Engine::open(Medium::new(Disk(file)), options)?, cautions))
    };
    open().map_err(|why| OpenError { place: path.display().to_string(), why })
}
