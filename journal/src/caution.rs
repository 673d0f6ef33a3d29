//! What is not as it should be, and no reason to refuse a journal.

use std::fmt;
use std::path::PathBuf;

/// What the operator should know about a journal that is used all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caution {
    /// Others could read it, or write it.
    Exposed {
        /// The mode that it had.
        mode: u32,
    },
    /// Others can take it out of its folder, and put another one in its place.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Its mode.
        mode: u32,
        /// Whose it is.
        owner: u32,
    },
    /// What the database confirms is on one disk.
    NoReplica,
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { mode } => write!(
                f,
                "its mode was {mode:04o}, so others could read it until now; it is 0600 from now on"
            ),
            Self::Folder { folder, mode, owner } => write!(
                f,
                "others can remove it from its folder {} (mode {mode:04o}, of user {owner}); give it \
                 a folder of its own: chmod 0700",
                folder.display()
            ),
            Self::NoReplica => f.write_str(
                "PostgreSQL has no synchronous standby: if its disk is lost, or it fails over to another, so are \
                 accepted jobs",
            ),
        }
    }
}
