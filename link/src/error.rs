//! What may be wrong with a link.

use std::io;

use acequia_wire::record::BadRecord;

use crate::codec::BadFrame;
use crate::handshake::{HANDSHAKE_TIME_MAX, Refused, TOKEN_BYTES_MIN};

/// A connection of a link that there is not, or not any more.
#[derive(Debug, thiserror::Error)]
#[error("the link with {peer}: {fault}")]
pub struct LinkError {
    /// Who is at the other end.
    pub peer: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a connection of a link.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// What should be its address is none.
    #[error("that is no address; one is HOST:PORT")]
    Address,
    /// The token is none.
    #[error(
        "the token of the cluster has {0} bytes and needs at least {TOKEN_BYTES_MIN}; make one: openssl rand -hex 32"
    )]
    ShortToken(usize),
    /// Nobody is there.
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    /// There is no TLS.
    #[error("TLS with it fails: {0}; does that address answer links (--link-listen)?")]
    Tls(io::Error),
    /// It shows a certificate that proves nothing.
    #[error(
        "its certificate is not believed: {0}; --link-ca names the authority that signed it, and the certificate the host that is dialled"
    )]
    Certificate(rustls::CertificateError),
    /// It takes too long to begin.
    #[error("it was not ready after {} s", HANDSHAKE_TIME_MAX.as_secs())]
    Slow,
    /// What it says first is not how links begin.
    #[error("it does not speak as links do: {0}; is it an Acequia of another age?")]
    Foreign(#[from] BadHandshake),
    /// It does not take this door.
    #[error("it refuses this door: {0}")]
    RefusedUs(Refused),
    /// The door was not taken.
    #[error("the door is refused: {}", .0.of_door())]
    RefusedIt(Refused),
    /// It does not know the token, or it is not whom it is talked to through.
    #[error(
        "it does not prove that it knows the token: it has another, or somebody sits between; give both the same --cluster-token-file"
    )]
    Unproven,
    /// The connection broke.
    #[error("it broke: {0}")]
    Broken(#[source] io::Error),
    /// The connection ended where it should not.
    #[error("it ended in the middle")]
    Cut,
    /// What it says is no frame.
    #[error("it says what cannot be understood: {0}; are both of versions that go together?")]
    Frame(#[from] BadFrame),
    /// The system gives no random bytes.
    #[error("cannot begin one: {0}")]
    System(getrandom::Error),
}

/// What is wrong with a message of the handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHandshake {
    /// It begins with something else.
    #[error("its first words are none")]
    Magic,
    /// More than a handshake may have.
    #[error("a message of {0} bytes, more than there may be")]
    TooLong(usize),
    /// Fields are not as they should be.
    #[error("a message of which {0}")]
    Fields(#[from] BadRecord),
    /// A version that was not asked for.
    #[error("it wants to speak version {0}, which was not offered")]
    Version(u16),
}

impl From<BadRecord> for Fault {
    fn from(why: BadRecord) -> Self {
        BadHandshake::Fields(why).into()
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut,
            _ => Self::Broken(error),
        }
    }
}

impl Fault {
    pub(crate) fn with(self, peer: &str) -> LinkError {
        LinkError { peer: peer.to_owned(), fault: self }
    }
}
