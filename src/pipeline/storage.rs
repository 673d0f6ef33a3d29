//! What the journal says, what that means for admission, and the journal's end.

use acequia_journal::Notice;
use acequia_scheduler::{Event, Time};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::input::Input;
use super::readiness::Readiness;
use super::{Pipeline, look_up};

impl Pipeline {
    pub(super) fn hear_journal(&mut self, now: Time, notice: Notice) {
        if let Some(event) = self.durability.hear(notice) {
            self.handle(now, event);
            self.mailboxes.durable(self.durability.durable());
        }
        if !self.durability.can_write() {
            // A client that is told now may be told again after a crash; one that is not told
            // waits for as long as the disk is full.
            self.mailboxes.release();
        }
    }

    /// No job is taken while its record cannot be written.
    pub(super) fn look_at_storage(&mut self, now: Time) {
        let fault = self.durability.fault();
        let event = match (&*self.readiness.borrow(), fault) {
            (Readiness::Ready, None) | (Readiness::Draining, _) => return,
            (Readiness::Storage(known), Some(why)) if known == why => return,
            (_, Some(_)) => Event::StorageFailed,
            (Readiness::Storage(_), None) => Event::StorageBack,
        };
        let readiness = fault.map_or(Readiness::Ready, |why| Readiness::Storage(why.to_owned()));
        self.readiness.send_replace(readiness);
        self.handle(now, event);
    }

    /// Waits until all is on the disk, and tells those whose jobs came there last.
    pub(super) async fn close_journal(&mut self, inbox: &mut mpsc::Receiver<Input>) {
        let closing = tokio::task::spawn_blocking(self.durability.close());
        tokio::pin!(closing);
        let closed = loop {
            tokio::select! {
                closed = &mut closing => break closed,
                Some(input) = inbox.recv() => self.hear_last(input),
            }
        };
        while let Ok(input) = inbox.try_recv() {
            self.hear_last(input);
        }
        let now = self.clock.time_of(Instant::now());
        self.mailboxes.flush(&look_up(&self.scheduler, now));
        if let Ok(Err(error)) = closed {
            tracing::error!(why = %error, "what came last is not in the journal; none of it was accepted");
        }
    }

    fn hear_last(&mut self, input: Input) {
        if let Input::Journal(notice) = input {
            let instant = Instant::now();
            self.hear_journal(self.clock.time_of(instant), notice);
            self.act(instant);
        }
    }
}
