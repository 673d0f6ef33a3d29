//! Commands that cannot be run, found out before a job comes.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use acequia_wire::limits::CONTENT_TYPE_BYTES_MAX;

/// A command that cannot serve jobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecError {
    /// No such program.
    #[error(
        "there is no program `{0}`; give the path of one, or the name of one in a folder of PATH"
    )]
    NotFound(String),
    /// A file that is no program.
    #[error("`{0}` cannot be run: it is not an executable file (chmod +x makes it one)")]
    NotExecutable(PathBuf),
    /// A content type over the limit.
    #[error("the content type `{0}` has more than {CONTENT_TYPE_BYTES_MAX} bytes")]
    ContentType(String),
}

/// Checks that `program` can be run, where the system would look for it.
///
/// # Errors
/// If it is not there, or no program.
pub fn check_program(program: &OsStr) -> Result<(), ExecError> {
    let path = Path::new(program);
    // A path is taken as it is; only a bare name is looked for.
    let candidates = if path.components().count() > 1 || path.is_absolute() {
        vec![path.to_owned()]
    } else {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(path)).collect()
    };
    let mut found = None;
    for candidate in candidates {
        match std::fs::metadata(&candidate) {
            Ok(file) if file.is_file() && file.permissions().mode() & 0o111 != 0 => return Ok(()),
            Ok(_) if !program.is_empty() => found = found.or(Some(candidate)),
            Ok(_) | Err(_) => {}
        }
    }
    Err(match found {
        Some(path) => ExecError::NotExecutable(path),
        None => ExecError::NotFound(path.display().to_string()),
    })
}
