//! What the journal says, what that means for admission, and the journal's end.

use std::time::Duration;

use acequia_journal::Notice;
use acequia_scheduler::{Event, Time};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::durability::SILENT;
use super::input::Input;
use super::readiness::Readiness;
use super::{Pipeline, look_up};

/// How long a stopping server waits for the journal's disk.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(30);

impl Pipeline {
    pub(super) fn hear_journal(&mut self, now: Time, instant: Instant, notice: Notice) {
        if let Some(event) = self.durability.hear(notice, instant) {
            self.handle(now, event);
            self.mailboxes.durable(self.durability.durable());
        }
        self.release_if_unwritable();
    }

    /// Has what gathered written when it is time, and looks whether the disk answers.
    pub(super) fn look_at_journal(&mut self, now: Time, instant: Instant) {
        if let Some(durable) = self.durability.commit_if_due(instant) {
            self.handle(now, durable);
            self.act(instant);
        }
        if self.durability.look(instant) {
            self.release_if_unwritable();
        }
    }

    fn release_if_unwritable(&mut self) {
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
        // Not one of the runtime's threads: a disk that does not answer would hold up its end too.
        let (tell, mut closing) = oneshot::channel();
        let close = self.durability.close();
        let thread = std::thread::Builder::new().name("journal-end".to_owned());
        let started = thread.spawn(move || _ = tell.send(close()));
        let until = Instant::now() + CLOSE_TIME_MAX;
        let closed = loop {
            tokio::select! {
                closed = &mut closing => break closed.ok(),
                Some(input) = inbox.recv() => self.hear_last(input),
                () = tokio::time::sleep_until(until) => break None,
            }
        };
        while let Ok(input) = inbox.try_recv() {
            self.hear_last(input);
        }
        let now = self.clock.time_of(Instant::now());
        self.mailboxes.flush(&look_up(&self.scheduler, now));
        let why = match (closed, started) {
            (Some(Ok(())), _) => return,
            (Some(Err(error)), _) => error.to_string(),
            (None, Err(error)) => error.to_string(),
            (None, Ok(_)) => SILENT.to_owned(),
        };
        tracing::error!(%why, "the last records are not in the journal; none of them was accepted");
    }

    fn hear_last(&mut self, input: Input) {
        if let Input::Journal(notice) = input {
            let instant = Instant::now();
            self.hear_journal(self.clock.time_of(instant), instant, notice);
            self.act(instant);
        }
    }
}
