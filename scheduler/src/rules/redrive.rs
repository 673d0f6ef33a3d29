//! Jobs that failed become dead letters, and leave again: redriven, dropped, or for newer ones.

use std::ops::RangeBounds;
use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::code::FailCode;

use crate::action::{Action, Measure};
use crate::ids::Ticket;
use crate::records::DeadLetter;
use crate::rules::admission::New;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::keys::Keyed;
use crate::state::watchers::Watchers;

/// Why a dead letter cannot be redriven now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRedriven {
    /// There is none of this job.
    #[error("no dead letter is kept of this job; it may have been redriven or dropped")]
    NotFound,
    /// The server takes no more jobs.
    #[error("the server is about to stop; try again when it is back")]
    Draining,
    /// Records cannot be written.
    #[error("the server cannot write its journal; try again later")]
    Storage,
    /// Its client has submitted a job with the same key since, or another letter with it was
    /// redriven: that job is the one job of the key.
    #[error("its key is that of the live job {job}; wait for the end of that one, or cancel it")]
    KeyIsLive {
        /// The live job.
        job: JobId,
    },
}

impl Scheduler {
    /// The dead letter of a job.
    pub fn dead_letter(&self, job: JobId) -> Option<&Arc<DeadLetter>> {
        self.dead_letters.get(job)
    }

    /// The dead letters of one queue or of all whose tickets are in `range`, the oldest first.
    ///
    /// The ticket of the last letter of a page is where the next page begins, also if that letter
    /// has left since: `(Bound::Excluded(ticket), Bound::Unbounded)`, or `..ticket` from the newest
    /// backwards. A page costs as much as is taken from it, whatever else is there.
    ///
    /// To redrive or drop all of them, or those of a queue, is to do so with each. A job that is
    /// redriven and fails again is a new letter after all that were there before.
    ///
    /// # Panics
    /// If `range` begins after its end.
    pub fn dead_letters(
        &self,
        queue: Option<&str>,
        range: impl RangeBounds<Ticket>,
    ) -> impl DoubleEndedIterator<Item = &Arc<DeadLetter>> {
        self.dead_letters.range(queue, range)
    }

    /// Whether an [`Event::Redrive`](crate::Event::Redrive) of this job would be carried out, if it
    /// were the next event. One that would not be changes nothing.
    ///
    /// # Errors
    /// If the letter is not there, or cannot be redriven now.
    pub fn check_redrive(&self, job: JobId) -> Result<(), NotRedriven> {
        let letter = self.dead_letters.get(job).ok_or(NotRedriven::NotFound)?;
        if self.draining {
            return Err(NotRedriven::Draining);
        }
        if self.storage_failed {
            return Err(NotRedriven::Storage);
        }
        let answer = |key| self.keys.answer(letter.client, key);
        if let Some(Keyed::Live(live)) = letter.spec.key.as_deref().and_then(answer) {
            return Err(NotRedriven::KeyIsLive { job: self.jobs[live].id });
        }
        Ok(())
    }

    /// Keeps a job that fails, which is still there, as a dead letter.
    pub(crate) fn bury(&mut self, step: &mut Step<'_>, key: usize, code: &FailCode, message: &str) {
        if self.config.dead_letters == 0 || self.config.dead_letters_bytes == 0 {
            return;
        }
        let job = &self.jobs[key];
        let spec = Submit {
            id: job.watchers.began_as().clone(),
            // It may stay for long, and must not keep alive what its job came in with.
            payload: job.payload.detached(),
            queue: self.queues[job.queue()].name.clone(),
            priority: job.priority,
            delay_ms: 0,
            timeout_ms: job.timeout_ms.get(),
            ttl_ms: job.ttl_ms(),
            attempts: job.attempts.get(),
            key: job.key().map(Box::from),
            on_disconnect: OnDisconnect::Keep,
            batch: job.batch().map(|batch| self.batches.name_of(batch).into()),
            // A run again is the failed job's own doing.
            traceparent: self.traceparent(job),
        };
        let letter = DeadLetter {
            ticket: self.last_ticket.next(),
            job: job.id,
            client: self.clients.id_of(job.client()),
            spec: Arc::new(spec),
            submitted: job.submitted,
            failed: step.now,
            code: code.clone(),
            message: message.into(),
            runs: job.runs,
            failures: job.failures.get(),
            losses: job.losses.get(),
        };
        if !letter.fits(&self.config) {
            return step.measure(Measure::LetterEvicted { queue: letter.spec.queue.clone() });
        }
        self.last_ticket = letter.ticket;
        let letter = Arc::new(letter);
        step.out.push(Action::Bury { letter: letter.clone() });
        self.keep_letter(step, letter);
    }

    /// Takes in a letter that fits; the client with most gives way, if there are too many now.
    fn keep_letter(&mut self, step: &mut Step<'_>, letter: Arc<DeadLetter>) {
        self.dead_letters.insert(letter);
        while let Some(given_up) = self.dead_letters.pop_over(&self.config) {
            evicted(step, &given_up);
        }
    }

    /// Runs a job that failed again, as a new one.
    pub(crate) fn redrive(&mut self, step: &mut Step<'_>, job: JobId, as_job: JobId) {
        if self.check_redrive(job).is_err() {
            return;
        }
        let Some(letter) = self.dead_letters.remove(job) else { return };
        step.out.push(Action::Exhume { ticket: letter.ticket });
        let (client, spec) = (self.clients.find_or_add(letter.client), letter.spec.clone());
        let (now, ticket) = (step.now, self.next_ticket());
        let new = New { id: as_job, client, ticket, submitted: now, due: now, spec };
        let key = self.begin(&new, Watchers::none(&new.spec.id));
        (self.jobs[key].kept, self.jobs[key].asked_for) = (true, true);
        step.measure(Measure::Submitted { queue: letter.spec.queue.clone() });
        self.record(step, key, new.spec);
        self.run_when_due(step, key);
    }

    pub(crate) fn drop_dead_letter(&mut self, step: &mut Step<'_>, job: JobId) {
        if let Some(letter) = self.dead_letters.remove(job) {
            step.out.push(Action::Exhume { ticket: letter.ticket });
        }
    }

    pub(crate) fn recovered_dead_letter(
        &mut self,
        step: &mut Step<'_>,
        mut letter: Arc<DeadLetter>,
    ) {
        self.start_after(letter.ticket);
        self.last_id = self.last_id.max(Some(letter.job));
        if letter.failed > step.now {
            // The clock was ahead before the restart.
            let letter = Arc::make_mut(&mut letter);
            letter.failed = step.now;
            letter.submitted = letter.submitted.min(step.now);
        }
        // The operator may have other limits now.
        if letter.fits(&self.config) {
            self.keep_letter(step, letter);
        } else {
            evicted(step, &letter);
        }
    }
}

/// A letter leaves for want of room.
fn evicted(step: &mut Step<'_>, letter: &DeadLetter) {
    step.out.push(Action::Exhume { ticket: letter.ticket });
    step.measure(Measure::LetterEvicted { queue: letter.spec.queue.clone() });
}
