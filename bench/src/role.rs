//! What a process of the bench can be, and what is known of it on both sides.

use std::time::Duration;

/// How long a job of a [`Role::Counter`] takes.
pub(crate) const COUNTER_TIME: Duration = Duration::from_millis(1);

/// What the bench says to a [`Role::Holder`].
pub(crate) const HOLD: u8 = b'h';
pub(crate) const RELEASE: u8 = b'r';

/// What a process is that a bench starts.
///
/// The bench writes such a role into the command line of the process, so how it is read there is
/// said here, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// A bare WebSocket server that sends back what it gets.
    Echo,
    /// The same with the settings that the library and the runtime have by default.
    PlainEcho,
    /// A gateway as it is glued in an afternoon.
    Naive,
    /// A worker that returns the payload.
    Worker,
    /// A worker that sleeps for as many milliseconds as the payload says, and returns how many
    /// microseconds it slept.
    Sleeper,
    /// A worker that returns the payload, but only while it is not told to hold its jobs, as it is
    /// at first.
    Holder,
    /// A worker that sleeps for a millisecond, and returns how many jobs it began before this one.
    Counter,
}

impl Role {
    /// Its name on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::PlainEcho => "plain-echo",
            Self::Naive => "naive",
            Self::Worker => "worker",
            Self::Sleeper => "sleeper",
            Self::Holder => "holder",
            Self::Counter => "counter",
        }
    }
}
