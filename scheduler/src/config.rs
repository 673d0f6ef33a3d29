//! What the operator decides.

use acequia_wire::Limits;

/// The scheduler's settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// What clients may do.
    pub limits: Limits,
    /// Where the jitter of retries starts from.
    pub seed: u64,
}
