//! What submits, cancels and the ends of sessions call for.

use std::collections::BTreeSet;
use std::sync::Arc;

use acequia_wire::client::{Batch as Summary, JobEvent, OnDisconnect, Submit, Watched};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::WATCHERS_MAX;
use acequia_wire::{CorrelationId, JobId, QueueName};

use super::model::Model;
use super::parts::{Batch, Job, Owed, State, Told, Watcher};
use crate::event::Sight;
use crate::ids::{ClientId, SessionId, Ticket};
use crate::outcome::Outcome;
use crate::records::{Recovered, Retained, Tally};
use crate::time::Time;
use crate::void::VoidReason;

impl Model {
    pub(super) fn job_of(&self, session: SessionId, id: &CorrelationId) -> Option<JobId> {
        let watched =
            |job: &Job| job.watchers.iter().any(|of| (of.session, &of.id) == (session, id));
        self.jobs.iter().find(|(_, job)| watched(job)).map(|(id, _)| *id)
    }

    fn live_jobs_of(&self, client: ClientId) -> usize {
        let of_client = self.jobs.values().filter(|job| job.client == client);
        let own = of_client.map(|job| job.submits().count().max(1)).sum::<usize>();
        let looks_on =
            |of: &&Watcher| of.on_disconnect.is_none() && self.sessions[&of.session] == client;
        let all = self.jobs.values().flat_map(|job| &job.watchers);
        own + all.filter(looks_on).count()
    }

    fn jobs_max(&self, session: SessionId) -> usize {
        let own = self.limited.get(&session).map_or(usize::MAX, |jobs| *jobs as usize);
        own.min(self.config.limits.client_jobs)
    }

    /// Why there is no room for another job.
    fn refusal(&self, session: SessionId, client: ClientId, spec: &Submit) -> Option<RejectCode> {
        let limits = &self.config.limits;
        let running = |job: &&Job| matches!(job.state, State::Running { .. });
        let bytes = spec.payload.bytes().len();
        let is_full = self
            .has_no_share(client, limits.waiting_jobs, 1, |job| usize::from(!running(&job)))
            || self.has_no_share(client, limits.queue_jobs, 1, |job| {
                usize::from(job.spec.queue == spec.queue)
            })
            || self.has_no_share(client, limits.payloads_bytes, bytes, |job| {
                job.spec.payload.bytes().len()
            })
            || self.has_no_name(client, &spec.queue);
        if self.storage_failed {
            Some(RejectCode::Storage)
        } else if self.live_jobs_of(client) >= self.jobs_max(session) {
            Some(RejectCode::TooManyJobs)
        } else if is_full {
            Some(RejectCode::QueueFull)
        } else {
            None
        }
    }

    /// Whether a client may not have `more` of a pool, of which each job takes so much. Whoever
    /// has nothing of it gets what there is, and nobody else more than is left then.
    fn has_no_share(
        &self,
        client: ClientId,
        pool: usize,
        more: usize,
        takes: impl Fn(&Job) -> usize,
    ) -> bool {
        let mut all = more;
        let mut own = 0;
        for job in self.jobs.values() {
            all += takes(job);
            own += if job.client == client { takes(job) } else { 0 };
        }
        all > pool || (own > 0 && own + more > pool - all)
    }

    /// Whether a client may not make up the name of a queue.
    fn has_no_name(&self, client: ClientId, queue: &QueueName) -> bool {
        let names = |jobs: &mut dyn Iterator<Item = &Job>| -> BTreeSet<QueueName> {
            jobs.map(|job| job.spec.queue.clone()).collect()
        };
        let own = names(&mut self.jobs.values().filter(|job| job.client == client)).len();
        let mut all = names(&mut self.jobs.values());
        let is_known = |queue: &QueueName| {
            let mut lanes = self.lanes.values();
            self.paused.contains(queue) || lanes.any(|lane| lane.queues.contains(queue))
        };
        if all.contains(queue) || is_known(queue) {
            return false;
        }
        all.retain(|queue| !is_known(queue));
        let (all, pool) = (all.len() + 1, self.config.queue_names);
        all > pool || (own > 0 && own + 1 > pool - all)
    }

    pub(super) fn expect_submit(&mut self, session: SessionId, id: JobId, spec: &Arc<Submit>) {
        let Some(client) = self.sessions.get(&session).copied() else { return };
        let rejected = |code| Owed::Rejected(session, spec.id.clone(), code);
        if self.expect_said_again(session, client, id, spec) {
            return;
        }
        if self.draining {
            return self.owed.push(rejected(RejectCode::Draining));
        }
        if self.job_of(session, &spec.id).is_some() {
            return self.owed.push(rejected(RejectCode::DuplicateId));
        }
        if self.expect_answer(session, client, spec) {
            return;
        }
        if let Some(code) = self.refusal(session, client, spec) {
            return self.owed.push(rejected(code));
        }
        let due = self.now.plus_ms(spec.delay_ms);
        let ticket = Ticket(self.last_ticket.0 + 1);
        self.begin(id, client, spec.clone(), ticket, self.now, due);
        let job = self.jobs.get_mut(&id).unwrap();
        job.watchers.push(watcher(session, spec, true));
        job.asked_for = self.asking.contains(&session);
        self.attend(id, session);
        self.owed.extend([Owed::Submitted(spec.queue.clone()), Owed::Record(id)]);
        self.expect_claimed(id);
    }

    pub(super) fn begin(
        &mut self,
        id: JobId,
        client: ClientId,
        spec: Arc<Submit>,
        ticket: Ticket,
        submitted: Time,
        due: Time,
    ) {
        let delayed = State::Delayed { until: due };
        let job = Job {
            watchers: Vec::new(),
            kept: false,
            forsaken: None,
            asked_for: false,
            client,
            spec,
            ticket,
            submitted,
            state: if due > self.now { delayed } else { State::Between },
            ready: due,
            runs: 0,
            failures: 0,
            losses: 0,
            chunks: 0,
            accepted: false,
            start_told: false,
            recovered: false,
            begun: false,
            held_back: false,
            worker: "".into(),
        };
        if let Some(name) = &job.spec.batch {
            let (sessions, ended) = (BTreeSet::new(), Vec::new());
            let new = || Batch { sessions, began: submitted, live: 0, ended };
            self.batches.entry((client, name.clone())).or_insert_with(new).live += 1;
        }
        if let Some(key) = &job.spec.key {
            self.take_key(client, &key.clone());
        }
        self.jobs.insert(id, job);
        // One of which nothing was left may be submitted again.
        self.ended.remove(&id);
    }

    /// A key is another's from now on.
    fn take_key(&mut self, client: ClientId, key: &str) {
        let is_it = |of: &&mut Arc<Retained>| (of.client, of.key.as_deref()) == (client, Some(key));
        for retained in self.retained.iter_mut().filter(is_it) {
            Arc::make_mut(retained).key = None;
        }
    }

    fn batch_of(&mut self, id: JobId) -> Option<&mut Batch> {
        let job = &self.jobs[&id];
        let name = job.spec.batch.clone()?;
        Some(self.batches.get_mut(&(job.client, name)).expect("a live job's batch"))
    }

    /// A session has submitted to the batch of this job.
    fn attend(&mut self, id: JobId, session: SessionId) {
        if let Some(batch) = self.batch_of(id) {
            batch.sessions.insert(session);
        }
    }

    pub(super) fn expect_end_in_batch(&mut self, id: JobId, outcome: Outcome) {
        let Some(batch) = self.batch_of(id) else { return };
        batch.live -= 1;
        batch.ended.push(outcome);
        let count = |of: Outcome| {
            u32::try_from(batch.ended.iter().filter(|ended| **ended == of).count()).unwrap()
        };
        let (goes_on, ended, began) = (batch.live > 0, Outcome::ALL.map(count), batch.began);
        let attending = batch.sessions.clone();
        let job = &self.jobs[&id];
        let (client, name) = (job.client, job.spec.batch.clone().unwrap());
        if goes_on {
            let open = attending.into_iter().filter(|session| self.sessions.contains_key(session));
            let sessions = Arc::new(open.collect());
            let tally = Tally { client, name: (&*name).into(), began, ended, sessions };
            self.tallies.insert((client, name), tally.clone());
            return self.owed.push(Owed::Tally(tally));
        }
        let is_recorded = self.tallies.remove(&(client, name.clone())).is_some();
        let batch = self.batches.remove(&(client, name.clone())).unwrap();
        let [done, failed, cancelled] = ended;
        let summary = Summary {
            name,
            jobs: u32::try_from(batch.ended.len()).unwrap(),
            done,
            failed,
            cancelled,
            elapsed_ms: u64::try_from((self.now - batch.began).as_millis()).unwrap(),
        };
        let open = |session: &SessionId| self.sessions.contains_key(session);
        let sessions: BTreeSet<SessionId> = batch.sessions.into_iter().filter(open).collect();
        self.owed.extend(sessions.iter().map(|session| Owed::Batch(*session, summary.clone())));
        let name = (&*summary.name).into();
        let tally = Tally { client, name, began, ended, sessions: Arc::new(sessions) };
        self.owed.push(Owed::BatchOver(tally, self.now - began, is_recorded));
    }

    pub(super) fn expect_recovered(&mut self, of: &Recovered) {
        // Of two jobs that a session calls the same it has cancelled the first.
        if let Some(session) = of.session
            && let Some(first) = self.job_of(session, &of.spec.id)
        {
            let first = self.jobs.get_mut(&first).unwrap();
            first.watchers.clear();
            first.kept = true;
        }
        let due = of.submitted.plus_ms(of.spec.delay_ms).max(of.not_before.unwrap_or_default());
        self.begin(of.job, of.client, of.spec.clone(), of.ticket, of.submitted, due);
        let job = self.jobs.get_mut(&of.job).unwrap();
        let wish = of.spec.on_disconnect;
        job.accepted = true;
        job.kept = of.session.is_none() && wish == OnDisconnect::Keep;
        match of.session {
            Some(session) => {
                job.watchers.push(watcher(session, &of.spec, true));
                self.attend(of.job, session);
            }
            None => self.expect_forsaken(of.job, &[wish]),
        }
        let job = self.jobs.get_mut(&of.job).unwrap();
        (job.runs, job.failures, job.losses) = (of.runs, of.failures, of.losses);
        job.recovered = true;
        self.last_ticket = self.last_ticket.max(of.ticket);
        self.durable = self.durable.max(of.ticket);
    }

    pub(super) fn expect_tally(&mut self, tally: &Tally) {
        let name: Box<str> = (&*tally.name).into();
        let key = (tally.client, name.clone());
        let Some(batch) = self.batches.get_mut(&key) else {
            let over = Tally { sessions: Arc::default(), ..tally.clone() };
            return self.owed.push(Owed::BatchOver(over, self.now - tally.began, true));
        };
        batch.began = batch.began.min(tally.began);
        for (outcome, count) in Outcome::ALL.iter().zip(tally.ended) {
            batch.ended.extend((0..count).map(|_| *outcome));
        }
        batch.sessions.extend(tally.sessions.iter());
        self.tallies.insert(key, tally.clone());
    }

    /// Whether the key of a submit stands for a job already, which then answers.
    fn expect_answer(&mut self, session: SessionId, client: ClientId, spec: &Submit) -> bool {
        let Some(key) = &spec.key else { return false };
        let is_it = |job: &Job| job.client == client && job.spec.key.as_ref() == Some(key);
        let live = self.jobs.iter().find(|(_, job)| is_it(job)).map(|(id, _)| *id);
        if let Some(id) = live {
            self.expect_joined(session, client, id, (spec, false));
            return true;
        }
        let is_it = |of: &&Arc<Retained>| (of.client, of.key.as_ref()) == (client, Some(key));
        let Some(retained) = self.retained.iter().find(is_it) else { return false };
        assert!(!matches!(retained.outcome, JobEvent::Cancelled), "its key is free");
        self.owed.push(Owed::Tell(session, spec.id.clone(), retained.job, outcome_of(retained)));
        true
    }

    /// A live job is submitted once more, by whoever began it or by another. Returns whether that may
    /// be.
    pub(super) fn expect_joined(
        &mut self,
        session: SessionId,
        client: ClientId,
        id: JobId,
        (spec, began): (&Submit, bool),
    ) -> bool {
        let (job, limit) = (&self.jobs[&id], self.jobs_max(session));
        let full = job.submits().next().is_some() && self.live_jobs_of(client) >= limit;
        if full || job.watchers.len() >= WATCHERS_MAX {
            let code = RejectCode::TooManyJobs;
            self.owed.push(Owed::Rejected(session, spec.id.clone(), code));
            return false;
        }
        self.owe_past(session, &spec.id, id);
        let job = self.jobs.get_mut(&id).unwrap();
        job.watchers.push(watcher(session, spec, began));
        job.forsaken = None;
        if job.spec.batch == spec.batch {
            self.attend(id, session);
        }
        true
    }

    /// Whoever is told of a job from now on is told at once of what is past.
    fn owe_past(&mut self, session: SessionId, id: &CorrelationId, job: JobId) {
        let of = &self.jobs[&job];
        let tell = |told| Owed::Tell(session, id.clone(), job, told);
        self.owed.extend(of.accepted.then(|| tell(Told::Accepted)));
        let runs = matches!(of.state, State::Running { .. });
        self.owed.extend((runs && of.start_told).then(|| tell(Told::Started)));
    }

    pub(super) fn expect_watch(
        &mut self,
        session: SessionId,
        id: &CorrelationId,
        what: &Watched,
        sight: Sight,
    ) {
        let Some(client) = self.sessions.get(&session).copied() else { return };
        let refused = |code| Owed::Error(session, id.clone(), code);
        let watched = match what {
            Watched::Job(job) => *job,
            Watched::Batch(name) => {
                let whose = match sight {
                    Sight::All { batches_of } => [client, batches_of],
                    Sight::Own => [client; 2],
                };
                let named = |of: &ClientId| self.batches.contains_key(&(*of, name.clone()));
                match whose.into_iter().find(named) {
                    Some(of) => {
                        let batch = self.batches.get_mut(&(of, name.clone())).unwrap();
                        batch.sessions.insert(session);
                    }
                    None => self.owed.push(refused(RejectCode::NotFound)),
                }
                return;
            }
        };
        let is_visible = |of: ClientId| sight != Sight::Own || of == client;
        let Some(job) = self.jobs.get(&watched).filter(|job| is_visible(job.client)) else {
            let is_it = |of: &&Arc<Retained>| of.job == watched && is_visible(of.client);
            let retained = self.retained.iter().find(is_it);
            let told = retained.map_or_else(
                || refused(RejectCode::NotFound),
                |retained| Owed::Tell(session, id.clone(), watched, outcome_of(retained)),
            );
            return self.owed.push(told);
        };
        if let Some(known) = self.job_of(session, id) {
            let is_another = known != watched;
            return self.owed.extend(is_another.then(|| refused(RejectCode::DuplicateId)));
        }
        let full = self.live_jobs_of(client) >= self.jobs_max(session);
        if full || job.watchers.len() >= WATCHERS_MAX {
            return self.owed.push(refused(RejectCode::TooManyJobs));
        }
        self.owe_past(session, id, watched);
        let id = id.clone();
        let looks_on =
            Watcher { session, id, on_disconnect: None, knows_start: false, began: false };
        self.jobs.get_mut(&watched).unwrap().watchers.push(looks_on);
    }

    pub(super) fn expect_cancel(&mut self, session: SessionId, id: &CorrelationId) {
        if !self.sessions.contains_key(&session) {
            return;
        }
        let Some(job) = self.job_of(session, id) else {
            return self.owed.push(Owed::Error(session, id.clone(), RejectCode::BadRequest));
        };
        let submits = self.jobs[&job].submits().collect::<Vec<_>>();
        let is_submit = submits.iter().any(|of| (of.session, &of.id) == (session, id));
        if submits.len() <= 1 || !is_submit {
            return self.expect_cancelled(job);
        }
        let watchers = &mut self.jobs.get_mut(&job).unwrap().watchers;
        watchers.retain(|of| (of.session, &of.id) != (session, id));
        self.owed.push(Owed::Tell(session, id.clone(), job, Told::Cancelled));
        self.expect_forsaken(job, &[]);
    }

    pub(super) fn expect_session_absent(&mut self, session: SessionId) {
        if !self.sessions.contains_key(&session) || !self.absent.insert(session) {
            return;
        }
        for id in self.jobs.keys().copied().collect::<Vec<_>>() {
            if self.jobs[&id].submits().any(|of| of.session == session) {
                self.expect_forsaken(id, &[]);
            }
        }
    }

    /// Somebody is gone, who wanted `left` of the job if that was for good.
    fn expect_forsaken(&mut self, id: JobId, left: &[OnDisconnect]) {
        let absent = &self.absent;
        let job = self.jobs.get_mut(&id).unwrap();
        let away: Vec<_> = job.submits().filter(|of| absent.contains(&of.session)).collect();
        if job.kept || away.len() < job.submits().count() {
            return;
        }
        let wishes = away.iter().filter_map(|of| of.on_disconnect);
        let wishes: Vec<_> = wishes.chain(left.iter().copied()).collect();
        if wishes.contains(&OnDisconnect::Keep) {
            return;
        }
        let waits = |wish: &OnDisconnect| match wish {
            OnDisconnect::CancelAfter { ms } => Some(*ms),
            _ => None,
        };
        match wishes.iter().filter_map(waits).max() {
            Some(ms) => job.forsaken = Some(self.now.plus_ms(ms)),
            None => self.expect_cancelled(id),
        }
    }

    pub(super) fn expect_session_closed(&mut self, session: SessionId) {
        self.sessions.remove(&session);
        self.limited.remove(&session);
        self.asking.remove(&session);
        let was_absent = self.absent.remove(&session);
        for id in self.jobs.keys().copied().collect::<Vec<_>>() {
            let job = self.jobs.get_mut(&id).unwrap();
            let (left, stay): (Vec<_>, Vec<_>) =
                job.watchers.drain(..).partition(|of| of.session == session);
            job.watchers = stay;
            let left: Vec<_> = left.iter().filter_map(|of| of.on_disconnect).collect();
            job.kept |= left.contains(&OnDisconnect::Keep);
            if !left.is_empty() && !was_absent {
                self.expect_forsaken(id, &left);
            }
        }
    }

    pub(super) fn expect_cancelled(&mut self, id: JobId) {
        let ran = self.expect_abandoned(id, VoidReason::Cancelled);
        self.expect_end(id, Told::Cancelled, ran);
    }

    pub(super) fn retain(&mut self, retained: Arc<Retained>) {
        if let Some(key) = &retained.key {
            self.take_key(retained.client, key);
        }
        self.retained.push(retained);
        let too_much = |all: &[Arc<Retained>]| {
            let bytes: usize = all.iter().map(|of| bytes_of(of)).sum();
            all.len() > self.config.retained_jobs || bytes > self.config.retained_bytes
        };
        while too_much(&self.retained) {
            let all = &self.retained;
            let of = |client: ClientId| all.iter().filter(move |of| of.client == client);
            let by_count = all.len() > self.config.retained_jobs;
            let holds = |client: ClientId| {
                if by_count { of(client).count() } else { of(client).map(|of| bytes_of(of)).sum() }
            };
            let most = all.iter().map(|of| holds(of.client)).max().unwrap();
            let loses = all.iter().position(|of| holds(of.client) == most).unwrap();
            let given_up = self.retained.remove(loses);
            self.owed.push(Owed::GiveUp(given_up.job));
        }
    }

    pub(super) fn retained_until(&self) -> Option<Time> {
        self.retained.first().map(|of| of.ended + self.config.retention)
    }

    pub(super) fn expire_retained(&mut self) {
        let (now, retention) = (self.now, self.config.retention);
        self.retained.retain(|of| of.ended + retention > now);
    }
}

pub(super) fn outcome_of(retained: &Retained) -> Told {
    match &retained.outcome {
        JobEvent::Done { result } => Told::Done(result.bytes().clone()),
        JobEvent::Failed { code, .. } => Told::Failed(code.as_str().to_owned()),
        _ => Told::Cancelled,
    }
}

fn bytes_of(retained: &Retained) -> usize {
    let outcome = match &retained.outcome {
        JobEvent::Done { result } => result.bytes().len(),
        JobEvent::Failed { code, message, .. } => code.as_str().len() + message.len(),
        _ => 0,
    };
    256 + retained.key.as_deref().map_or(0, str::len) + outcome
}

fn watcher(session: SessionId, spec: &Submit, began: bool) -> Watcher {
    let (id, on_disconnect) = (spec.id.clone(), Some(spec.on_disconnect));
    Watcher { session, id, on_disconnect, knows_start: false, began }
}
