//! Messages on a topic, as they come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::command::Command;
use crate::data::Data;
use crate::mailbox::{Mailbox, Read};

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

/// The messages on a topic, from [`Acequia::subscribe`](crate::Acequia::subscribe). It goes on over lost
/// connections; what was published meanwhile is told if the session could be resumed. To drop it is to unsubscribe.
///
/// Where nobody reads them, at most 1,000 messages and 16 MiB are kept, and 64 MiB of all jobs and
/// subscriptions of the client.
#[derive(Debug)]
#[must_use = "to drop it is to unsubscribe"]
pub struct Subscription {
    pub(crate) topic: Arc<str>,
    pub(crate) mailbox: Arc<Mailbox<Message>>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

/// What a mailbox of messages holds.
pub(crate) type Message = Result<Data, SubscriptionError>;

impl Subscription {
    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.mailbox.poll(cx).map(|read| {
            read.map(|read| match read {
                Read::Item(message) => message,
                Read::Missed(events) => Err(SubscriptionError::Missed { events }),
            })
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.mailbox.abandon();
        _ = self.commands.send(Command::Unsubscribe(Arc::clone(&self.topic)));
    }
}
