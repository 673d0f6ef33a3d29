//! How far the wait for workers that hold jobs from before a takeover is.

/// Whether jobs that the journal kept wait for their workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Adoption {
    /// The journal has kept none so far, or they are not to wait.
    #[default]
    None,
    /// They come back, and wait.
    Recovering,
    /// They wait until the timer is due.
    On,
    /// They wait no longer.
    Over,
}

impl Adoption {
    /// Whether they wait.
    pub(crate) fn is_on(self) -> bool {
        matches!(self, Self::Recovering | Self::On)
    }
}
