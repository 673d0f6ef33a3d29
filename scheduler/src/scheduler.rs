//! The state as a whole; what is done with it is in `rules/`.

use std::collections::{BTreeMap, VecDeque};

use acequia_wire::JobId;

use crate::config::Config;
use crate::ids::Ticket;
use crate::state::adoption::Adoption;
use crate::state::batches::Batches;
use crate::state::by_id::ById;
use crate::state::chunks::Chunks;
use crate::state::clients::Clients;
use crate::state::dead_letters::DeadLetters;
use crate::state::jitter::Jitter;
use crate::state::job::Job;
use crate::state::keys::Keys;
use crate::state::lanes::{Lanes, Patience};
use crate::state::list::List;
use crate::state::outcomes::Outcomes;
use crate::state::queue::Queues;
use crate::state::timers::Timers;
use crate::state::unclaimed::Unclaimed;
use crate::time::Time;

/// The scheduler. See the crate's documentation for the rules that it keeps.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) config: Config,
    pub(crate) jobs: Chunks<Job>,
    pub(crate) by_id: ById,
    /// The highest id of all jobs that there are or were, as far as they are known. Ids rise as a
    /// rule, so one that is new mostly need not be looked for.
    pub(crate) last_id: Option<JobId>,
    pub(crate) payload_bytes: usize,
    /// Jobs with a worker that wait for their run.
    pub(crate) running: usize,
    /// These, the longest first.
    pub(crate) runs: List,
    /// Jobs that wait under suspicion.
    pub(crate) suspects: usize,
    /// Some of them wait no longer and did not run, or a lane for them may be gone.
    pub(crate) is_suspicion_stale: bool,
    pub(crate) clients: Clients,
    pub(crate) queues: Queues,
    pub(crate) lanes: Lanes,
    pub(crate) keys: Keys,
    pub(crate) outcomes: Outcomes,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) batches: Batches,
    pub(crate) timers: Timers,
    /// Jobs whose records are on their way to the disk, in the order of their tickets. A key may
    /// be another job's by now, so the ticket must be compared.
    pub(crate) undurable: VecDeque<(Ticket, usize)>,
    pub(crate) last_ticket: Ticket,
    pub(crate) adoption: Adoption,
    /// Runs from before a takeover whose jobs nobody has named yet, by job. There are none but during
    /// the wait for adoption.
    pub(crate) unclaimed: BTreeMap<JobId, Unclaimed>,
    pub(crate) draining: bool,
    /// Records cannot be written.
    pub(crate) storage_failed: bool,
    pub(crate) jitter: Jitter,
}

impl Scheduler {
    /// An empty scheduler.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            jobs: Chunks::new(),
            by_id: ById::default(),
            last_id: None,
            payload_bytes: 0,
            running: 0,
            runs: List::default(),
            suspects: 0,
            is_suspicion_stale: false,
            clients: Clients::default(),
            queues: Queues::default(),
            lanes: Lanes::default(),
            keys: Keys::default(),
            outcomes: Outcomes::default(),
            dead_letters: DeadLetters::default(),
            batches: Batches::default(),
            timers: Timers::default(),
            undurable: VecDeque::new(),
            last_ticket: Ticket(0),
            adoption: Adoption::of(&config),
            unclaimed: BTreeMap::new(),
            draining: false,
            storage_failed: false,
            jitter: Jitter::new(config.seed),
        }
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience { remind: self.config.remind_after, answer: self.config.answer_within }
    }

    /// When [`Event::Tick`](crate::Event::Tick) is due; `None` if nothing waits for time to pass.
    pub fn next_deadline(&self) -> Option<Time> {
        self.timers.next().into_iter().chain(self.outcomes.next(&self.config)).min()
    }

    /// Whether no job is with a worker.
    pub fn is_idle(&self) -> bool {
        self.lanes.busy == 0
    }
}
