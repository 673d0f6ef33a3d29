//! Files that hold secrets and that others can get at.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::geteuid;

/// Bits of a mode that let anybody read or write, or the group write.
const EXPOSED: u32 = 0o026;
/// Who may do everything anyway.
const ROOT: u32 = 0;

/// Why an operator should look after a file with a secret in it; nothing if only its owner, who is us
/// or root, and perhaps our group can read it. It is used all the same: some platforms mount secrets
/// so, and let nobody else near them.
fn caution(file: &File) -> Option<String> {
    let found = file.metadata().ok()?;
    let (mode, owner) = (found.mode() & 0o7777, found.uid());
    if owner != ROOT && owner != geteuid().as_raw() {
        return Some(format!("it belongs to user {owner}, who can change it: chown it"));
    }
    let is_exposed = found.is_file() && mode & EXPOSED != 0;
    is_exposed.then(|| format!("its mode is {mode:04o}, so others can get at it: chmod 0600 it"))
}

/// Tells the log of a file that holds a secret and that others can get at.
pub(crate) fn look_at(path: &Path, file: &File) {
    if let Some(caution) = caution(file) {
        tracing::warn!(file = %path.display(), "a file with a secret in it: {caution}");
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn whoever_else_can_get_at_a_secret_is_told() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let with = |mode| {
            file.as_file().set_permissions(Permissions::from_mode(mode)).expect("our file");
            caution(file.as_file())
        };
        for mode in [0o600, 0o400, 0o640, 0o440] {
            assert_eq!(with(mode), None, "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o602, 0o660, 0o666] {
            let said = with(mode).expect("it is exposed");
            assert!(said.contains(&format!("{mode:04o}")) && said.contains("chmod"), "{said}");
        }
    }
}
