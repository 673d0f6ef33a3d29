//! Where the owner may be.

use std::fmt;
use std::sync::Arc;

use acequia_link::{Fault, Hello, Link, LinkError, LinkTrust, Refused, Welcome};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use crate::access::Secret;
use crate::pipeline::Input;

/// What a link goes over.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Io for S {}

/// Takes in a connection of a link in this very process, unless the owner here is over.
pub(crate) type TakeIn = Arc<dyn Fn(Hello) -> Option<(Link<Box<dyn Io>>, Welcome)> + Send + Sync>;

/// Where an owner is.
#[derive(Clone)]
pub(crate) enum Target {
    /// At `HOST:PORT`.
    There(String),
    /// In this process.
    Here(Within),
}

/// An owner in the same process.
#[derive(Clone)]
pub(crate) struct Within {
    pub(crate) take_in: TakeIn,
    /// Whom to ask what is true of the owner.
    pub(crate) inbox: mpsc::Sender<Input>,
}

/// What a door has to show, and whom it believes.
#[derive(Clone)]
pub(crate) struct LinkKeys {
    pub(crate) token: Secret,
    pub(crate) trust: LinkTrust,
}

impl Target {
    /// Whether it is the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::There(one), Self::There(other)) => one == other,
            (Self::Here(one), Self::Here(other)) => one.inbox.same_channel(&other.inbox),
            _ => false,
        }
    }

    /// Where its owner is asked, if it is in this process.
    pub(super) fn inbox(&self) -> Option<mpsc::Sender<Input>> {
        match self {
            Self::There(_) => None,
            Self::Here(within) => Some(within.inbox.clone()),
        }
    }

    /// Opens a connection of a link.
    pub(super) async fn open(
        &self,
        hello: Hello,
        keys: &LinkKeys,
    ) -> Result<(Link<Box<dyn Io>>, Welcome), LinkError> {
        match self {
            Self::There(address) => {
                let (link, welcome) =
                    acequia_link::dial(address, &keys.trust, hello, keys.token.expose()).await?;
                let io: Box<dyn Io> = Box::new(link.into_io());
                Ok((Link::new(io, address.clone()), welcome))
            }
            Self::Here(within) => (within.take_in)(hello).ok_or_else(|| {
                let fault = Fault::RefusedUs(Refused::NotOwner { owner: None });
                LinkError { peer: self.to_string(), fault }
            }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There(address) => f.write_str(address),
            Self::Here(_) => f.write_str("this server"),
        }
    }
}
