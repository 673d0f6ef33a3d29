//! How far the wait for workers that hold jobs from before a takeover is.

use crate::config::Config;

/// Whether jobs that the journal kept wait for their workers, and runs of others for their submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// What was may come back, and waits.
    Recovering,
    /// They wait until the timer is due.
    On,
    /// They wait no longer, or were never to.
    Over,
}

impl Adoption {
    /// How it begins.
    pub(crate) fn of(config: &Config) -> Self {
        if config.adoption.is_zero() { Self::Over } else { Self::Recovering }
    }

    /// Whether they wait.
    pub(crate) fn is_on(self) -> bool {
        matches!(self, Self::Recovering | Self::On)
    }
}
