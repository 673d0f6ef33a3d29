//! Why a client does not begin.

use std::convert::Infallible;

use crate::call::Fault;
use crate::connect::ConnectError;
use crate::url::BadServerUrl;

/// Why a client does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no such URL.
    #[error(transparent)]
    Url(#[from] BadServerUrl),
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Whoever makes tokens made none.
    #[error("there is no token: {0}")]
    Token(Fault),
    /// The connection ended before the server had greeted.
    #[error("the server has not greeted: {0}")]
    Ended(String),
}

impl From<Infallible> for StartError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
