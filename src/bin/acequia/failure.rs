//! Why a command that is a client has not done what it was to do, and the exit code that says so.

use std::io::Write as _;

use acequia::client::{ConnectError, ServerUrl};
use acequia_plain::plain;

use crate::login::remedy;
use crate::words::told;

/// The job failed, or its result could not be written, or not all of it is there.
pub(crate) const FAILED: u8 = 1;
/// What is to be sent is not to be had.
pub(crate) const USAGE: u8 = 2;
/// The server did not take it.
pub(crate) const REJECTED: u8 = 3;
/// There is no server, or it went.
pub(crate) const LOST: u8 = 4;

pub(crate) struct Failure(pub(crate) u8, pub(crate) String);

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// The command cannot be what it is asked to be.
    pub(crate) fn usage(error: &anyhow::Error) -> Self {
        Self(USAGE, told(error))
    }
}

/// There is no connection to the server.
pub(crate) fn unconnected(server: &ServerUrl, error: &ConnectError) -> Failure {
    let remedy = remedy(error, server.authority());
    Failure(LOST, format!("{error}{remedy}"))
}

/// Says something on standard error.
pub(crate) fn tell(text: &str) {
    // Much of it is what others wrote. Nobody is left to tell if standard error is gone.
    _ = writeln!(std::io::stderr().lock(), "acequia: {}", plain(text));
}
