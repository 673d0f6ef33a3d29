//! The admin token that a server makes for itself if nobody gave it one, so that admin calls are open
//! to nobody by default.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::process::geteuid;

use super::{BadSecret, Secret};

/// Only its owner may read it.
const MODE: u32 = 0o600;
/// What others may do with a file.
const OF_OTHERS: u32 = 0o077;

/// The token beside the journal, which is made at the first start; without a journal one that lives as
/// long as the server. The journal has to be held: two servers must not make one at a time.
pub(crate) fn made(journal: Option<&Path>) -> Result<Secret, BadSecret> {
    let Some(journal) = journal else { return new().map_err(BadSecret::System) };
    let path = beside(journal, ".admin-token");
    match read(&path) {
        Err(BadSecret::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let unreadable = |source| BadSecret::Unreadable { path: path.clone(), source };
            let secret = new().map_err(BadSecret::System)?;
            write(&path, &secret).map_err(unreadable)?;
            Ok(secret)
        }
        read => read,
    }
}

/// 32 random bytes in hexadecimal digits, which a header can hold.
fn new() -> io::Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Secret::new(digits.as_bytes()).map_err(io::Error::other)
}

fn beside(journal: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(journal);
    name.push(ending);
    name.into()
}

fn read(path: &Path) -> Result<Secret, BadSecret> {
    let unreadable = |source| BadSecret::Unreadable { path: path.into(), source };
    let not_own = |why| BadSecret::NotOwn { path: path.into(), why };
    // Whoever else can write in the folder must not have it read something else, or wait for ever.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(not_own("is a symbolic link"));
        }
        opened => opened.map_err(unreadable)?,
    };
    let known = file.metadata().map_err(unreadable)?;
    if !known.is_file() {
        return Err(not_own("is no file"));
    }
    if known.uid() != geteuid().as_raw() {
        return Err(not_own("belongs to another user"));
    }
    if known.mode() & OF_OTHERS != 0 {
        return Err(not_own("can be read by others"));
    }
    let mut bytes = Vec::new();
    file.take(2 * Secret::BYTES_MAX as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    Secret::new(&bytes)
        .map_err(|source| BadSecret::InFile { path: path.into(), source: source.into() })
}

/// Writes it whole or not at all.
fn write(path: &Path, secret: &Secret) -> io::Result<()> {
    let half = beside(path, ".new");
    match fs::remove_file(&half) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&half)?;
    file.write_all(secret.expose())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&half, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().expect("a folder") }
        }

        fn journal(&self) -> PathBuf {
            self.folder.path().join("jobs.redb")
        }

        fn token(&self) -> PathBuf {
            self.folder.path().join("jobs.redb.admin-token")
        }

        fn made(&self) -> Result<Secret, String> {
            made(Some(&self.journal())).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn it_is_made_once_and_is_its_owners_alone() {
        let place = Place::new();
        let first = place.made().expect("a token");
        assert_eq!(first.expose().len(), 64);
        let mode = place.token().metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(place.made().expect("the same").expose(), first.expose());
        let files = fs::read_dir(place.folder.path()).expect("a folder").count();
        assert_eq!(files, 1, "nothing is left of how it was made");
        assert_ne!(Place::new().made().expect("another").expose(), first.expose());
    }

    #[test]
    fn without_a_journal_each_server_has_its_own() {
        let [one, other] = [made(None), made(None)].map(|made| made.expect("a token"));
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn one_that_others_may_know_is_refused_by_name() {
        type Put<'a> = &'a dyn Fn(&Path);
        let place = Place::new();
        let elsewhere = place.folder.path().join("elsewhere");
        fs::write(&elsewhere, "0".repeat(64)).expect("room");
        let put: [(&str, Put<'_>); 4] = [
            ("others", &|path| {
                fs::copy(&elsewhere, path).expect("room");
                fs::set_permissions(path, fs::Permissions::from_mode(0o640)).expect("a mode");
            }),
            ("symbolic link", &|path| symlink(&elsewhere, path).expect("a link")),
            ("no file", &|path| fs::create_dir(path).expect("a folder")),
            ("0 bytes", &|path| {
                File::create(path).expect("room");
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
            }),
        ];
        for (why, put) in put {
            let path = place.token();
            put(&path);
            let told = place.made().expect_err(why);
            assert!(told.contains(why) && told.contains("jobs.redb.admin-token"), "{told}");
            if path.is_dir() { fs::remove_dir(&path) } else { fs::remove_file(&path) }
                .expect("it is there");
        }
    }

    #[test]
    fn what_a_crash_left_of_one_is_no_hindrance() {
        let place = Place::new();
        fs::write(place.folder.path().join("jobs.redb.admin-token.new"), "half").expect("room");
        place.made().expect("a token");
    }
}
