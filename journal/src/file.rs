//! The file of a store, found or made, and locked.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::CannotOpen;

/// Only its owner may read the payloads of others.
const MODE: u32 = 0o600;

/// Opens, or creates, and locks a regular file.
pub(crate) fn open(path: &Path) -> Result<File, CannotOpen> {
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
