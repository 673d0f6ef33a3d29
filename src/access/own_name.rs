//! Names that the server is called by.

use std::net::IpAddr;
use std::str::FromStr;

/// Bytes of a name of the DNS.
const BYTES_MAX: usize = 253;

/// A host name, without a port, in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnName(String);

/// A text that is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a host name; write what an address has between // and : or /, such as jobs.example"
)]
pub struct BadOwnName(String);

impl FromStr for OwnName {
    type Err = BadOwnName;

    fn from_str(text: &str) -> Result<Self, BadOwnName> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let fits = (1..=BYTES_MAX).contains(&name.len())
            && name.bytes().all(of_name)
            && name.split('.').all(|label| !label.is_empty());
        fits.then(|| Self(name.to_ascii_lowercase())).ok_or_else(|| BadOwnName(text.into()))
    }
}

impl OwnName {
    pub(super) fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name.strip_suffix('.').unwrap_or(name))
    }
}

/// Whether nobody can have made this name point here: an address, or one that means this machine
/// itself wherever it is asked for.
pub(super) fn is_nobodys(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_in_any_letters() {
        let name: OwnName = "Jobs.Example.".parse().expect("a name");
        for same in ["jobs.example", "JOBS.example", "jobs.example."] {
            assert!(name.is(same), "{same}");
        }
        for other in ["example", "a.jobs.example", "jobs.example.evil", ""] {
            assert!(!name.is(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_name_is_told() {
        let long = "a".repeat(254);
        for text in
            ["", ".", "a..b", "https://jobs.example", "jobs.example:80", "a/b", "*.a", "a b", &long]
        {
            let error = text.parse::<OwnName>().expect_err(text).to_string();
            assert!(error.contains("such as jobs.example"), "{error}");
        }
    }

    #[test]
    fn addresses_and_localhost_are_nobodys() {
        for name in ["127.0.0.1", "::1", "192.168.1.7", "localhost", "a.LOCALHOST", "localhost."] {
            assert!(is_nobodys(name), "{name}");
        }
        for name in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example"] {
            assert!(!is_nobodys(name), "{name}");
        }
    }
}
