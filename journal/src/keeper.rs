//! The thread that writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use redb::Database;

use crate::error::Fault;
use crate::group::Group;
use crate::medium::Medium;
use crate::shelf::Shelf;
use crate::store::Clock;
use crate::tables::{self, Shelving, meta, panic_message};
use crate::{NotWritten, Notice, Options, Store};

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A group to write, and to give back.
    Write(Group),
    /// The last group.
    Close(Group),
}

/// Owns the file and what is known of its content.
pub(crate) struct Keeper<N> {
    medium: Medium,
    options: Options,
    clock: Clock,
    /// `None` after an error, until the file is opened anew: redb does not trust itself after one.
    database: Option<Database>,
    shelf: Shelf,
    /// Groups that are on the disk.
    groups: u64,
    reported: u64,
    /// The last group, once it has come.
    last: Option<Group>,
    closing: bool,
    /// Dropped last: whoever sees it go knows that the file is free.
    notify: N,
}

impl<N: FnMut(Notice)> Keeper<N> {
    pub(crate) fn new(store: Store, clock: Clock, notify: N) -> Self {
        let Store { medium, options, database, shelf, groups } = store;
        Self {
            medium,
            options,
            clock,
            database: Some(database),
            shelf,
            groups,
            reported: 0,
            last: None,
            closing: false,
            notify,
        }
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
        self.let_go();
        Ok(())
    }

    /// Waits for a message, or until outcomes have to leave.
    fn next(&self, messages: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match self.shelf.leave_at_ms(&self.options.retention) {
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
        let leaving = self.shelf.leave_at_ms(&self.options.retention);
        if !group.has_writes() && leaving.is_none_or(|at| at > (self.clock)()) {
            return Ok(());
        }
        let mut said = None;
        let mut wait_ms = self.options.retry_ms_min;
        loop {
            let why = match self.try_write(group) {
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
            wait_ms = (wait_ms * 2).min(self.options.retry_ms_max);
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

    fn try_write(&mut self, group: &Group) -> Result<(), Fault> {
        let written = catch_unwind(AssertUnwindSafe(|| self.write_once(group)));
        let result = written.unwrap_or_else(|panic| Err(Fault::Panicked(panic_message(&*panic))));
        match result {
            Ok(Shelving { leave, come }) => {
                self.groups += 1;
                self.shelf.take(leave);
                come.into_iter().for_each(|shelved| self.shelf.add(shelved));
                Ok(())
            }
            Err(fault) => {
                self.let_go();
                Err(fault)
            }
        }
    }

    /// Ends redb, which may panic where it has just done so. What is durable stays so.
    fn let_go(&mut self) {
        let database = self.database.take();
        _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }

    fn write_once(&mut self, group: &Group) -> Result<Shelving, Fault> {
        let database = match &mut self.database {
            Some(database) => database,
            none => none.insert(reopen(&self.medium, &self.options, self.groups)?),
        };
        let (now_ms, retention) = ((self.clock)(), &self.options.retention);
        tables::write(database, group, self.groups + 1, &self.shelf, retention, now_ms)
    }
}

/// Opens the file anew after an error, and makes sure that it holds what it has to: all groups
/// that were written, and the one that failed as a whole or not at all.
fn reopen(medium: &Medium, options: &Options, written: u64) -> Result<Database, Fault> {
    let database = tables::open(medium, options.cache_bytes)?;
    let found = tables::read_meta(&database, meta::GROUPS)?;
    if found == written || found == written + 1 {
        Ok(database)
    } else {
        Err(Fault::Changed { found, written })
    }
}
