//! Dead letters: jobs that failed, and are kept until an operator decides.

use std::ops::Bound;
use std::sync::Arc;

use acequia_scheduler::{DeadLetter, Event, NotRedriven, Ticket};
use acequia_wire::{JobId, QueueName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Desk;

/// Which dead letters come first.
#[derive(Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    #[default]
    Oldest,
    Newest,
}

/// Which dead letters are meant, and how many of them are told.
pub(crate) struct Selection {
    pub(crate) queue: Option<QueueName>,
    pub(crate) order: Order,
    pub(crate) after: Option<Ticket>,
    pub(crate) limit: usize,
}

/// Some dead letters, the oldest or the newest first.
pub(crate) struct Page {
    pub(crate) letters: Vec<Arc<DeadLetter>>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Ticket>,
}

/// What came of redriving many.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct Redriven {
    /// Jobs that run again.
    redriven: usize,
    /// Those whose key is that of another live job.
    left: usize,
}

impl Desk<'_> {
    pub(crate) fn dead_letters(&self, list: &Selection) -> Page {
        let Selection { queue, order, after, limit } = list;
        let queue = queue.as_ref().map(QueueName::as_str);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (letters, next) = match order {
            Order::Oldest => {
                let rest = self.scheduler.dead_letters(queue, (start, Bound::Unbounded));
                first(rest, *limit)
            }
            Order::Newest => {
                let rest = self.scheduler.dead_letters(queue, (Bound::Unbounded, start));
                first(rest.rev(), *limit)
            }
        };
        Page { letters, next }
    }

    /// The newest of all, the newest first.
    pub(crate) fn newest_dead_letters(&self, limit: usize) -> Vec<Arc<DeadLetter>> {
        self.scheduler.dead_letters(None, ..).rev().take(limit).cloned().collect()
    }

    /// The jobs of all dead letters, or of those of a queue, that are there now.
    fn dead_jobs(&self, queue: Option<&QueueName>) -> Vec<JobId> {
        let queue = queue.map(QueueName::as_str);
        self.scheduler.dead_letters(queue, ..).map(|letter| letter.job).collect()
    }

    /// Returns the job that runs in its place.
    pub(crate) fn redrive(&mut self, job: JobId) -> Result<JobId, NotRedriven> {
        self.scheduler.check_redrive(job)?;
        let as_job = JobId::now();
        self.handle(Event::Redrive { job, as_job });
        Ok(as_job)
    }

    pub(crate) fn redrive_all(
        &mut self,
        queue: Option<&QueueName>,
    ) -> Result<Redriven, NotRedriven> {
        let mut all = Redriven::default();
        for job in self.dead_jobs(queue) {
            match self.redrive(job) {
                Ok(_) => all.redriven += 1,
                Err(NotRedriven::KeyIsLive { .. } | NotRedriven::NotFound) => all.left += 1,
                Err(why) => return Err(why),
            }
        }
        Ok(all)
    }

    /// Returns whether there was one.
    pub(crate) fn drop_dead_letter(&mut self, job: JobId) -> bool {
        let is_there = self.scheduler.dead_letter(job).is_some();
        self.handle(Event::DropDeadLetter { job });
        is_there
    }

    /// Returns how many there were.
    pub(crate) fn drop_dead_letters(&mut self, queue: Option<&QueueName>) -> usize {
        let jobs = self.dead_jobs(queue);
        let dropped = jobs.len();
        jobs.into_iter().for_each(|job| self.handle(Event::DropDeadLetter { job }));
        dropped
    }
}

fn first<'a>(
    mut rest: impl Iterator<Item = &'a Arc<DeadLetter>>,
    limit: usize,
) -> (Vec<Arc<DeadLetter>>, Option<Ticket>) {
    let letters: Vec<Arc<DeadLetter>> = rest.by_ref().take(limit).cloned().collect();
    let next = rest.next().and(letters.last()).map(|last| last.ticket);
    (letters, next)
}
