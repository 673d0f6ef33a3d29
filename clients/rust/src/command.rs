//! What handles say to the task that owns the connection.

use std::sync::{Arc, Weak};

use acequia_wire::JobId;
use acequia_wire::client::Batch;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use crate::job_error::JobError;
use crate::job_event::JobEvent;
use crate::known::Known;
use crate::machine::NewJob;
use crate::mailbox::Mailbox;
use crate::told::Told;

#[derive(Debug)]
pub(crate) enum Command {
    /// In one message, as far as they fit.
    Submit(Vec<(NewJob, Handle)>),
    Watch(i64, JobId, Handle),
    Cancel(i64),
    /// Nobody wants to hear of what is watched any more.
    Forget(i64),
    AwaitBatch(i64, Box<str>, oneshot::Sender<Result<Batch, JobError>>),
    Subscribe(Arc<str>, Reader),
    /// Somebody who listened to it is gone.
    Unsubscribe(Arc<str>),
    /// Once what was submitted is accepted.
    Close,
}

/// The other end of a [`Job`](crate::Job).
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) known: watch::Sender<Known>,
    /// Gone if nobody reads what happens on the way.
    pub(crate) mailbox: Weak<Mailbox<JobEvent>>,
    /// Its place among the live jobs of the client.
    pub(crate) _place: OwnedSemaphorePermit,
}

impl Handle {
    pub(crate) fn tell(&self, job: Option<JobId>, event: JobEvent) {
        let is_accepted = matches!(event, JobEvent::Accepted { .. });
        self.known.send_if_modified(|known| {
            let is_new = (known.job.is_none() && job.is_some()) || is_accepted;
            known.job = known.job.or(job);
            known.is_accepted |= is_accepted;
            is_new
        });
        if let Some(mailbox) = self.mailbox.upgrade() {
            let (bytes, may_be_dropped) = (event.size(), event.may_be_dropped());
            mailbox.put(event.clone(), bytes, may_be_dropped);
        }
        if let JobEvent::Ended(outcome) = event {
            self.known.send_modify(|known| known.outcome = Some(outcome));
        }
    }

    pub(crate) fn miss(&self, events: u64) {
        self.mailbox.upgrade().inspect(|mailbox| mailbox.miss(events));
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.mailbox.upgrade().inspect(|mailbox| mailbox.end());
    }
}

/// The other end of a [`Subscription`](crate::Subscription).
#[derive(Debug)]
pub(crate) struct Reader(pub(crate) Weak<Mailbox<Told>>);

impl Reader {
    /// Whether anybody reads there.
    pub(crate) fn is_there(&self) -> bool {
        self.0.upgrade().is_some_and(|mailbox| !mailbox.is_over())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.upgrade().inspect(|mailbox| mailbox.end());
    }
}
