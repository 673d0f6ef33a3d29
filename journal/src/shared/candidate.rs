//! A server's part in the question who owns the journal, as long as the server runs.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::connection::{Line, Reactor};
use super::database::Database;
use super::engine::Engine;
use super::refusal::{Kind, Refusal};
use super::row::{self, Server};
use super::schema;
use crate::caution::Caution;
use crate::clock::boot_ms;
use crate::error::{CannotOpen, OpenError};
use crate::lease::{Answer, Lease, Standing};
use crate::options::Options;

/// How long a database may be out of reach when a server starts.
const START_TIME_MAX: Duration = Duration::from_secs(10);
/// How long to wait before another try.
const START_AGAIN: Duration = Duration::from_millis(500);
/// How long an owner may take to answer that it is there.
const TRY_TIME_MAX: Duration = Duration::from_millis(500);

/// What a server may do: as it stands, and what it is to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It waits for the journal, which the server at this address owns.
    Standby {
        /// `None` if nobody is known who does.
        owner: Option<String>,
        /// How often the journal has changed hands, as it was seen last.
        epoch: u64,
    },
    /// It owns the journal.
    Owner(Term),
    /// What the database had confirmed is lost: it does nothing more.
    Halted {
        /// What was found.
        why: String,
    },
}

/// What an owner begins with.
#[derive(Clone, Debug)]
pub struct Term {
    /// How often the journal has changed hands.
    pub epoch: u64,
    /// The time of the database, in microseconds since 1970.
    pub(crate) floor_us: u64,
    /// When that was told, in milliseconds since this machine was booted.
    pub(crate) taken_at_ms: u64,
    /// This server's number.
    pub(crate) owner: u128,
    database: Database,
    district: i32,
}

impl Term {
    /// The journal, which is this server's as long as the term lasts.
    pub(crate) fn engine(&self, options: Options) -> Result<Engine, OpenError> {
        let Self { epoch, owner, database, district, .. } = self;
        let opened = Engine::open(database.clone(), *district, *owner, *epoch, options);
        opened.map_err(|why| OpenError { place: database.to_string(), why })
    }
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, self.owner) == (other.epoch, other.owner)
    }
}

impl Eq for Term {}

/// Whether this server's lease holds. Cheap to look at.
#[derive(Clone, Debug)]
pub struct Tenure(watch::Receiver<u64>);

impl Tenure {
    /// Whether another server may have taken over by now, for all that is known here.
    pub fn is_in_question(&self) -> bool {
        boot_ms() >= *self.0.borrow()
    }

    /// Waits until the lease is renewed.
    pub async fn renewed(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody renews it any more.
            std::future::pending().await
        }
    }
}

/// What the thread is told.
#[derive(Debug)]
enum Told {
    /// This server's work has ended: it stands by once more.
    StandBy,
    /// Commits are lost.
    Halt(String),
    /// This server stops.
    Release,
}

/// A server that owns a journal in PostgreSQL, or waits until it does.
///
/// A thread looks after it. It ends, and gives the journal to whoever waits, when this is dropped or
/// [released](Self::release).
#[derive(Debug)]
pub struct Candidate {
    cautions: Vec<Caution>,
    role: watch::Receiver<Role>,
    tenure: Tenure,
    tell: mpsc::UnboundedSender<Told>,
    thread: JoinHandle<()>,
}

impl Candidate {
    /// Looks after the database, makes its tables if they are not there, and stands for the journal of this
    /// name. Others reach this server at `address`. Waits for the database.
    ///
    /// # Errors
    /// If it cannot be used; the message says what to do.
    pub fn start(database: Database, name: &str, address: String) -> Result<Self, OpenError> {
        Self::begin(database, name, address, Lease::new)
    }

    /// The same for a server that only wants to know who owns the journal.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub fn watch(database: Database, name: &str) -> Result<Self, OpenError> {
        Self::begin(database, name, String::new(), Lease::only_looking)
    }

    fn begin(
        database: Database,
        name: &str,
        address: String,
        lease: fn(u128, u64) -> Lease,
    ) -> Result<Self, OpenError> {
        let place = database.to_string();
        let start = || -> Result<Self, CannotOpen> {
            let reactor = Reactor::new()?;
            let mut line = Line::new(database.clone());
            let prepared = reactor.block_on(prepare(&mut line, name));
            let (district, cautions) =
                prepared.map_err(|refusal| CannotOpen::Database(refusal.why))?;
            let (tell, told) = mpsc::unbounded_channel();
            let (set_role, role) = watch::channel(Role::Standby { owner: None, epoch: 0 });
            let (hold, held) = watch::channel(0);
            let me = number();
            let mut stand = Stand {
                line,
                server: Server { district, me, address },
                lease: lease(me, boot_ms()),
                role: set_role,
                tenure: hold,
                tried: None,
                fault: None,
            };
            let thread = std::thread::Builder::new()
                .name("lease".to_owned())
                .spawn(move || reactor.block_on(stand.run(told)))?;
            let tenure = Tenure(held);
            Ok(Self { cautions, role, tenure, tell, thread })
        };
        start().map_err(|why| OpenError { place, why })
    }

    /// What the operator should know about the database.
    pub fn cautions(&self) -> &[Caution] {
        &self.cautions
    }

    /// What this server may do, now and later.
    pub fn role(&self) -> watch::Receiver<Role> {
        self.role.clone()
    }

    /// Whether its lease holds.
    pub fn tenure(&self) -> Tenure {
        self.tenure.clone()
    }

    /// This server has owned the journal, and does so no more. It stands by.
    pub fn stand_by(&self) {
        // A thread that is gone stands for nothing.
        _ = self.tell.send(Told::StandBy);
    }

    /// Commits are lost that were confirmed: this server does nothing more.
    pub fn halt(&self, why: String) {
        _ = self.tell.send(Told::Halt(why));
    }

    /// Gives the journal to whoever waits for it. Waits for the database, not for long.
    pub fn release(self) {
        let Self { tell, thread, .. } = self;
        _ = tell.send(Told::Release);
        // One that has panicked holds nothing.
        _ = thread.join();
    }
}

/// The database may just be starting, as this server is.
async fn prepare(line: &mut Line, name: &str) -> Result<(i32, Vec<Caution>), Refusal> {
    let until = Instant::now() + START_TIME_MAX;
    loop {
        let prepared = async {
            let cautions = schema::prepare(line).await?;
            Ok((schema::district(line, name).await?, cautions))
        };
        match prepared.await {
            Err(Refusal { kind: Kind::Broken, .. }) if Instant::now() < until => {
                tokio::time::sleep(START_AGAIN).await;
            }
            prepared => return prepared,
        }
    }
}

/// A number that no other server has, nor this one before.
fn number() -> u128 {
    Uuid::new_v4().as_u128()
}

/// What the thread has.
struct Stand {
    line: Line,
    server: Server,
    lease: Lease,
    role: watch::Sender<Role>,
    tenure: watch::Sender<u64>,
    /// The owner that was looked for last.
    tried: Option<u128>,
    /// Why the database was not to be asked last, as it was told.
    fault: Option<String>,
}

impl Stand {
    async fn run(&mut self, mut told: mpsc::UnboundedReceiver<Told>) {
        loop {
            if let Some(ask) = self.lease.next(boot_ms()) {
                let answer = row::ask(&mut self.line, &self.server, ask).await;
                self.hear(answer).await;
                continue;
            }
            let due = Duration::from_millis(self.lease.due_ms().saturating_sub(boot_ms()));
            let is_over =
                matches!(self.lease.standing(), Standing::Over | Standing::WentBack { .. });
            tokio::select! {
                told = told.recv() => match told {
                    Some(Told::StandBy) => {
                        self.server.me = number();
                        self.lease.begin_again(self.server.me, boot_ms());
                        self.tell();
                    }
                    Some(Told::Halt(why)) => {
                        self.lease.went_back(why);
                        self.tell();
                    }
                    Some(Told::Release) | None => return self.release().await,
                },
                () = tokio::time::sleep(due), if !is_over => self.try_owner().await,
            }
        }
    }

    /// Looks whether the owner is there that this server waits for.
    async fn try_owner(&mut self) {
        let Some((owner, address)) = self.lease.awaited() else { return };
        let address = address.to_owned();
        self.tried = Some(owner);
        if let Some(is_there) = is_there(&address).await {
            self.lease.tried(owner, is_there, boot_ms());
        }
    }

    async fn hear(&mut self, answer: Result<Answer, Refusal>) {
        let answer = match answer {
            Ok(answer) => {
                if self.fault.take().is_some() {
                    tracing::info!("PostgreSQL answers again");
                }
                answer
            }
            Err(refusal) => {
                if self.fault.as_ref() != Some(&refusal.why) {
                    tracing::warn!(why = %refusal.why, "who owns the journal cannot be asked");
                    self.fault = Some(refusal.why);
                }
                Answer::Failed
            }
        };
        self.lease.hear(answer, boot_ms());
        // Only of one that it has reached this server can tell that it is dead.
        if self.lease.awaited().is_some_and(|(owner, _)| self.tried != Some(owner)) {
            self.try_owner().await;
        }
        self.tell();
    }

    /// Has everybody know how this server stands.
    fn tell(&mut self) {
        let until_ms = self.lease.held_until_ms();
        self.tenure.send_if_modified(|of| std::mem::replace(of, until_ms) != until_ms);
        let role = match self.lease.standing() {
            Standing::Standby { owner, epoch } => {
                Role::Standby { owner: owner.clone(), epoch: *epoch }
            }
            Standing::Owner(taken) => Role::Owner(Term {
                epoch: taken.epoch,
                floor_us: taken.floor_us,
                taken_at_ms: self.lease.taken_at_ms(),
                owner: self.server.me,
                database: self.line.database().clone(),
                district: self.server.district,
            }),
            // Until its work has ended.
            Standing::Over => Role::Standby { owner: None, epoch: self.lease.highest() },
            Standing::WentBack { what } => Role::Halted { why: what.clone() },
        };
        self.role.send_if_modified(|of| {
            let is_new = *of != role;
            *of = role;
            is_new
        });
    }

    async fn release(&mut self) {
        if let Some(ask) = self.lease.release(boot_ms()) {
            // Where it fails, the lease runs out.
            _ = row::ask(&mut self.line, &self.server, ask).await;
        }
    }
}

/// Whether somebody is at this address, if that can be told.
async fn is_there(address: &str) -> Option<bool> {
    let (_, rest) = address.split_once("://")?;
    let host = rest.split('/').next()?;
    match tokio::time::timeout(TRY_TIME_MAX, TcpStream::connect(host)).await {
        Ok(Ok(_)) => Some(true),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Some(false),
        _ => None,
    }
}
