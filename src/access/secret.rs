//! A secret that is shared with those who may come in.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::exposure::look_at;

/// Bytes that nobody else knows. Its `Debug` does not show them.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

/// Bytes that cannot be a secret.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// So short that it could be guessed by whoever has seen something made of it.
    #[error(
        "the secret has {0} bytes and needs at least {min}; make one: openssl rand -hex 32",
        min = Secret::BYTES_MIN
    )]
    Short(usize),
    /// So long that it is no secret but another file.
    #[error("the secret has more than {max} bytes; is this the right file?", max = Secret::BYTES_MAX)]
    Long,
    /// A file that a secret was put into may be known to others.
    #[error("{}: it {why}; delete it, and a new one is made", path.display())]
    NotOwn {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system has no random bytes.
    #[error("cannot make a secret: {0}")]
    System(io::Error),
    /// A secret of a file is none.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<BadSecret>,
    },
}

impl Secret {
    /// The shortest secret.
    pub const BYTES_MIN: usize = 32;
    /// The longest secret.
    pub const BYTES_MAX: usize = 4096;

    /// The secret that these bytes are, without white space around them.
    ///
    /// # Errors
    /// If it is too short or too long.
    pub fn new(bytes: &[u8]) -> Result<Self, BadSecret> {
        let bytes = bytes.trim_ascii();
        match bytes.len() {
            length if length < Self::BYTES_MIN => Err(BadSecret::Short(length)),
            length if length > Self::BYTES_MAX => Err(BadSecret::Long),
            _ => Ok(Self(bytes.into())),
        }
    }

    /// The secret in a file, without white space around it.
    ///
    /// # Errors
    /// If the file cannot be read, or what is in it is no secret.
    pub fn read(path: &Path) -> Result<Self, BadSecret> {
        let mut bytes = Vec::new();
        File::open(path)
            .inspect(|file| look_at(path, file))
            // With room for the white space.
            .and_then(|file| file.take(2 * Self::BYTES_MAX as u64).read_to_end(&mut bytes))
            .map_err(|source| BadSecret::Unreadable { path: path.into(), source })?;
        Self::new(&bytes)
            .map_err(|source| BadSecret::InFile { path: path.into(), source: source.into() })
    }

    /// The bytes. Not for logs, errors or comparisons.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the secret, in a time that tells nothing about it.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        let digest = |bytes: &[u8]| -> [u8; 32] { Sha256::digest(bytes).into() };
        digest(&self.0).ct_eq(&digest(given)).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn white_space_around_it_does_not_count() {
        let secret = Secret::new(format!(" \t{TEXT}\r\n").as_bytes()).expect("a secret");
        assert_eq!(secret.expose(), TEXT.as_bytes());
        assert!(secret.is(TEXT.as_bytes()));
        for other in ["", "0", &TEXT[1..], "0123456789abcdef0123456789abcdeF"] {
            assert!(!secret.is(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn what_is_no_secret_is_told_without_showing_it() {
        let short = Secret::new(b"  hunter2  ").expect_err("short").to_string();
        assert!(short.contains("7 bytes") && short.contains("32") && short.contains("openssl"));
        assert!(!short.contains("hunter2"));
        assert!(matches!(Secret::new(&[b'x'; 4097]), Err(BadSecret::Long)));
        let missing = Secret::read(Path::new("/nowhere/token")).expect_err("missing").to_string();
        assert!(missing.contains("/nowhere/token"), "{missing}");
        let debug = format!("{:?}", Secret::new(TEXT.as_bytes()).expect("a secret"));
        assert!(!debug.contains("0123"), "{debug}");
    }
}
