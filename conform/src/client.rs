//! Judges a client library.
pub use crate::case::Only;
use crate::report::Report;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

/// What is judged, and how.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The client program and its arguments.
    pub command: Vec<OsString>,
    /// The rules that are asked about.
    pub only: Only,
    /// How long anything that must come may take.
    pub time_max: Duration,
    /// Whether cases that take more than half a minute are run.
    pub slow: bool,
    /// A fixed address, for a program that cannot be told.
    pub listen: Option<SocketAddr>,
    /// How many cases go on at one time; one with a fixed address.
    pub at_once: usize,
}

/// Leads the client.
///
/// # Errors
/// If it cannot be started.
pub async fn judge(_setup: Setup) -> anyhow::Result<Report> {
    anyhow::bail!("not there yet")
}
