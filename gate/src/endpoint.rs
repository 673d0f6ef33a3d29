//! Endpoints as workers write them: `tcp://HOST:PORT` and `ipc://PATH`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::unix::PATH_BYTES_MAX;

/// Where a gate listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `tcp://HOST:PORT`, where HOST is an IPv4 address, an IPv6 address in brackets, a host name,
    /// or `*` for all IPv4 addresses of this host, and port 0 lets the system choose.
    Tcp {
        /// As it was written, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// `ipc:///absolute/path` or `ipc://relative/path`: a socket file that only this user may
    /// open.
    Ipc {
        /// The path.
        path: PathBuf,
    },
    /// `ipc://@name`: Linux's abstract namespace. There is no file and there are no permissions:
    /// any user of this host may connect.
    Abstract {
        /// The name, without `@`.
        name: String,
    },
}

/// An endpoint that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{given:?} is not an endpoint: {why}; write tcp://HOST:PORT (tcp://127.0.0.1:5557) or ipc://PATH (ipc:///run/acequia/jobs.sock)"
)]
pub struct EndpointError {
    given: String,
    why: &'static str,
}

impl Endpoint {
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(given: &str) -> Result<Self, EndpointError> {
        let parsed = match given.split_once("://") {
            Some(("tcp", rest)) => parse_tcp(rest),
            Some(("ipc", rest)) => parse_ipc(rest),
            Some(_) => Err("the transport is neither tcp nor ipc"),
            None => Err("there is no transport"),
        };
        parsed.map_err(|why| EndpointError { given: given.to_owned(), why })
    }
}

fn parse_tcp(rest: &str) -> Result<Endpoint, &'static str> {
    let (host, port) = rest.rsplit_once(':').ok_or("there is no port")?;
    // `parse` would allow a sign.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    let port = port.parse().map_err(|_| "the port is not a number from 0 to 65535")?;
    let host = match host.strip_prefix('[').map(|host| host.strip_suffix(']')) {
        Some(Some(address)) if address.parse::<Ipv6Addr>().is_ok() => address,
        Some(_) => return Err("between the brackets there is no IPv6 address"),
        None if host.is_empty() => return Err("there is no host (use * for all addresses)"),
        None if host.contains(':') => return Err("an IPv6 address needs brackets"),
        None if host.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            && host.parse::<Ipv4Addr>().is_err() =>
        {
            return Err("the host is not an IPv4 address");
        }
        None if host != "*" && !host.bytes().all(is_of_host_name) => {
            return Err("the host name holds a character that no host name may");
        }
        None => host,
    };
    Ok(Endpoint::Tcp { host: host.to_owned(), port })
}

const fn is_of_host_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn parse_ipc(rest: &str) -> Result<Endpoint, &'static str> {
    if rest.is_empty() || rest == "@" {
        return Err("there is no path");
    }
    if rest.len() > PATH_BYTES_MAX {
        return Err("the path is longer than the 107 bytes that a socket may have");
    }
    if rest.contains('\0') {
        return Err("the path holds a zero byte");
    }
    Ok(match rest.strip_prefix('@') {
        Some(name) => Endpoint::Abstract { name: name.to_owned() },
        None => Endpoint::Ipc { path: PathBuf::from(rest) },
    })
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
            Self::Ipc { path } => write!(f, "ipc://{}", path.display()),
            Self::Abstract { name } => write!(f, "ipc://@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_reads_back_as_it_was_written() {
        for text in [
            "tcp://127.0.0.1:5557",
            "tcp://*:0",
            "tcp://[::1]:65535",
            "tcp://[::]:0",
            "tcp://localhost:1",
            "tcp://jobs-1.example_net:80",
            "ipc:///run/acequia/jobs.sock",
            "ipc://jobs.sock",
            "ipc://@acequia",
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_is_named_with_the_reason_and_an_example() {
        for (text, why) in [
            ("", "no transport"),
            ("127.0.0.1:5557", "no transport"),
            ("udp://127.0.0.1:5557", "neither tcp nor ipc"),
            ("TCP://127.0.0.1:5557", "neither tcp nor ipc"),
            ("tcp://127.0.0.1", "no port"),
            ("tcp://127.0.0.1:", "port is not a number"),
            ("tcp://127.0.0.1:+1", "port is not a number"),
            ("tcp://127.0.0.1:65536", "from 0 to 65535"),
            ("tcp://:5557", "no host"),
            ("tcp://127.0.0.256:5557", "not an IPv4 address"),
            ("tcp://::1:5557", "needs brackets"),
            ("tcp://[::1:5557", "no IPv6 address"),
            ("tcp://[localhost]:5557", "no IPv6 address"),
            ("tcp://a b:5557", "no host name may"),
            ("ipc://", "no path"),
            ("ipc://@", "no path"),
            ("ipc://a\0b", "zero byte"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?} gave: {error}");
            assert!(error.contains(&format!("{text:?}")) && error.contains("tcp://127.0.0.1:5557"));
        }
        let long = format!("ipc://{}", "a".repeat(PATH_BYTES_MAX + 1));
        assert!(long.parse::<Endpoint>().unwrap_err().to_string().contains("107"));
    }
}
