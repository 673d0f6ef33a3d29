//! The thread that writes.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::error::NotWritten;
use crate::group::Group;
use crate::notice::Notice;

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A group to write, and to give back.
    Write(Group),
    /// The last group.
    Close(Group),
}

/// Owns what is written to.
pub(crate) struct Keeper<N> {
    engine: Engine,
    clock: Clock,
    reported: u64,
    /// The last group, once it has come.
    last: Option<Group>,
    closing: bool,
    /// Dropped last: whoever sees it go knows that the file is free.
    notify: N,
}

impl<N: FnMut(Notice)> Keeper<N> {
    pub(crate) fn new(engine: Engine, clock: Clock, notify: N) -> Self {
        Self { engine, clock, reported: 0, last: None, closing: false, notify }
    }

    /// Runs until it is closed, or nobody is left who could tell it anything.
    pub(crate) fn run(
        mut self,
        messages: &Receiver<Message>,
        back: &SyncSender<Group>,
    ) -> Result<(), NotWritten> {
        while !self.closing {
            match self.next(messages) {
                Ok(Message::Write(mut group)) => {
                    self.write(&group, messages)?;
                    let up_to = group.up_to;
                    group.clear();
                    // The other end may be gone. The group goes back before the notice, so that
                    // whoever gets the notice can hand the next one over.
                    _ = back.try_send(group);
                    self.report(up_to);
                }
                Ok(Message::Close(group)) => {
                    self.closing = true;
                    self.last = Some(group);
                }
                Err(RecvTimeoutError::Timeout) => self.write(&Group::default(), messages)?,
                Err(RecvTimeoutError::Disconnected) => self.closing = true,
            }
        }
        let Some(group) = self.last.take() else { return Ok(()) };
        self.write(&group, messages)?;
        if !group.is_empty() {
            self.report(group.up_to);
        }
        self.engine.let_go();
        Ok(())
    }

    /// Waits for a message, or until outcomes have to leave.
    fn next(&self, messages: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match self.engine.leave_at_ms() {
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => {
                let wait = Duration::from_millis(at.saturating_sub((self.clock)()));
                messages.recv_timeout(wait)
            }
        }
    }

    /// Also after a group without a ticket: the next one may wait to be handed over.
    fn report(&mut self, up_to: Option<u64>) {
        self.reported = self.reported.max(up_to.unwrap_or(0));
        (self.notify)(Notice::Durable { up_to: self.reported });
    }

    /// Writes a group, as often as it takes; when closing, once.
    fn write(&mut self, group: &Group, messages: &Receiver<Message>) -> Result<(), NotWritten> {
        let leaving = self.engine.leave_at_ms();
        if !group.has_writes() && leaving.is_none_or(|at| at > (self.clock)()) {
            return Ok(());
        }
        let mut said = None;
        let mut wait_ms = self.engine.options().retry_ms_min;
        loop {
            let why = match self.engine.write(group, (self.clock)()) {
                Ok(()) => break,
                Err(fault) => fault.to_string(),
            };
            if said.as_ref() != Some(&why) {
                (self.notify)(Notice::Failed { message: why.clone() });
            }
            if self.closing {
                return Err(NotWritten { why });
            }
            said = Some(why);
            self.wait(Duration::from_millis(wait_ms), messages);
            wait_ms = (wait_ms * 2).min(self.engine.options().retry_ms_max);
        }
        if said.is_some() {
            (self.notify)(Notice::Resumed);
        }
        Ok(())
    }

    /// Waits before the next try; less if the end comes.
    fn wait(&mut self, time: Duration, messages: &Receiver<Message>) {
        match messages.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.closing = true,
            // While a group is in flight no other is handed over but the last.
            Ok(Message::Write(group) | Message::Close(group)) => {
                self.closing = true;
                self.last = Some(group);
            }
        }
    }
}
