//! The file of a store: found or made, nobody else's, and locked.
//!
//! It holds the payloads of everybody, so what it is found as is mended or refused:
//!
//! | found | |
//! |---|---|
//! | nothing | made, with mode 0600 |
//! | ours, with another mode | 0600 from now on, and [`Caution::Exposed`] |
//! | somebody else's, empty | taken out of its folder, and made anew: who made it may have it open |
//! | somebody else's, with content | refused |
//! | a symbolic link of ours or root's | that which it leads to, judged in the same way |
//! | a symbolic link of somebody else | refused |

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::caution::Caution;
use crate::error::CannotOpen;

/// Only its owner may read the payloads of others.
const MODE: u32 = 0o600;
/// Bits of a mode that let anybody in who is not the owner.
const OTHERS: u32 = 0o077;
/// The bit of a folder into which anybody may write.
const WRITABLE_BY_ALL: u32 = 0o002;
/// The bit of a folder out of which everybody may take only what is theirs.
const STICKY: u32 = 0o1000;
/// Who may do everything anyway.
const ROOT: u32 = 0;
/// Symbolic links that are followed, one after another.
const LINKS_MAX: usize = 40;

/// Opens, or creates, and locks a regular file that nobody else may read or write.
pub(crate) fn open(path: &Path) -> Result<(File, Vec<Caution>), CannotOpen> {
    let path = &follow(path)?;
    let (mut file, is_new) = open_or_create(path)?;
    lock(&file)?;
    let mut cautions = Vec::new();
    let found = file.metadata()?;
    if found.uid() != us() {
        if found.len() > 0 {
            return Err(CannotOpen::Foreign { owner: found.uid() });
        }
        file = replace(path, found.uid())?;
        lock(&file)?;
    } else if found.mode() & 0o7777 != MODE {
        // A mask of the process may have taken bits from the mode of a new one.
        if !is_new && found.mode() & OTHERS != 0 {
            cautions.push(Caution::Exposed { mode: found.mode() & 0o7777 });
        }
        // What a file system without modes says to that is in what the file has then.
        _ = file.set_permissions(Permissions::from_mode(MODE));
    }
    let found = file.metadata()?;
    if found.uid() != us() {
        return Err(CannotOpen::Foreign { owner: found.uid() });
    }
    if found.mode() & OTHERS != 0 {
        return Err(CannotOpen::Exposed { mode: found.mode() & 0o7777 });
    }
    let folder = folder_of(path);
    // Or a loss of power could take the name of the file, and with it the file.
    if is_new {
        File::open(folder)?.sync_all()?;
    }
    cautions.extend(judge_folder(folder)?);
    Ok((file, cautions))
}

/// The path behind symbolic links, which only we and root may have laid.
fn follow(path: &Path) -> Result<PathBuf, CannotOpen> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            Err(error) => return Err(error.into()),
        };
        if !found.is_symlink() {
            // Looked at before it is opened, since opening a pipe or a device may do something.
            return if found.is_file() { Ok(path) } else { Err(CannotOpen::NotAFile) };
        }
        if ![us(), ROOT].contains(&found.uid()) {
            return Err(CannotOpen::ForeignLink { link: path, owner: found.uid() });
        }
        path = folder_of(&path).join(path.read_link()?);
    }
    Err(CannotOpen::Io(io::Error::other("too many symbolic links")))
}

/// Returns whether the file is new too.
fn open_or_create(path: &Path) -> Result<(File, bool), CannotOpen> {
    match open_options().open(path) {
        Ok(file) if file.metadata()?.is_file() => Ok((file, false)),
        Ok(_) => Err(CannotOpen::NotAFile),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((open_options().create_new(true).open(path)?, true))
        }
        Err(error) => Err(error.into()),
    }
}

fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // Somebody may put something else there after it was looked at.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    options.read(true).write(true).mode(MODE).custom_flags(flags.cast_signed());
    options
}

/// Has a new file in the place of an empty one of somebody else.
fn replace(path: &Path, owner: u32) -> Result<File, CannotOpen> {
    std::fs::remove_file(path).map_err(|_| CannotOpen::Foreign { owner })?;
    let file = open_options().create_new(true).open(path)?;
    File::open(folder_of(path))?.sync_all()?;
    Ok(file)
}

fn lock(file: &File) -> Result<(), CannotOpen> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(CannotOpen::Locked),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

fn judge_folder(folder: &Path) -> Result<Option<Caution>, CannotOpen> {
    let found = folder.metadata()?;
    let is_open = found.mode() & WRITABLE_BY_ALL != 0 && found.mode() & STICKY == 0;
    let is_foreign = ![us(), ROOT].contains(&found.uid());
    Ok((is_open || is_foreign).then(|| Caution::Folder {
        folder: folder.to_owned(),
        mode: found.mode() & 0o7777,
        owner: found.uid(),
    }))
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The user that this process acts as.
fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}
