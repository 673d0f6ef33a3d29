//! Why runs become void.

/// VoidReason a run is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VoidReason {
    /// Its client, or an operator, did not want the job any more.
    Cancelled,
    /// It took longer than the job's `timeout_ms`.
    Timeout,
    /// The worker was silent for longer than its lease.
    Lost,
    /// The worker said something of it that was not as it should be.
    BadMessage,
    /// The worker has it from before another server was in charge, and the job does not wait for
    /// it.
    Takeover,
}

impl VoidReason {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 5] =
        [Self::Cancelled, Self::Timeout, Self::Lost, Self::BadMessage, Self::Takeover];

    /// The word for it, in metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::BadMessage => "bad_message",
            Self::Takeover => "takeover",
        }
    }
}
