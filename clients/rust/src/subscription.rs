//! Tolds on a topic, as they come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::command::Command;
use crate::mailbox::{Mailbox, Read};
use crate::told::{SubscriptionError, Told};

/// The messages on a topic, from [`Acequia::subscribe`](crate::Acequia::subscribe). It goes on over lost
/// connections; what was published meanwhile is told if the session could be resumed. To drop it is to unsubscribe.
///
/// Where nobody reads them, at most 1,000 messages and 16 MiB are kept, and 64 MiB of all jobs and
/// subscriptions of the client.
#[derive(Debug)]
#[must_use = "to drop it is to unsubscribe"]
pub struct Subscription {
    pub(crate) topic: Arc<str>,
    pub(crate) mailbox: Arc<Mailbox<Told>>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
}

impl Subscription {
    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

impl Stream for Subscription {
    type Item = Told;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Told>> {
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
