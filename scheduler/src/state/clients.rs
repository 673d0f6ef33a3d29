//! Clients and their sessions: who is told, whose turn it is, and how much each has in flight.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use slab::Slab;

use crate::ids::{ClientId, SessionId};
use crate::state::session_jobs::SessionJobs;
use crate::state::tally::Tally;

/// A client, as long as it has a session or a live job.
#[derive(Debug)]
pub(crate) struct Client {
    id: ClientId,
    sessions: usize,
    /// Its live jobs, one that several of its submits are told about as often as that, and all that
    /// it looks on at.
    jobs: usize,
    holds: Holds,
}

/// What a client holds of what all share.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    /// Live jobs that are not with a worker.
    pub(crate) waiting: usize,
    /// Payload bytes of live jobs.
    pub(crate) payload_bytes: usize,
    /// Live jobs by queue.
    pub(crate) in_queues: Tally,
}

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: usize,
    /// Live jobs that its client may have for it to submit more, if all may have as many.
    pub(crate) jobs_max: u32,
    /// The live jobs that it is told about.
    pub(crate) jobs: SessionJobs,
    /// The batches that it submitted to.
    pub(crate) batches: BTreeSet<usize>,
    /// Its client is not there for now.
    pub(crate) is_absent: bool,
    /// Its client may ask for the outcomes of its jobs, accepted or not.
    pub(crate) asks_later: bool,
}

/// What a session that has ended had to do with, each once and in order.
#[derive(Default)]
pub(crate) struct Closed {
    /// Whose session it was, if that is a client still.
    pub(crate) client: Option<usize>,
    pub(crate) jobs: Vec<usize>,
    pub(crate) batches: BTreeSet<usize>,
    pub(crate) was_absent: bool,
}

/// All clients and sessions.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    clients: Slab<Client>,
    by_id: FxHashMap<ClientId, usize>,
    sessions: FxHashMap<SessionId, Session>,
}

impl Clients {
    /// The client of this name, which must get a session or a job then.
    pub(crate) fn find_or_add(&mut self, id: ClientId) -> usize {
        let clients = &mut self.clients;
        let new = || clients.insert(Client { id, sessions: 0, jobs: 0, holds: Holds::default() });
        *self.by_id.entry(id).or_insert_with(new)
    }

    /// The client of this name, if it has a session or a job.
    pub(crate) fn find(&self, id: ClientId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn open(&mut self, session: SessionId, id: ClientId) {
        let client = self.find_or_add(id);
        self.clients[client].sessions += 1;
        let (jobs, batches) = (SessionJobs::default(), BTreeSet::new());
        let new = Session {
            client,
            jobs_max: u32::MAX,
            jobs,
            batches,
            is_absent: false,
            asks_later: false,
        };
        self.sessions.insert(session, new);
    }

    /// Ends a session and returns the jobs that it watched and its batches.
    pub(crate) fn close(&mut self, session: SessionId) -> Closed {
        let Some(session) = self.sessions.remove(&session) else { return Closed::default() };
        let Session { client, jobs, batches, is_absent, .. } = session;
        self.clients[client].sessions -= 1;
        let client = (!self.forget_if_gone(client)).then_some(client);
        Closed { client, jobs: jobs.keys(), batches, was_absent: is_absent }
    }

    pub(crate) fn look_at(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(&session)
    }

    pub(crate) fn session(&mut self, session: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&session)
    }

    /// The client of a session, and the live jobs that it may have for this session to submit more.
    pub(crate) fn quota(&self, session: SessionId) -> Option<(usize, usize)> {
        let open = self.sessions.get(&session)?;
        Some((open.client, usize::try_from(open.jobs_max).unwrap_or(usize::MAX)))
    }

    pub(crate) fn sessions(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn id_of(&self, client: usize) -> ClientId {
        self.clients[client].id
    }

    pub(crate) fn jobs_of(&self, client: usize) -> usize {
        self.clients[client].jobs
    }

    pub(crate) fn holds(&self, client: usize) -> &Holds {
        &self.clients[client].holds
    }

    /// A job of a client begins, and waits.
    pub(crate) fn job_begins(&mut self, client: usize, queue: usize, payload_bytes: usize) {
        let client = &mut self.clients[client];
        client.jobs += 1;
        client.holds.waiting += 1;
        client.holds.payload_bytes += payload_bytes;
        client.holds.in_queues.add(queue);
    }

    /// A job of a client, which waits, ends. The client is forgotten only when it is not counted as
    /// a live job of it any more, either.
    pub(crate) fn job_leaves(&mut self, client: usize, queue: usize, payload_bytes: usize) {
        let holds = &mut self.clients[client].holds;
        holds.waiting -= 1;
        holds.payload_bytes -= payload_bytes;
        holds.in_queues.remove(queue);
    }

    pub(crate) fn run_begins(&mut self, client: usize) {
        self.clients[client].holds.waiting -= 1;
    }

    pub(crate) fn run_ends(&mut self, client: usize) {
        self.clients[client].holds.waiting += 1;
    }

    /// A job counts once more as a live one of its client.
    pub(crate) fn job_is_watched(&mut self, client: usize) {
        self.clients[client].jobs += 1;
    }

    pub(crate) fn jobs_end(&mut self, client: usize, count: usize) {
        self.clients[client].jobs -= count;
        self.forget_if_gone(client);
    }

    /// Returns whether it is forgotten.
    fn forget_if_gone(&mut self, client: usize) -> bool {
        let Client { id, sessions, jobs, .. } = self.clients[client];
        let is_gone = sessions == 0 && jobs == 0;
        if is_gone {
            self.by_id.remove(&id);
            self.clients.remove(client);
        }
        is_gone
    }
}

#[cfg(test)]
impl Clients {
    /// That counts and lists agree with `jobs`.
    pub(crate) fn assert_consistent(
        &self,
        jobs: &crate::state::chunks::Chunks<crate::state::job::Job>,
    ) {
        use crate::state::job::{Job, State};
        use crate::state::watchers::Watcher;

        assert_eq!(self.by_id.len(), self.clients.len());
        for (key, client) in &self.clients {
            assert_eq!(self.by_id[&client.id], key);
            assert!(client.sessions + client.jobs > 0, "{client:?} is kept for nothing");
            let of_client = jobs.iter().filter(|(_, job)| job.client() == key);
            let counts = of_client.map(|(_, job)| job.watchers.count_as_jobs());
            let looks_on = |watcher: &Watcher<'_>| {
                watcher.at.looks_on() && self.sessions[&watcher.at.session].client == key
            };
            let looked_on =
                jobs.iter().map(|(_, job)| job.watchers.iter().filter(looks_on).count());
            assert_eq!(client.jobs, counts.sum::<usize>() + looked_on.sum::<usize>());
            let of_client = || jobs.iter().filter(|(_, job)| job.client() == key);
            let waits = |job: &Job| !matches!(job.state, State::Running { .. });
            let holds = &client.holds;
            assert_eq!(holds.waiting, of_client().filter(|(_, job)| waits(job)).count());
            let bytes = of_client().map(|(_, job)| job.payload.bytes().len());
            assert_eq!(holds.payload_bytes, bytes.sum::<usize>());
            let queues: BTreeSet<usize> = of_client().map(|(_, job)| job.queue()).collect();
            assert_eq!(holds.in_queues.queues(), queues.len());
            for queue in queues {
                let in_queue = of_client().filter(|(_, job)| job.queue() == queue);
                assert_eq!(holds.in_queues.of(queue), in_queue.count());
            }
            let sessions = self.sessions.values().filter(|session| session.client == key);
            assert_eq!(client.sessions, sessions.count());
        }
        let of_sessions = self.sessions.values().map(|session| session.jobs.len()).sum::<usize>();
        assert_eq!(of_sessions, jobs.iter().map(|(_, job)| job.watchers.len()).sum::<usize>());
        for (key, job) in jobs.iter() {
            for watcher in job.watchers.iter() {
                let session = &self.sessions[&watcher.at.session];
                assert!(watcher.at.looks_on() || session.client == job.client());
                assert_eq!(session.jobs.find(jobs, watcher.id), Some(key));
            }
        }
    }

    pub(crate) fn attends(&self, session: SessionId, batch: usize) -> bool {
        self.sessions.get(&session).is_some_and(|open| open.batches.contains(&batch))
    }

    pub(crate) fn attended(&self) -> usize {
        self.sessions.values().map(|open| open.batches.len()).sum()
    }

    pub(crate) fn assert_empty(&self) {
        assert!(self.clients.is_empty() && self.by_id.is_empty() && self.sessions.is_empty());
    }
}
