//! What a subscription is told: messages, or what stands in their place.

use std::sync::Arc;

use crate::data::Data;

/// What stands in place of messages.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// So many events were given up here, since too much waited to be read; those that the server gave up may
    /// have been of jobs, or of another topic.
    #[error("{events} events were given up, since too much waited to be read")]
    Missed {
        /// How many.
        events: u64,
    },
    /// The server does not tell this client. Nothing comes after it.
    #[error("the topic is not told: {message} ({code})")]
    Refused {
        /// Why, such as `forbidden`.
        code: Arc<str>,
        /// Why, for people.
        message: Arc<str>,
    },
}

/// What a mailbox of messages holds.
pub(crate) type Told = Result<Data, SubscriptionError>;
