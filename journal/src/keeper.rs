//! The thread that writes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::clock::Clock;
use crate::error::{Fault, NotWritten};
use crate::group::Group;
use crate::notice::Notice;
use crate::options::Options;
use crate::panics::panic_message;

/// The longest wait without a look at the clocks, which may go in leaps.
const LOOK_TIME_MAX: Duration = Duration::from_secs(60);

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A group to write, and to give back.
    Write(Group),
    /// The last group.
    Close(Group),
}

/// What the thread does next.
enum Work {
    /// Writes the group that waits, and gives it back.
    Group,
    /// Has outcomes leave that are too old; or, where the last write failed, looks whether the next
    /// one does not.
    Expiry,
    /// Makes the file shorter if that is due.
    Compaction,
    /// Ends.
    End,
}

/// What could not be written.
#[derive(Debug)]
struct Trouble {
    /// Why, as it was told.
    why: String,
    /// How long to wait before the next try.
    wait_ms: u64,
}

/// Owns what is written to. Only being closed ends it, or that nobody is left who could close it.
///
/// ```text
///                ┌── a group ──▶ written, or tried again until it is ──▶ Notice::Durable
///  waits for ────┼── outcomes are too old ──▶ written; one try, then it waits again, for less
///                ├── nothing to do ──▶ compacted
///                └── closed ──▶ each group that is left gets one try ──▶ end
/// ```
pub(crate) struct Keeper<N> {
    engine: Box<dyn Backend>,
    options: Options,
    clock: Clock,
    reported: u64,
    /// While writing fails.
    trouble: Option<Trouble>,
    /// A group that came and is not written yet.
    waiting: Option<Group>,
    /// The last group, once it has come.
    last: Option<Group>,
    closing: bool,
    /// When the first and the last group were written since it was looked whether the file is
    /// mostly free.
    written: Option<(Instant, Instant)>,
    /// Dropped last: whoever sees it go knows that the file is free.
    notify: N,
}

impl<N: FnMut(Notice)> Keeper<N> {
    pub(crate) fn new(engine: Box<dyn Backend>, options: Options, clock: Clock, notify: N) -> Self {
        Self {
            engine,
            options,
            clock,
            reported: 0,
            trouble: None,
            waiting: None,
            last: None,
            closing: false,
            written: None,
            notify,
        }
    }

    /// Runs until it is closed, or nobody is left who could tell it anything. A panic is told, as
    /// the end that it is.
    pub(crate) fn run(
        mut self,
        messages: &Receiver<Message>,
        back: &SyncSender<Group>,
    ) -> Result<(), NotWritten> {
        let ran = catch_unwind(AssertUnwindSafe(|| self.work(messages, back)));
        ran.unwrap_or_else(|panic| {
            let why = format!("its thread has ended: {}", panic_message(&*panic));
            let ended = Notice::Ended { message: why.clone() };
            // It may be what has panicked.
            _ = catch_unwind(AssertUnwindSafe(|| (self.notify)(ended)));
            self.engine.let_go();
            Err(NotWritten { why })
        })
    }

    fn work(
        &mut self,
        messages: &Receiver<Message>,
        back: &SyncSender<Group>,
    ) -> Result<(), NotWritten> {
        loop {
            match self.next(messages) {
                Work::Group => {
                    let Some(mut group) = self.waiting.take() else { continue };
                    self.write(&group, messages)?;
                    let up_to = group.up_to;
                    group.clear();
                    // The other end may be gone. The group goes back before the notice, so that
                    // whoever gets the notice can hand the next one over.
                    _ = back.try_send(group);
                    self.report(up_to);
                }
                Work::Expiry => self.expire(messages),
                Work::Compaction => {
                    self.written = None;
                    self.engine.compact_if_quick();
                }
                Work::End => break,
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

    /// Waits until there is something to do.
    fn next(&mut self, messages: &Receiver<Message>) -> Work {
        loop {
            if self.waiting.is_some() {
                return Work::Group;
            }
            if self.closing {
                return Work::End;
            }
            let expiry = self.expiry();
            if expiry == Some(Duration::ZERO) {
                // Whoever waits comes first, and takes along what is to leave.
                match messages.try_recv() {
                    Ok(message) => self.take(message),
                    Err(TryRecvError::Disconnected) => self.close(None),
                    Err(TryRecvError::Empty) => return Work::Expiry,
                }
                continue;
            }
            let compaction = self.compaction();
            let wait = expiry.into_iter().chain(compaction).fold(LOOK_TIME_MAX, Duration::min);
            match messages.recv_timeout(wait) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Disconnected) => self.close(None),
                Err(RecvTimeoutError::Timeout) if compaction == Some(wait) => {
                    return Work::Compaction;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Write(group) => self.waiting = Some(group),
            Message::Close(group) => self.close(Some(group)),
        }
    }

    fn close(&mut self, last: Option<Group>) {
        self.closing = true;
        self.last = last;
    }

    /// How long until outcomes have to leave. Where writing fails it is high time, whatever the
    /// clock says: else nobody would find out that it does not fail any more.
    fn expiry(&self) -> Option<Duration> {
        if self.trouble.is_some() {
            return Some(Duration::ZERO);
        }
        // The next server has to know how the clock of the system stood.
        if self.engine.written().is_some_and(|written| written.is_apart_from(&self.clock.stamp())) {
            return Some(Duration::ZERO);
        }
        let at = self.engine.leave_at_ms()?;
        Some(Duration::from_millis(at.saturating_sub(self.clock.now_ms())))
    }

    /// How long until it is to be looked whether the file is mostly free.
    fn compaction(&self) -> Option<Duration> {
        let (first, last) = self.written?;
        let compaction = self.engine.compaction()?;
        let idle = last + Duration::from_millis(compaction.idle_ms);
        let busy = first + Duration::from_millis(compaction.busy_ms);
        Some(idle.min(busy).saturating_duration_since(Instant::now()))
    }

    /// Also after a group without a ticket: the next one may wait to be handed over.
    fn report(&mut self, up_to: Option<u64>) {
        self.reported = self.reported.max(up_to.unwrap_or(0));
        (self.notify)(Notice::Durable { up_to: self.reported });
    }

    /// Writes a group, as often as it takes; when closing, once.
    fn write(&mut self, group: &Group, messages: &Receiver<Message>) -> Result<(), NotWritten> {
        if !group.has_writes() && !self.engine.is_shared() {
            return Ok(());
        }
        while let Err(why) = self.try_write(group) {
            if self.closing {
                return Err(NotWritten { why });
            }
            self.wait(messages);
        }
        let now = Instant::now();
        let (first, _) = self.written.unwrap_or((now, now));
        self.written = Some((first, now));
        Ok(())
    }

    /// Has outcomes leave that are too old. Nobody waits for it, so what cannot be written is tried
    /// again only after whatever else there is to do.
    fn expire(&mut self, messages: &Receiver<Message>) {
        if self.try_write(&Group::default()).is_err() {
            self.wait(messages);
        }
    }

    fn try_write(&mut self, group: &Group) -> Result<(), String> {
        match self.engine.write(group, &self.clock.stamp()) {
            Ok(()) => {
                if self.trouble.take().is_some() {
                    (self.notify)(Notice::Resumed);
                }
                Ok(())
            }
            Err(fault) => {
                let why = fault.to_string();
                if fault.is_final() {
                    self.closing = true;
                    let is_lost = matches!(fault, Fault::WentBack(_));
                    (self.notify)(Notice::Over { message: why.clone(), is_lost });
                } else {
                    self.tell(&why);
                }
                Err(why)
            }
        }
    }

    /// What failed is told once, and again when the reason is another.
    fn tell(&mut self, why: &str) {
        let (min, max) = (self.options.retry_ms_min, self.options.retry_ms_max);
        let before = self.trouble.take();
        let is_new = before.as_ref().is_none_or(|before| before.why != why);
        let wait_ms = before.map_or(min, |before| (before.wait_ms * 2).min(max));
        self.trouble = Some(Trouble { why: why.to_owned(), wait_ms });
        if is_new {
            (self.notify)(Notice::Failed { message: why.to_owned() });
        }
    }

    /// Waits before the next try; less if a group or the end comes.
    fn wait(&mut self, messages: &Receiver<Message>) {
        let wait_ms = self.trouble.as_ref().map_or(0, |trouble| trouble.wait_ms);
        match messages.recv_timeout(Duration::from_millis(wait_ms)) {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.close(None),
            Ok(message) => self.take(message),
        }
    }
}
