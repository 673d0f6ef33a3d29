//! A payload that makes no sense.

use crate::failure::Failure;

/// The failure of a job whose payload makes no sense, which no further attempt can mend.
pub(super) fn bad_input(why: impl std::fmt::Display) -> Failure {
    Failure::permanent("bad_input", why)
}
