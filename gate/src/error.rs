//! Why a gate could not be bound. All of these are the operator's to mend, and say how.

use std::io;
use std::path::PathBuf;

use crate::endpoint::Endpoint;
use crate::unix::SocketError;

/// A gate could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// Another program listens there, or one that just ended still holds the port.
    #[error(
        "{endpoint} is in use by another program: stop it, or choose another port (port 0 lets \
         the system choose)"
    )]
    InUse {
        /// What was to be bound.
        endpoint: Endpoint,
    },
    /// The system does not allow it.
    #[error(
        "{endpoint} may not be bound by this user: choose a port above 1023, or a path in a \
         directory that this user may write to"
    )]
    Denied {
        /// What was to be bound.
        endpoint: Endpoint,
    },
    /// The address is not one of this host.
    #[error("{endpoint} is not an address of this host: use 127.0.0.1, one of its addresses, or *")]
    NotLocal {
        /// What was to be bound.
        endpoint: Endpoint,
    },
    /// The host name has no address.
    #[error("the host name in {endpoint} cannot be resolved ({source}): use an IP address")]
    Unresolved {
        /// What was to be bound.
        endpoint: Endpoint,
        /// What the resolver said.
        source: io::Error,
    },
    /// Another process listens at this path.
    #[error("another process listens at {endpoint}: stop it, or choose another path")]
    LiveSocket {
        /// What was to be bound.
        endpoint: Endpoint,
    },
    /// There is a file at this path and it is no socket, so it is left alone.
    #[error("{endpoint} exists and is not a socket: remove it, or choose another path")]
    NotASocket {
        /// What was to be bound.
        endpoint: Endpoint,
    },
    /// Anything else.
    #[error("{endpoint} cannot be bound: {source}")]
    Bind {
        /// What was to be bound.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// No directory for the private sockets.
    #[error(
        "no private sockets can be made below {} ({source}): point TMPDIR to a writable directory \
         with a short path",
        parent.display()
    )]
    PrivateDirectory {
        /// Where the directory was to be.
        parent: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl GateError {
    /// The error of a failed bind of `endpoint`.
    pub(crate) fn of_bind(endpoint: &Endpoint, source: io::Error) -> Self {
        let endpoint = endpoint.clone();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { endpoint },
            io::ErrorKind::PermissionDenied => Self::Denied { endpoint },
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { endpoint },
            _ => Self::Bind { endpoint, source },
        }
    }

    /// The error of a socket of `endpoint` that is not to be had.
    pub(crate) fn of_socket(endpoint: &Endpoint, error: SocketError) -> Self {
        match error {
            SocketError::Live { .. } => Self::LiveSocket { endpoint: endpoint.clone() },
            SocketError::NotASocket { .. } => Self::NotASocket { endpoint: endpoint.clone() },
            // Who made the endpoint saw to its length.
            SocketError::TooLong { .. } => Self::of_bind(endpoint, io::Error::other(error)),
            SocketError::System { source, .. } => Self::of_bind(endpoint, source),
        }
    }
}
