//! What is said when a command does not do what it was told.

use std::io::Write as _;
use std::process::ExitCode;

use acequia_plain::plain_lines;

use crate::words::told;

/// The exit code of wrong usage.
const USAGE: u8 = 2;

/// Why a command did not do what it was told.
pub(crate) enum Refusal {
    /// What clap says of the command line, which may be its help; and a note on it.
    Usage(Box<clap::Error>, String),
    /// Another mistake in what it was told, such as a file that is not as it should be.
    Mistake(anyhow::Error),
    /// It tried, and failed; with a note on that.
    Failure(anyhow::Error, String),
}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Self::Usage(Box::new(error), String::new())
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        Self::Mistake(error)
    }
}

impl Refusal {
    /// Says it; returns the exit code that goes with it.
    pub(crate) fn tell(&self) -> ExitCode {
        let err = &mut std::io::stderr();
        // Nobody is left to tell if it cannot be written.
        match self {
            Self::Usage(error, note) => {
                _ = error.print();
                _ = write!(err, "{note}");
                u8::try_from(error.exit_code()).unwrap_or(USAGE).into()
            }
            Self::Mistake(error) => {
                _ = writeln!(err, "acequia: {}", plain_lines(told(error)));
                USAGE.into()
            }
            Self::Failure(error, note) => {
                _ = write!(err, "acequia: {}\n{note}", plain_lines(told(error)));
                ExitCode::FAILURE
            }
        }
    }
}
