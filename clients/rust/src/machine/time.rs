//! The clock of the machine, which it is told.

/// Milliseconds since the client began.
pub(crate) type Ms = u64;

/// Until what the server did not take is said again, where it names no time.
pub(super) const AGAIN_MS: Ms = 1_000;
