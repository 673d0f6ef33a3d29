//! The file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use redb::Database;

use crate::error::{CannotOpen, OpenError};
use crate::medium::{Disk, Medium};
use crate::shelf::Shelf;
use crate::tables::{self, meta};
use crate::{Notice, Options, ReadError, Recovery, Writer};

/// Only its owner may read the payloads of others.
const MODE: u32 = 0o600;

/// Tells the time in milliseconds since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// An open store: first it is read, then it becomes a [`Writer`].
///
/// It is one file, locked as long as this or the writer lives.
#[derive(Debug)]
pub struct Store {
    pub(crate) medium: Medium,
    pub(crate) options: Options,
    pub(crate) database: Database,
    pub(crate) shelf: Shelf,
    /// Groups that were ever written.
    pub(crate) groups: u64,
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
        open_file(path)
            .and_then(|file| Self::open_on(Medium::new(Disk(file)), options))
            .map_err(|why| OpenError { path: path.to_owned(), why })
    }

    pub(crate) fn open_on(medium: Medium, options: Options) -> Result<Self, CannotOpen> {
        let database = tables::open(&medium, options.cache_bytes)?;
        let shelf = tables::read_shelf(&database)?;
        let groups = tables::read_meta(&database, meta::GROUPS)?;
        Ok(Self { medium, options, database, shelf, groups })
    }

    /// All that is in the store.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn recover(&self) -> Result<Recovery<'_>, ReadError> {
        Recovery::new(self)
    }

    /// Starts the thread that writes. `notify` is called on that thread and holds it up.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn into_writer(self, notify: impl FnMut(Notice) + Send + 'static) -> io::Result<Writer> {
        self.into_writer_at(Arc::new(unix_ms), notify)
    }

    pub(crate) fn into_writer_at(
        self,
        clock: Clock,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> io::Result<Writer> {
        Writer::start(self, clock, notify)
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Opens, or creates, and locks a regular file.
fn open_file(path: &Path) -> Result<File, CannotOpen> {
    // Looked at before it is opened, since opening a pipe or a device may do something.
    let is_new = match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return Err(CannotOpen::NotAFile),
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error.into()),
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(CannotOpen::Locked),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    if is_new {
        // Or a loss of power could take the name of the file, and with it the file.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(file)
}
