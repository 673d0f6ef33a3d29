//! What can be wrong with a store, said to the operator: the thing, the reason, the remedy.

use std::io;
use std::path::PathBuf;

use crate::codec::BadRecord;

/// A store that cannot be opened. What it holds was not changed.
#[derive(Debug, thiserror::Error)]
#[error("the journal {place} cannot be opened: {why}")]
pub struct OpenError {
    /// The file, or the database.
    pub place: String,
    /// What is wrong.
    pub why: CannotOpen,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// A directory, a device or the like.
    #[error("it is not a regular file; name a file, which is created if it does not exist")]
    NotAFile,
    /// Another process has it open.
    #[error("another server has it open; stop that one, or give each server a journal of its own")]
    Locked,
    /// It does not exist, nor does the directory that it would be created in.
    #[error("its directory does not exist; create it")]
    NoDirectory,
    /// The operating system does not let this user at it.
    #[error(
        "this user may not read and write it, or not create it in its directory; change its owner or its mode, or name another file"
    )]
    NotPermitted,
    /// Another user's file, who can read and change it.
    #[error(
        "it belongs to another user (number {owner}), who could read and change what is in it; give it to the user that the server runs as (chown), or name another file"
    )]
    Foreign {
        /// The user.
        owner: u32,
    },
    /// Another user has laid a symbolic link there.
    #[error(
        "{} is a symbolic link of another user (number {owner}); remove it, or name the file itself", link.display()
    )]
    ForeignLink {
        /// The link.
        link: PathBuf,
        /// The user.
        owner: u32,
    },
    /// Others may read it, and that cannot be changed.
    #[error(
        "others may read it (mode {mode:04o}), and its file system does not let that be changed; name a file on a file system with modes"
    )]
    Exposed {
        /// Its mode.
        mode: u32,
    },
    /// Another program's file.
    #[error("it is no journal ({0}), and is left alone; name another file, or remove this one")]
    NotAJournal(String),
    /// Written by a newer version of this program.
    #[error(
        "it has format {found}, and this version knows {known}; run the version that wrote it, or a newer one"
    )]
    Newer {
        /// Its format.
        found: u64,
        /// The newest format that this version knows.
        known: u64,
    },
    /// Not what was written to it.
    #[error(
        "it is damaged ({0}); restore it from a backup, or move it away to begin anew without the jobs in it"
    )]
    Damaged(String),
    /// A database that cannot be used, and what to do about it.
    #[error("{0}")]
    Database(String),
    /// Any other error of the operating system.
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for CannotOpen {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoDirectory,
            io::ErrorKind::IsADirectory => Self::NotAFile,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted
            }
            _ => Self::Io(error),
        }
    }
}

impl From<redb::Error> for CannotOpen {
    fn from(error: redb::Error) -> Self {
        use redb::Error;
        match error {
            Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
                Self::NotAJournal(error.to_string())
            }
            // Where pages are missing at its end.
            Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::Damaged("it is shorter than it was".to_owned())
            }
            Error::Io(error) => Self::Io(error),
            Error::DatabaseAlreadyOpen => Self::Locked,
            Error::TableTypeMismatch { .. }
            | Error::TableDoesNotExist(_)
            | Error::TableIsMultimap(_)
            | Error::UpgradeRequired(_) => Self::NotAJournal(error.to_string()),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// A store that opened well and yet cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store under the tables failed.
    #[error("the journal cannot be read: {0}")]
    Store(#[from] Box<redb::Error>),
    /// A job's record.
    #[error("the journal's record of the job with ticket {ticket} cannot be read: {why}")]
    Job {
        /// The job.
        ticket: u64,
        /// What is wrong with it.
        why: BadRecord,
    },
    /// A dead letter's record.
    #[error("the journal's record of the dead letter with ticket {ticket} cannot be read: {why}")]
    DeadLetter {
        /// The letter.
        ticket: u64,
        /// What is wrong with it.
        why: BadRecord,
    },
    /// The name of a queue that is paused.
    #[error("the journal's list of paused queues has a name that is none: {0:?}")]
    Paused(String),
    /// A record of outcomes.
    #[error("a record of outcomes in the journal cannot be read: {0}")]
    Outcomes(BadRecord),
    /// A record of another sort.
    #[error("the journal's record of a {of} cannot be read: {why}")]
    Other {
        /// What it is of.
        of: &'static str,
        /// What is wrong with it.
        why: BadRecord,
    },
    /// The database does not answer, or not well.
    #[error("the journal cannot be read: {0}")]
    Database(String),
}

/// Entries that could not be written before the writer was closed. No job of theirs was reported
/// durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the last entries of the journal were not written: {why}")]
pub struct NotWritten {
    /// The last failure.
    pub why: String,
}

/// Why a transaction failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the journal's file system is full; free some space, and writing goes on")]
    Full,
    #[error("writing to the journal failed: {0}")]
    Store(Box<redb::Error>),
    #[error("the journal could not be opened again after a failed write: {0}")]
    Reopen(CannotOpen),
    #[error(
        "the journal was changed by somebody else: it holds {found} groups where {written} were written; stop the server and look after the file"
    )]
    Changed { found: u64, written: u64 },
    #[error("the journal is damaged: a record of outcomes: {0}")]
    Record(BadRecord),
    #[error("writing to the journal failed: {0}")]
    Panicked(String),
    #[error("writing to the journal failed: {0}")]
    Database(String),
    #[error("{0}")]
    Source(String),
    #[error(
        "another server owns the journal by now, since this one did not renew its lease in time"
    )]
    Fenced,
    #[error(
        "PostgreSQL has gone back behind what it had confirmed: {0}; accepted jobs are lost. See which of its \
         copies has most, and start a server when that is the primary"
    )]
    WentBack(String),
}

impl Fault {
    /// Whether there is no use in another try.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Fenced | Self::WentBack(_))
    }
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Io(error) if is_full(&error) => Self::Full,
            error => Self::Store(Box::new(error)),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<CannotOpen> for Fault {
    fn from(error: CannotOpen) -> Self {
        match error {
            CannotOpen::Io(error) if is_full(&error) => Self::Full,
            error => Self::Reopen(error),
        }
    }
}
