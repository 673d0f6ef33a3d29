//! A journal that moves from one place to another, and what is in one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::backend::{Backend, Contents};
use crate::clock::{self, Clock};
use crate::entry::Outcome;
use crate::error::{CannotOpen, Fault, OpenError, ReadError};
use crate::local::engine::Engine as File;
use crate::options::Options;
use crate::recovery::Recovery;
use crate::shared::candidate::{Candidate, Role};
use crate::shared::connection::Reactor;
use crate::shared::database::Database;
use crate::shared::engine::Engine as Shared;
use crate::store::{UNSEEN_US, open_file};

/// Where others find a process that copies: nowhere.
const ADDRESS: &str = "acequia journal";
/// Of records that cannot be read so many are told.
const UNREADABLE_MAX: usize = 10;

/// Where a journal is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In a database, under the name of a cluster.
    Shared {
        /// The database.
        database: Database,
        /// The name.
        name: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Shared { database, .. } => write!(f, "{database}"),
        }
    }
}

/// Why a journal is not copied, or not looked at. Where it is to be copied to is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of them cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// One of them cannot be read.
    #[error("{place}: {source}")]
    Read {
        /// Which.
        place: String,
        /// Why.
        source: ReadError,
    },
    /// There is nothing to be copied.
    #[error("there is no journal at {0}")]
    Nothing(String),
    /// A server works with it.
    #[error("{place}: the server at {owner} works with it; stop all servers of the cluster first")]
    Live {
        /// Which.
        place: String,
        /// The server.
        owner: String,
    },
    /// Something is there already.
    #[error(
        "{0}: there are jobs, sessions or outcomes in it already; copy to a journal that is empty, or does not exist"
    )]
    NotEmpty(String),
    /// A record cannot be read, and would be missing in the copy.
    #[error("{place}: {what}; `acequia journal check` tells of all of them")]
    Unreadable {
        /// Which journal.
        place: String,
        /// What it is.
        what: String,
    },
    /// It cannot be written.
    #[error("{place}: {why}")]
    Write {
        /// Which.
        place: String,
        /// Why.
        why: String,
    },
    /// What was written is not what was read.
    #[error("{place}: it holds {found} where {meant} was to be copied; do not use it")]
    Differs {
        /// The copy.
        place: String,
        /// What is in it.
        found: Box<Inventory>,
        /// What was to be in it.
        meant: Box<Inventory>,
    },
}

/// What is in a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Live jobs by queue.
    pub jobs: BTreeMap<String, u64>,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Outcomes that are kept.
    pub outcomes: u64,
    /// Sessions that can be resumed.
    pub sessions: u64,
    /// Batches that are not over, and ends of batches that clients may not have seen.
    pub batches: u64,
    /// Queues that are paused.
    pub paused: Vec<String>,
    /// The highest ticket that was ever written.
    pub highest_ticket: u64,
    /// Records that cannot be read: the first of them.
    pub unreadable: Vec<String>,
    /// The server that works with it.
    pub owner: Option<String>,
}

impl Inventory {
    fn of(contents: Box<dyn Contents + '_>) -> Result<Self, ReadError> {
        let recovery = Recovery(contents);
        let mut all = Self { highest_ticket: recovery.highest_ticket(), ..Self::default() };
        for job in recovery.jobs()? {
            if let Some(job) = all.readable(job)? {
                let spec = &job.admitted.spec;
                all.payload_bytes += spec.payload.bytes().len() as u64;
                *all.jobs.entry(spec.queue.to_string()).or_default() += 1;
            }
        }
        for letter in recovery.dead_letters()? {
            all.dead_letters += u64::from(all.readable(letter)?.is_some());
        }
        for outcome in recovery.outcomes()? {
            let is_there = all.readable(outcome)?.is_some_and(|of| of.outcome != Outcome::GivenUp);
            all.outcomes += u64::from(is_there);
        }
        for session in recovery.sessions()? {
            all.sessions += u64::from(all.readable(session)?.is_some());
        }
        for tally in recovery.tallies()? {
            all.batches += u64::from(all.readable(tally)?.is_some());
        }
        for end in recovery.batch_ends()? {
            all.batches += u64::from(all.readable(end)?.is_some());
        }
        for queue in recovery.paused()? {
            let queue = all.readable(queue)?;
            all.paused.extend(queue.map(|queue| queue.to_string()));
        }
        Ok(all)
    }

    /// A record, if it can be read. That it cannot is no reason not to look at the next.
    fn readable<T>(&mut self, record: Result<T, ReadError>) -> Result<Option<T>, ReadError> {
        match record {
            Ok(record) => Ok(Some(record)),
            Err(error @ (ReadError::Store(_) | ReadError::Database(_))) => Err(error),
            Err(error) => {
                if self.unreadable.len() < UNREADABLE_MAX {
                    self.unreadable.push(error.to_string());
                }
                Ok(None)
            }
        }
    }

    fn is_empty(&self) -> bool {
        let Self { jobs, dead_letters, outcomes, sessions, batches, paused, .. } = self;
        jobs.is_empty()
            && paused.is_empty()
            && [dead_letters, outcomes, sessions, batches] == [&0; 4]
    }
}

/// In a few words.
impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, dead_letters, outcomes, sessions, .. } = self;
        let jobs: u64 = jobs.values().sum();
        write!(
            f,
            "{jobs} jobs, {dead_letters} dead letters, {outcomes} outcomes and {sessions} sessions"
        )
    }
}

/// A journal that nobody else writes to as long as this lives.
struct Opened {
    engine: Box<dyn Backend>,
    /// What its records are stamped with, by now.
    now_ms: u64,
    /// Higher than any number that was given in the order of time.
    first_number: u64,
    /// Keeps the lease.
    _candidate: Option<Candidate>,
}

impl Opened {
    fn inventory(&self, place: &Place) -> Result<Inventory, CopyError> {
        let unread = |source| CopyError::Read { place: place.to_string(), source };
        self.engine.contents().and_then(Inventory::of).map_err(unread)
    }
}

/// Copies all that is in a journal to another, which is empty or does not exist. No server may work with
/// either meanwhile.
///
/// # Errors
/// If that cannot be done. The other one is then as it was.
pub fn copy(from: &Place, to: &Place) -> Result<Inventory, CopyError> {
    let source = open_source(from)?;
    let meant = source.inventory(from)?;
    if let Some(what) = meant.unreadable.first() {
        return Err(CopyError::Unreadable { place: from.to_string(), what: what.clone() });
    }
    let mut target = open(to)?;
    if !target.inventory(to)?.is_empty() {
        return Err(CopyError::NotEmpty(to.to_string()));
    }
    let unread = |source| CopyError::Read { place: from.to_string(), source };
    let contents = source.engine.contents().map_err(unread)?;
    // Numbers of the next server have to be higher than those of the ones before it.
    let time_ms = source.now_ms.max(source.first_number.div_ceil(1_000)).max(target.now_ms);
    let unwritten =
        |fault: Fault| CopyError::Write { place: to.to_string(), why: fault.to_string() };
    target.engine.fill(&*contents, time_ms).map_err(unwritten)?;
    let found = target.inventory(to)?;
    if found != meant {
        let (found, meant) = (Box::new(found), Box::new(meant));
        return Err(CopyError::Differs { place: to.to_string(), found, meant });
    }
    Ok(meant)
}

/// Reads a journal, all of it. One in a database may be read while a server works with it.
///
/// # Errors
/// If it is not there, or cannot be read.
pub fn check(at: &Place) -> Result<Inventory, CopyError> {
    match at {
        Place::File(_) => open_source(at)?.inventory(at),
        Place::Shared { database, name } => {
            let refused = |why| OpenError { place: at.to_string(), why };
            let reactor = Reactor::new().map_err(|error| refused(CannotOpen::Io(error)))?;
            let found = Shared::look_at(&reactor, database, name).map_err(refused)?;
            let Some((contents, owner)) = found else {
                return Err(CopyError::Nothing(at.to_string()));
            };
            let unread = |source| CopyError::Read { place: at.to_string(), source };
            Ok(Inventory { owner, ..Inventory::of(Box::new(contents)).map_err(unread)? })
        }
    }
}

/// One that has to be there.
fn open_source(place: &Place) -> Result<Opened, CopyError> {
    let is_there = match place {
        // Anything but a file is refused where it is opened.
        Place::File(path) => path.symlink_metadata().is_ok(),
        Place::Shared { database, name } => {
            let refused = |why| OpenError { place: place.to_string(), why };
            let reactor = Reactor::new().map_err(|error| refused(CannotOpen::Io(error)))?;
            Shared::look_at(&reactor, database, name).map_err(refused)?.is_some()
        }
    };
    if !is_there {
        return Err(CopyError::Nothing(place.to_string()));
    }
    open(place)
}

fn open(place: &Place) -> Result<Opened, CopyError> {
    match place {
        Place::File(path) => {
            let (engine, _) = open_file(path, Options::default())?;
            let now_ms = Clock::go_on(engine.written().copied(), clock::of_system()).now_ms();
            let engine: Box<File> = Box::new(engine);
            Ok(Opened { engine, now_ms, first_number: now_ms * 1_000, _candidate: None })
        }
        Place::Shared { database, name } => {
            let candidate = Candidate::start(database.clone(), name, ADDRESS.to_owned())?;
            let term = match own(&candidate) {
                Ok(term) => term,
                Err(owner) => return Err(CopyError::Live { place: place.to_string(), owner }),
            };
            let engine = Box::new(term.engine(Options::default())?);
            let (now_ms, first_number) = (term.floor_us / 1_000, term.floor_us + UNSEEN_US);
            Ok(Opened { engine, now_ms, first_number, _candidate: Some(candidate) })
        }
    }
}

/// Takes the journal over, unless somebody has it.
fn own(candidate: &Candidate) -> Result<crate::shared::candidate::Term, String> {
    let mut role = candidate.role();
    let known = |role: &Role| !matches!(role, Role::Standby { owner: None, .. });
    let Ok(reactor) = Reactor::new() else { return Err("an address that is not known".to_owned()) };
    match reactor.block_on(role.wait_for(known)).as_deref() {
        Ok(Role::Owner(term)) => Ok(term.clone()),
        Ok(Role::Standby { owner: Some(owner), .. }) => Err(owner.clone()),
        Ok(Role::Halted { why }) => Err(why.clone()),
        Ok(Role::Standby { owner: None, .. }) | Err(_) => {
            Err("an address that is not known".to_owned())
        }
    }
}
