//! How programs of one user find the admin token of that user's server on this machine: in a folder
//! that is this user's alone, under the port that the server listens at.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

/// Only its owner may look into the folder, and read what is in it.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What others may do with a folder.
const OF_OTHERS: u32 = 0o077;
/// More than any token, or list of addresses.
const FILE_BYTES_MAX: u64 = 8 << 10;

/// A token that a server has left for programs of its user. It is taken away when this is dropped; of
/// one that was killed nobody takes it, since nobody holds its lock any more.
#[derive(Debug)]
pub struct LeftNearby {
    files: [PathBuf; 2],
    _locked: File,
}

/// A token that was found, and where the server is that left it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nearby {
    pub(crate) token: String,
    pub(crate) at: SocketAddr,
}

impl LeftNearby {
    /// Leaves the admin token of a server that listens at this address.
    ///
    /// # Errors
    /// If there is no folder for it, or one that is not this user's alone.
    pub fn leave(at: SocketAddr, token: &str) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for folder in folders() {
            match prepare(&folder).and_then(|()| Self::leave_in(&folder, at, token)) {
                Ok(left) => return Ok(left),
                Err(error) => failure = named(&folder, error),
            }
        }
        Err(failure)
    }

    fn leave_in(folder: &Path, at: SocketAddr, token: &str) -> io::Result<Self> {
        let port = at.port();
        let (of_token, of_address) = (token_file(folder, port), address_file(folder, port));
        put(&of_address, &at.to_string())?;
        let locked = put(&of_token, token)?;
        Ok(Self { files: [of_token, of_address], _locked: locked })
    }
}

impl Drop for LeftNearby {
    fn drop(&mut self) {
        for file in &self.files {
            // Somebody tidied up.
            _ = fs::remove_file(file);
        }
    }
}

impl Nearby {
    /// What the server has left that is dialled at this host and port, if it is on this machine, lives
    /// and is of this user.
    pub(crate) fn find(port: u16, host: &str) -> Option<Self> {
        let ours = folders().into_iter().filter(|folder| check(folder).is_ok());
        ours.into_iter().find_map(|folder| Self::find_in(&folder, port, host))
    }

    fn find_in(folder: &Path, port: u16, host: &str) -> Option<Self> {
        let file = File::open(token_file(folder, port)).ok()?;
        // Where nobody holds it any more, whoever listens at that port is somebody else.
        if !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)) {
            return None;
        }
        let at = File::open(address_file(folder, port)).ok()?;
        let at = dialled(text(at)?.parse().ok()?, host)?;
        Some(Self { token: text(file)?, at })
    }
}

/// Where a server that listens there is dialled by this host of this machine, if at all.
fn dialled(listens: SocketAddr, host: &str) -> Option<SocketAddr> {
    let own = listens.ip();
    let any = own.is_unspecified();
    let ip = match host.parse::<IpAddr>() {
        Ok(ip) if !ip.is_loopback() => return None,
        // One that listens at all addresses of IPv6 has those of IPv4, too.
        Ok(ip) if ip == own || any && (own.is_ipv6() || ip.is_ipv4()) => ip,
        Ok(_) => return None,
        Err(_) if !host.eq_ignore_ascii_case("localhost") => return None,
        Err(_) if own == Ipv6Addr::UNSPECIFIED => Ipv6Addr::LOCALHOST.into(),
        Err(_) if any => Ipv4Addr::LOCALHOST.into(),
        Err(_) if own.is_loopback() => own,
        Err(_) => return None,
    };
    Some(SocketAddr::new(ip, listens.port()))
}

/// Where tokens may be, the better place first.
fn folders() -> Vec<PathBuf> {
    let of_system = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let of_system = of_system.filter(|folder| folder.is_absolute());
    let of_system = of_system.map(|folder| folder.join("acequia"));
    let own = std::env::temp_dir().join(format!("acequia-{}", geteuid().as_raw()));
    of_system.into_iter().chain([own]).collect()
}

fn prepare(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => check(folder),
    }
}

/// That a folder is this user's alone: elsewhere others could leave what they like, or read.
fn check(folder: &Path) -> io::Result<()> {
    let known = fs::symlink_metadata(folder)?;
    let is_own =
        known.is_dir() && known.uid() == geteuid().as_raw() && known.mode() & OF_OTHERS == 0;
    let not_own = || io::Error::other("it is not a folder of this user alone (mode 0700)");
    is_own.then_some(()).ok_or_else(not_own)
}

fn token_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("admin-{port}"))
}

fn address_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("admin-{port}.at"))
}

/// Puts a file there that is locked as long as what is returned lives, in the place of any other.
fn put(path: &Path, text: &str) -> io::Result<File> {
    let half = path.with_extension(format!("new-{}", std::process::id()));
    let open =
        OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&half);
    let mut file = open?;
    file.lock()?;
    writeln!(file, "{text}")?;
    fs::rename(&half, path)?;
    Ok(file)
}

fn text(file: File) -> Option<String> {
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

fn named(folder: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn folder() -> tempfile::TempDir {
        let own = fs::Permissions::from_mode(FOLDER_MODE);
        let folder = tempfile::Builder::new().permissions(own).tempdir().expect("a folder");
        prepare(folder.path()).expect("ours");
        folder
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_a_server_leaves_is_found_while_it_lives() {
        let folder = folder();
        let find = |port, host| Nearby::find_in(folder.path(), port, host);
        assert_eq!(find(8080, "127.0.0.1"), None);
        let here = at("127.0.0.1:8080");
        let left = LeftNearby::leave_in(folder.path(), here, TOKEN).expect("room");
        let found = Some(Nearby { token: TOKEN.to_owned(), at: here });
        assert_eq!(find(8080, "127.0.0.1"), found);
        assert_eq!(find(8080, "localhost"), found);
        assert_eq!(find(8081, "127.0.0.1"), None);
        let mode = token_file(folder.path(), 8080).metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(left);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn what_a_server_left_that_was_killed_is_nobodys() {
        let folder = folder();
        let here = at("127.0.0.1:8080");
        drop(put(&address_file(folder.path(), 8080), "127.0.0.1:8080").expect("room"));
        drop(put(&token_file(folder.path(), 8080), TOKEN).expect("room"));
        assert_eq!(Nearby::find_in(folder.path(), 8080, "127.0.0.1"), None);
        let _left = LeftNearby::leave_in(folder.path(), here, "another").expect("in its place");
        let found = Nearby::find_in(folder.path(), 8080, "127.0.0.1").expect("that of the new one");
        assert_eq!(found.token, "another");
    }

    #[test]
    fn it_is_shown_to_the_server_that_left_it_and_to_nobody_else() {
        for (listens, host, dials) in [
            ("127.0.0.1:1", "127.0.0.1", Some("127.0.0.1:1")),
            ("127.0.0.1:1", "localhost", Some("127.0.0.1:1")),
            ("127.0.0.1:1", "::1", None),
            ("127.0.0.1:1", "127.0.0.2", None),
            ("[::1]:1", "::1", Some("[::1]:1")),
            ("[::1]:1", "localhost", Some("[::1]:1")),
            ("[::1]:1", "127.0.0.1", None),
            ("0.0.0.0:1", "127.0.0.1", Some("127.0.0.1:1")),
            ("0.0.0.0:1", "localhost", Some("127.0.0.1:1")),
            ("0.0.0.0:1", "::1", None),
            ("[::]:1", "localhost", Some("[::1]:1")),
            ("[::]:1", "127.0.0.1", Some("127.0.0.1:1")),
            ("10.0.0.1:1", "127.0.0.1", None),
            ("10.0.0.1:1", "localhost", None),
            ("0.0.0.0:1", "10.0.0.1", None),
            ("127.0.0.1:1", "jobs.example", None),
        ] {
            assert_eq!(dialled(at(listens), host), dials.map(at), "{host} at {listens}");
        }
    }

    #[test]
    fn a_folder_that_others_may_look_into_is_refused() {
        let folder = folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).expect("a mode");
        assert!(prepare(folder.path()).is_err());
        let file = folder.path().join("file");
        fs::write(&file, "").expect("room");
        assert!(prepare(&file).is_err());
    }
}
