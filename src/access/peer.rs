//! Who is at the other end of a connection, as far as that can be known.

use std::fmt;
use std::net::IpAddr;

/// Who is at the other end of a connection, or for whom a trusted proxy says that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// Somebody at this address.
    Address(IpAddr),
    /// A process of this user of this machine, by a unix socket.
    User(u32),
}

/// What the text of a user begins with.
const USER: &str = "unix:user=";

impl Peer {
    /// What this text is of.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(USER) {
            Some(user) => user.parse().ok().map(Self::User),
            None => text.parse().ok().map(Self::Address),
        }
    }

    /// The same, where an address of IPv4 that is written as one of IPv6 is one of IPv4.
    #[must_use]
    pub(crate) fn canonical(self) -> Self {
        match self {
            Self::Address(address) => Self::Address(address.to_canonical()),
            Self::User(_) => self,
        }
    }
}

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::User(user) => write!(f, "{USER}{user}"),
        }
    }
}
