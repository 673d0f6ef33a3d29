//! What the journal says, what that means for admission, and the journal's end.

use std::time::Duration;

use acequia_journal::Notice;
use acequia_scheduler::{Event, Time};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::durability::SILENT;
use super::input::Input;
use super::readiness::Readiness;
use super::{Pipeline, TAKEN, look_up};

/// How long the database may take to say whether the lease still holds.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(4);
/// How long a stopping server waits for the journal's disk.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(30);

impl Pipeline {
    pub(super) fn hear_journal(&mut self, now: Time, instant: Instant, notice: Notice) {
        if matches!(notice, Notice::Durable { .. })
            && let Some(took) = self.durability.take_group_time(instant)
        {
            self.metrics.group_written(took);
        }
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
        if !self.durability.can_write() && !self.durability.is_shared() {
            // A client that is told now may be told again after a crash; one that is not told
            // waits for as long as the disk is full.
            self.mailboxes.release();
        }
    }

    /// This process may have stood still for so long that another server has taken over: until it is known,
    /// nobody is told anything and nothing is begun. It is known at once, unless the database is away.
    pub(super) async fn settle_question(
        &mut self,
        inbox: &mut mpsc::Receiver<Input>,
        inputs: &mut Vec<Input>,
    ) {
        let until = Instant::now() + QUESTION_TIME_MAX;
        while self.durability.is_in_question() && self.durability.over().is_none() {
            tokio::select! {
                () = self.durability.renewed() => {}
                input = inbox.recv(), if inputs.len() < TAKEN => match input {
                    Some(Input::Journal(notice)) => {
                        let instant = Instant::now();
                        self.hear_journal(self.clock.time_of(instant), instant, notice);
                    }
                    Some(input) => inputs.push(input),
                    None => return,
                },
                () = tokio::time::sleep_until(until) => self.durability.asked_in_vain(),
            }
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
