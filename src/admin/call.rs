//! One call, from the HTTP task to the pipeline and back.

use std::ops::Bound;
use std::sync::Arc;

use acequia_scheduler::{Action, DeadLetter, Event, Found, NotRedriven, Scheduler, Ticket, Time};
use acequia_wire::{JobId, QueueName};
use tokio::sync::oneshot::Sender;

/// What is asked or told, and where the answer goes.
#[derive(Debug)]
pub(crate) enum Call {
    FindJob {
        job: JobId,
        answer: Sender<Option<Found>>,
    },
    ListDeadLetters {
        queue: Option<QueueName>,
        /// Those after this one.
        after: Option<Ticket>,
        limit: usize,
        answer: Sender<Page>,
    },
    ReadDeadLetter {
        job: JobId,
        answer: Sender<Option<Arc<DeadLetter>>>,
    },
    RedriveDeadLetter {
        job: JobId,
        /// The job that runs in its place.
        answer: Sender<Result<JobId, NotRedriven>>,
    },
    RedriveDeadLetters {
        queue: Option<QueueName>,
        answer: Sender<Result<Redriven, NotRedriven>>,
    },
    DropDeadLetter {
        job: JobId,
        /// Whether there was one.
        answer: Sender<bool>,
    },
    DropDeadLetters {
        queue: Option<QueueName>,
        /// How many there were.
        answer: Sender<usize>,
    },
}

/// Some dead letters, the oldest first.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) letters: Vec<Arc<DeadLetter>>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Ticket>,
}

/// What came of redriving many.
#[derive(Debug, Default)]
pub(crate) struct Redriven {
    pub(crate) redriven: usize,
    /// Those whose key is that of another live job.
    pub(crate) left: usize,
}

/// The scheduler, and where its actions go.
pub(crate) struct Desk<'a> {
    pub(crate) scheduler: &'a mut Scheduler,
    pub(crate) now: Time,
    pub(crate) actions: &'a mut Vec<Action>,
}

impl Desk<'_> {
    /// Carries a call out. Whoever asked may have gone by then.
    pub(crate) fn take(&mut self, call: Call) {
        match call {
            Call::FindJob { job, answer } => {
                _ = answer.send(self.scheduler.find(self.now, job));
            }
            Call::ListDeadLetters { queue, after, limit, answer } => {
                _ = answer.send(self.page(queue.as_ref(), after, limit));
            }
            Call::ReadDeadLetter { job, answer } => {
                _ = answer.send(self.scheduler.dead_letter(job).cloned());
            }
            Call::RedriveDeadLetter { job, answer } => _ = answer.send(self.redrive(job)),
            Call::RedriveDeadLetters { queue, answer } => {
                _ = answer.send(self.redrive_all(queue.as_ref()));
            }
            Call::DropDeadLetter { job, answer } => {
                let is_there = self.scheduler.dead_letter(job).is_some();
                self.handle(Event::DropDeadLetter { job });
                _ = answer.send(is_there);
            }
            Call::DropDeadLetters { queue, answer } => {
                let jobs = self.jobs(queue.as_ref());
                let dropped = jobs.len();
                jobs.into_iter().for_each(|job| self.handle(Event::DropDeadLetter { job }));
                _ = answer.send(dropped);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        self.scheduler.handle(self.now, event, self.actions);
    }

    fn page(&self, queue: Option<&QueueName>, after: Option<Ticket>, limit: usize) -> Page {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let queue = queue.map(QueueName::as_str);
        let mut rest = self.scheduler.dead_letters(queue, (start, Bound::Unbounded));
        let letters: Vec<Arc<DeadLetter>> = rest.by_ref().take(limit).cloned().collect();
        let next = rest.next().and(letters.last()).map(|last| last.ticket);
        Page { letters, next }
    }

    /// The jobs of all dead letters, or of those of a queue, that are there now.
    fn jobs(&self, queue: Option<&QueueName>) -> Vec<JobId> {
        let queue = queue.map(QueueName::as_str);
        self.scheduler.dead_letters(queue, ..).map(|letter| letter.job).collect()
    }

    fn redrive(&mut self, job: JobId) -> Result<JobId, NotRedriven> {
        self.scheduler.check_redrive(job)?;
        let as_job = JobId::now();
        self.handle(Event::Redrive { job, as_job });
        Ok(as_job)
    }

    fn redrive_all(&mut self, queue: Option<&QueueName>) -> Result<Redriven, NotRedriven> {
        let mut all = Redriven::default();
        for job in self.jobs(queue) {
            match self.redrive(job) {
                Ok(_) => all.redriven += 1,
                Err(NotRedriven::KeyIsLive { .. } | NotRedriven::NotFound) => all.left += 1,
                Err(why) => return Err(why),
            }
        }
        Ok(all)
    }
}
