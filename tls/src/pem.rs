//! Certificates and keys in files, and what may be wrong with them.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject as _};

/// A certificate or key that is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file of theirs is not what it should be.
    #[error("{}: {why}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("{} and {}: {source}; is the key that of the first certificate?", cert.display(), key.display())]
    Pair {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The certificates of this system cannot be read.
    #[error("no certificates of authorities on this system: {0}; name one with --ca-file")]
    System(String),
}

/// The certificates in a file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |error| bad_file(path, error, "certificate (`-----BEGIN CERTIFICATE-----`)");
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(bad)?;
    let all: Vec<_> = all;
    if all.is_empty() { Err(bad(pem::Error::NoItemsFound)) } else { Ok(all) }
}

pub(crate) fn bad_file(path: &Path, error: pem::Error, wanted: &str) -> BadTls {
    let why = match error {
        pem::Error::NoItemsFound => format!("no {wanted} in it"),
        pem::Error::Io(error) => error.to_string(),
        // What the file holds is not repeated: it may be a key.
        _ => "not PEM".to_owned(),
    };
    BadTls::InFile { path: path.into(), why }
}
