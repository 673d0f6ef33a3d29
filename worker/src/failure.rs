//! Why a job failed.

use std::fmt;

use acequia_wire::limits::{FAIL_CODE_BYTES_MAX, TEXT_BYTES_MAX};

/// A failed run of a job: what the client sees, and whether another attempt may help.
///
/// Any [`std::error::Error`] becomes one with `?`: its text and those of its sources are the
/// message, it has no code of its own (the client then sees `worker_error`), and it may be tried
/// again. That is why this is no [`std::error::Error`] itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The worker's own code, which a client may act on, such as `no_such_file`. At most 64
    /// bytes of it reach the client; without one the client sees `worker_error`.
    pub code: Option<String>,
    /// What happened, for people. At most 4 KiB of it reach the client.
    pub message: String,
    /// Whether another attempt may help. The client says how many it allows.
    pub retry: bool,
}

impl Failure {
    /// A failure with a code, worth another attempt.
    pub fn new(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { code: Some(code.into()), message: message.to_string(), retry: true }
    }

    /// A failure that has only a text, worth another attempt. For what is no
    /// [`std::error::Error`]: `.map_err(Failure::message)?` takes a string or an
    /// `anyhow::Error`.
    pub fn message(message: impl fmt::Display) -> Self {
        Self { code: None, message: message.to_string(), retry: true }
    }

    /// A failure that no further attempt can mend, such as a payload that makes no sense.
    pub fn permanent(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { code: Some(code.into()), message: message.to_string(), retry: false }
    }

    /// What a handler says that stopped because [its job was cancelled](crate::Job::cancelled).
    pub fn cancelled() -> Self {
        Self::permanent("cancelled", "the job was cancelled")
    }

    /// Code and message, cut to what the protocol carries.
    pub(crate) fn into_parts(self) -> (Option<String>, String, bool) {
        let code = self.code.map(|code| cut(code, FAIL_CODE_BYTES_MAX));
        (code, cut(self.message, TEXT_BYTES_MAX), self.retry)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::message(message)
    }
}

/// `text`, cut to at most `max` bytes between two characters.
pub(crate) fn cut(mut text: String, max: usize) -> String {
    text.truncate(text.floor_char_boundary(max));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not open the atlas")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_tells_its_sources() {
        let error = Outer(std::io::Error::other("the disk is gone"));
        let failure = Failure::from(error);
        assert_eq!(failure.message, "could not open the atlas: the disk is gone");
        assert_eq!((failure.code, failure.retry), (None, true));
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let failure = Failure::new("é".repeat(40), "é".repeat(4000));
        let (code, message, _) = failure.into_parts();
        assert_eq!(code.map(|code| code.len()), Some(64));
        assert_eq!(message.len(), 4096);
        assert_eq!(cut("aé".to_owned(), 2), "a");
    }
}
