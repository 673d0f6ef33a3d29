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
    /// The thread ends by a fault of its own, which is a bug: nothing will be written any more.
    /// Whoever hears it can do nothing better than to end the process, and have the next one go on
    /// with what is on the disk.
    Ended {
        /// What went wrong, for whoever mends it.
        message: String,
    },
    /// Another server owns the journal, or what it had confirmed is lost: the thread ends, nothing of this
    /// server's will be durable any more, and nobody is to be told anything.
    Over {
        /// Why.
        message: String,
        /// Whether what was confirmed is lost.
        is_lost: bool,
    },
}
