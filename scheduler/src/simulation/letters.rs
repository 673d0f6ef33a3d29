//! What dead letters call for.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::{OnDisconnect, Submit};

use super::model::Model;
use super::parts::{Job, Owed};
use crate::ids::{ClientId, Ticket};
use crate::records::DeadLetter;
use crate::rules::redrive::NotRedriven;
use crate::scheduler::Scheduler;

impl Model {
    pub(super) fn letter(&self, job: JobId) -> Option<&Arc<DeadLetter>> {
        self.letters.values().find(|letter| letter.job == job)
    }

    /// A job has failed. In these worlds any letter fits, where letters are kept at all.
    pub(super) fn expect_buried(&mut self, id: JobId, code: &str) {
        if self.config.dead_letters > 0 {
            self.owed.push(Owed::Bury(id, code.to_owned()));
        }
    }

    pub(super) fn see_buried(&mut self, letter: &Arc<DeadLetter>) {
        self.pay(&Owed::Bury(letter.job, letter.code.as_str().to_owned()));
        self.last_ticket = Ticket(self.last_ticket.0 + 1);
        let job = &self.jobs[&letter.job];
        let (of, spec) = (&job.spec.payload, &letter.spec.payload);
        assert_ne!(of.bytes().as_ptr(), spec.bytes().as_ptr(), "it has memory of its own");
        let expected = DeadLetter {
            ticket: self.last_ticket,
            job: letter.job,
            client: job.client,
            spec: Arc::new(Submit {
                delay_ms: 0,
                on_disconnect: OnDisconnect::Keep,
                traceparent: self.span(letter.job, job),
                ..(*job.spec).clone()
            }),
            submitted: job.submitted,
            failed: self.now,
            code: letter.code.clone(),
            message: letter.message.clone(),
            runs: job.runs,
            failures: job.failures,
            losses: job.losses,
        };
        assert_eq!(**letter, expected);
        self.keep_letter(letter.clone());
    }

    pub(super) fn keep_letter(&mut self, letter: Arc<DeadLetter>) {
        assert!(bytes_of(&letter) <= self.config.dead_letters_bytes, "it fits by itself");
        self.letters.insert(letter.ticket, letter);
        let too_much = |all: &BTreeMap<Ticket, Arc<DeadLetter>>| {
            let bytes: usize = all.values().map(|of| bytes_of(of)).sum();
            all.len() > self.config.dead_letters || bytes > self.config.dead_letters_bytes
        };
        while too_much(&self.letters) {
            let all = &self.letters;
            let of = |client: ClientId| all.values().filter(move |of| of.client == client);
            let by_count = all.len() > self.config.dead_letters;
            let holds = |client: ClientId| {
                if by_count { of(client).count() } else { of(client).map(|of| bytes_of(of)).sum() }
            };
            let most = all.values().map(|of| holds(of.client)).max().unwrap();
            let loses = all.values().find(|of| holds(of.client) == most).unwrap();
            let (ticket, queue) = (loses.ticket, loses.spec.queue.clone());
            self.letters.remove(&ticket);
            self.owed.extend([Owed::Exhume(ticket), Owed::LetterEvicted(queue)]);
        }
    }

    fn check_redrive(&self, id: JobId) -> Result<&Arc<DeadLetter>, NotRedriven> {
        let letter = self.letter(id).ok_or(NotRedriven::NotFound)?;
        let (client, key) = (letter.client, &letter.spec.key);
        let is_it = |job: &Job| job.client == client && job.spec.key == *key;
        let live = self.jobs.iter().find(|(_, job)| key.is_some() && is_it(job));
        match live {
            _ if self.draining => Err(NotRedriven::Draining),
            _ if self.storage_failed => Err(NotRedriven::Storage),
            Some((job, _)) => Err(NotRedriven::KeyIsLive { job: *job }),
            None => Ok(letter),
        }
    }

    pub(super) fn expect_redrive(&mut self, id: JobId, as_job: JobId) {
        let Ok(letter) = self.check_redrive(id).cloned() else { return };
        let (spec, ticket) = (letter.spec.clone(), Ticket(self.last_ticket.0 + 1));
        let queue = spec.queue.clone();
        self.begin(as_job, letter.client, spec, ticket, self.now, self.now);
        self.expect_exhumed(id);
        let job = self.jobs.get_mut(&as_job).unwrap();
        (job.kept, job.asked_for) = (true, true);
        self.owed.extend([Owed::Submitted(queue), Owed::Record(as_job)]);
    }

    pub(super) fn expect_exhumed(&mut self, id: JobId) {
        let Some(ticket) = self.letter(id).map(|letter| letter.ticket) else { return };
        self.letters.remove(&ticket);
        self.owed.push(Owed::Exhume(ticket));
    }

    /// That the letters are those that its actions tell of, on whatever page they are looked for.
    pub(super) fn compare_letters(&self, scheduler: &Scheduler) {
        assert!(self.letters.values().eq(scheduler.dead_letters(None, ..)));
        let mut queues: BTreeMap<_, Vec<&Arc<DeadLetter>>> = BTreeMap::new();
        for letter in self.letters.values() {
            assert_eq!(scheduler.dead_letter(letter.job), Some(letter));
            let check = self.check_redrive(letter.job).map(drop);
            assert_eq!(scheduler.check_redrive(letter.job), check);
            queues.entry(letter.spec.queue.clone()).or_default().push(letter);
        }
        // A page that begins somewhere, each way.
        if let Some((ticket, letter)) = self.letters.iter().nth(self.letters.len() / 2) {
            let after = (Bound::Excluded(*ticket), Bound::Unbounded);
            let page = scheduler.dead_letters(None, after);
            assert!(page.eq(self.letters.range(after).map(|(_, letter)| letter)));
            let page = scheduler.dead_letters(Some(letter.spec.queue.as_str()), ..*ticket);
            let is_of = |of: &&Arc<DeadLetter>| of.spec.queue == letter.spec.queue;
            let before = self.letters.range(..*ticket).map(|(_, letter)| letter);
            assert!(page.rev().eq(before.filter(is_of).rev()));
        }
        let stats = scheduler.stats(self.now);
        assert_eq!(stats.dead_letters, self.letters.len());
        let counts = queues.iter().map(|(queue, letters)| (queue.clone(), letters.len()));
        assert!(stats.dead_letters_of.into_iter().eq(counts));
        for (queue, letters) in &queues {
            assert_eq!(scheduler.dead_letters_of(queue), letters.len());
        }
        for (queue, letters) in queues {
            assert!(letters.into_iter().eq(scheduler.dead_letters(Some(queue.as_str()), ..)));
        }
    }
}

fn bytes_of(letter: &DeadLetter) -> usize {
    let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
    let spec = &letter.spec;
    let texts = text(&spec.key) + text(&spec.batch) + letter.message.len();
    512 + spec.payload.bytes().len() + texts + letter.code.as_str().len()
}
