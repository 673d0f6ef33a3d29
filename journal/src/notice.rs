//! What the thread that writes has to say.

/// What the thread that writes has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A group is on the disk. All jobs of this writer up to this ticket are, or had ended before
    /// they came there.
    Durable {
        /// The ticket; never lower than the one before, and 0 while no job came.
        up_to: u64,
    },
    /// Nothing can be written. It is tried again, by itself, and nothing that was accepted is
    /// lost meanwhile. Said once, and again when the reason changes.
    Failed {
        /// Why, and what to do, for the operator.
        message: String,
    },
    /// What could not be written now is.
    Resumed,
}
