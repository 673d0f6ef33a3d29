//! What stands between the scheduler and the journal: actions become entries, and what the journal
//! kept becomes events.

mod silence;
mod timescale;
mod translate;

pub(crate) use self::translate::Told;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acequia_journal::{
    Entry, NotWritten, Notice, OpenError, Options, ReadError, Retention, Session, Store, Tenure,
    Term, Writer,
};
use acequia_scheduler::{Action, ClientId, Config, Event, Scheduler, SessionId, Ticket, Time};
use acequia_sink::Left;
use acequia_wire::QueueName;
use acequia_wire::client::{Batch, OnDisconnect};
use tokio::time::Instant;

use self::silence::Silence;
use self::timescale::{Shift, Timescale};
use crate::clock::Clock;
use crate::metrics::JournalState;

/// How long gathers what somebody waits for, most of it records of new jobs. A job that ends sooner
/// is never `accepted`: its outcome says more, and for less.
const AWAITED_INTERVAL: Duration = Duration::from_millis(5);
/// How long everything else gathers, if nothing of that sort comes. What a crash takes
/// of it is a run that is counted too little, or a job that runs once more.
const OTHERS_INTERVAL: Duration = Duration::from_millis(25);

/// What is said of a journal that neither does what it is asked nor fails.
pub(super) const SILENT: &str = "the journal's disk, or its database, has not answered for some seconds; look after it, and jobs are \
     taken as soon as it does";

/// Where the journal is.
#[derive(Debug)]
pub(crate) enum Source {
    /// Nowhere: jobs live as long as the server.
    Nowhere,
    File(PathBuf),
    /// In a database, for a term.
    Term(Term, Tenure),
}

impl Source {
    /// Whether the lease holds, where there is one.
    pub(crate) fn tenure(&self) -> Option<Tenure> {
        match self {
            Self::Term(_, tenure) => Some(tenure.clone()),
            Self::Nowhere | Self::File(_) => None,
        }
    }
}

/// Why there is nothing to go on from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRecovered {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{place}: {source}")]
    Unreadable { place: String, source: ReadError },
}

/// A scheduler that goes on where the last one ended, and the store that it came from.
pub(crate) struct Opened {
    scheduler: Scheduler,
    /// `None` if there is no journal.
    store: Option<Store>,
    /// What came of it.
    actions: Vec<Action>,
    sessions: BTreeMap<u64, Restored>,
    /// Jobs with tickets up to this one may have records.
    up_to: Ticket,
    /// `None` if there is no journal.
    timescale: Option<Timescale>,
    /// `None` if the journal is nobody else's.
    tenure: Option<Tenure>,
    epoch: Option<u64>,
    first_number: u64,
    /// Whether clients may be there, at doors, who have not been declared yet.
    waits_for_doors: bool,
    pub(crate) recovered: u64,
}

/// A session that can be resumed, and was begun with a server before this one.
pub(crate) struct Restored {
    pub(crate) session: SessionId,
    pub(crate) secret: [u8; 32],
    /// What its client may not have seen.
    pub(crate) left: Left,
}

/// What the pipeline begins with.
pub(crate) struct Start {
    pub(crate) scheduler: Scheduler,
    pub(crate) durability: Durability,
    /// What is to be done first.
    pub(crate) actions: Vec<Action>,
    pub(crate) sessions: Vec<Restored>,
    /// Higher than the number of any session or event that a client of a server before this one may
    /// know.
    pub(crate) first_number: u64,
}

/// Opens the journal, if there is one, and has a scheduler go on with what is in it. Reads all that
/// is in it. Clients may be away for `absence`.
pub(crate) fn open(
    source: Source,
    config: Config,
    absence: Duration,
    clock: Clock,
) -> Result<Opened, NotRecovered> {
    let mut opened = Opened {
        waits_for_doors: !config.adoption.is_zero(),
        scheduler: Scheduler::new(config),
        store: None,
        actions: Vec::new(),
        sessions: BTreeMap::new(),
        up_to: Ticket(0),
        timescale: None,
        tenure: None,
        epoch: None,
        first_number: clock.start_time().as_micros(),
        recovered: 0,
    };
    let options = options(&config, absence);
    let (store, place) = match source {
        Source::Nowhere => return Ok(opened),
        Source::File(path) => (Store::open(&path, options)?, path.display().to_string()),
        Source::Term(term, tenure) => {
            (opened.tenure, opened.epoch) = (Some(tenure), Some(term.epoch));
            (Store::of_term(&term, options)?, "the journal".to_owned())
        }
    };
    for caution in store.cautions() {
        tracing::warn!(journal = place, "of the journal's file: {caution}");
    }
    let unreadable = |source| NotRecovered::Unreadable { place, source };
    opened.recover(&store, clock).map_err(unreadable)?;
    opened.store = Some(store);
    Ok(opened)
}

fn options(config: &Config, absence: Duration) -> Options {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let retention = Retention {
        for_ms: ms(config.retention),
        // A client may be away once before a restart and once after it.
        sessions_ms: ms(absence.saturating_mul(2).saturating_sub(config.retention)),
        outcomes_max: config.retained_jobs,
        bytes_max: config.retained_bytes,
    };
    Options { retention, ..Options::default() }
}

impl Opened {
    fn recover(&mut self, store: &Store, clock: Clock) -> Result<(), ReadError> {
        let now = clock.start_time();
        let mut timescale = Timescale::new(clock, store.clock().clone());
        let shift = timescale.shift(Instant::now());
        // Numbers are given in the order of time, one a microsecond at most: so those of a server
        // before this one are lower, whatever was done to the clock of the system.
        self.first_number = store.first_number();
        self.timescale = Some(timescale);
        let kept = store.recover()?;
        self.up_to = Ticket(kept.highest_ticket());
        self.scheduler.start_after(self.up_to);
        for queue in kept.paused()? {
            let event = Event::PauseQueue { queue: queue? };
            self.scheduler.handle(now, event, &mut self.actions);
        }
        for session in kept.sessions()? {
            let Session { session, client, secret_hash: secret } = session?;
            self.first_number = self.first_number.max(session.saturating_add(1));
            let (name, client) = (SessionId(session), ClientId(client));
            let event = Event::SessionOpened { session: name, client };
            self.scheduler.handle(now, event, &mut self.actions);
            let restored = Restored { session: name, secret, left: Left::default() };
            self.sessions.insert(session, restored);
        }
        for outcome in kept.outcomes()? {
            let outcome = outcome?;
            if let Some(session) = self.sessions.get_mut(&outcome.session) {
                let seq = (outcome.seq > 0).then_some(outcome.seq);
                session.left.outcomes.push((seq, outcome.id.clone(), outcome.job));
            }
            // One that was given up is a name for its session, and no more.
            if let Some(retained) = translate::retained(outcome, shift) {
                let event = Event::RecoveredOutcome(Arc::new(retained));
                self.scheduler.handle(now, event, &mut self.actions);
            }
        }
        for end in kept.batch_ends()? {
            let end = end?;
            if let Some(session) = self.sessions.get_mut(&end.session) {
                session.left.ends.push((end.seq, translate::batch(end)));
            }
        }
        for letter in kept.dead_letters()? {
            let event =
                Event::RecoveredDeadLetter(Arc::new(translate::dead_letter(letter?, shift)));
            self.scheduler.handle(now, event, &mut self.actions);
        }
        for job in kept.jobs()? {
            let job = job?;
            let goes_on = self.sessions.contains_key(&job.admitted.session);
            if job.admitted.spec.on_disconnect == OnDisconnect::Cancel && !goes_on {
                // Its session is over.
                let (ticket, job) = (Ticket(job.admitted.ticket), job.admitted.job);
                self.actions.push(Action::Settle {
                    ticket,
                    job,
                    session: None,
                    in_batch: false,
                    retain: None,
                });
                continue;
            }
            self.recovered += 1;
            self.scheduler.handle(
                now,
                Event::Recovered(translate::recovered(job, shift)),
                &mut self.actions,
            );
        }
        for tally in kept.tallies()? {
            let event = Event::RecoveredTally(translate::tally(tally?, shift));
            self.scheduler.handle(now, event, &mut self.actions);
        }
        if !self.waits_for_doors {
            self.all_absent(now);
        }
        Ok(())
    }

    /// Nobody is there of those whose sessions go on.
    fn all_absent(&mut self, now: Time) {
        for session in self.sessions.values() {
            let absent = Event::SessionAbsent { session: session.session };
            self.scheduler.handle(now, absent, &mut self.actions);
        }
    }

    /// Starts the thread that writes; `notify` is called on it.
    pub(crate) fn start(
        self,
        notify: impl FnMut(Notice) + Send + 'static,
    ) -> std::io::Result<Start> {
        let Self {
            scheduler,
            store,
            actions,
            sessions,
            up_to,
            timescale,
            first_number,
            tenure,
            epoch,
            ..
        } = self;
        let writer = store.map(|store| store.into_writer(notify)).transpose()?;
        let durability = Durability {
            writer,
            timescale,
            tenure,
            epoch,
            is_asked_in_vain: false,
            last: Ticket(0),
            due: None,
            fault: None,
            silence: Silence::default(),
            has_ended: false,
            over: None,
            handed_over: 0,
            handed_over_at: None,
            last_handed_over: up_to,
            durable: 0,
        };
        let sessions = sessions.into_values().collect();
        Ok(Start { scheduler, durability, actions, sessions, first_number })
    }
}

/// Why a server is not to tell anybody anything any more.
#[derive(Clone, Debug)]
pub(crate) struct Over {
    pub(crate) why: String,
    /// Whether the database lacks what it had confirmed.
    pub(crate) is_lost: bool,
}

/// Takes the records of jobs and says when they are durable. Never waits.
#[derive(Debug)]
pub(crate) struct Durability {
    /// `None` without a journal: a job is then as durable as it will ever be once it is admitted.
    writer: Option<Writer>,
    /// `None` without a journal.
    timescale: Option<Timescale>,
    /// `None` if the journal is nobody else's.
    tenure: Option<Tenure>,
    /// How often the journal has changed hands, if it does.
    epoch: Option<u64>,
    /// Whether the lease holds was not to be found out, since the database does not answer.
    is_asked_in_vain: bool,
    /// The last job that was recorded.
    last: Ticket,
    /// When the entries that gather are to be committed.
    due: Option<Instant>,
    /// Why nothing can be written.
    fault: Option<String>,
    /// Whether the disk answers.
    silence: Silence,
    /// The thread that writes is gone.
    has_ended: bool,
    /// Why nobody is to be told anything any more.
    over: Option<Over>,
    /// Groups that were handed to the thread that writes.
    handed_over: u64,
    /// When the last of them was.
    handed_over_at: Option<Instant>,
    /// The last job that was recorded in one of them.
    last_handed_over: Ticket,
    /// Those of them that are on the disk.
    durable: u64,
}

impl Durability {
    /// Takes what the scheduler wants to be written.
    pub(crate) fn record(&mut self, action: Action, told: Told, now: Instant) {
        let shift = self.timescale.as_mut().map_or(Shift::default(), |scale| scale.shift(now));
        let is_told = told.seq.is_some();
        let Some(entry) = translate::entry(action, told, shift) else { return };
        if let Entry::Admitted(admitted) = &entry {
            self.last = Ticket(admitted.ticket);
        }
        // Somebody waits to be told.
        let is_begun = match &entry {
            Entry::Admitted(_) => true,
            // It has begun, which its client hears, and must not expire after a restart.
            Entry::Counted { counts, .. } => counts.failures == 0 && counts.losses == 0,
            _ => false,
        };
        self.append(entry, is_begun || is_told, now);
    }

    /// The end of a batch was told to these sessions, to each by the event of that number.
    pub(crate) fn end_told(&mut self, batch: &Batch, told: Vec<(SessionId, u64)>, now: Instant) {
        for (session, seq) in told {
            let end = Entry::EndTold(Box::new(translate::batch_end(batch, session, seq)));
            self.append(end, true, now);
        }
    }

    /// Ends of batches that were told to a session are not to be told again, up to that number.
    pub(crate) fn ends_gone(&mut self, session: SessionId, up_to: u64, now: Instant) {
        self.append(Entry::EndsSeen { session: session.0, up_to }, false, now);
    }

    /// A session that can be resumed begins.
    pub(crate) fn session_began(&mut self, session: Session, now: Instant) {
        self.append(Entry::SessionBegan(session), true, now);
    }

    pub(crate) fn session_ended(&mut self, session: SessionId, now: Instant) {
        self.append(Entry::SessionEnded { session: session.0 }, false, now);
    }

    /// An operator has paused a queue, or resumed it.
    pub(crate) fn paused(&mut self, queue: QueueName, is_paused: bool, now: Instant) {
        self.append(Entry::Paused { queue, is_paused }, true, now);
    }

    fn append(&mut self, entry: Entry, is_awaited: bool, now: Instant) {
        if let Some(writer) = &mut self.writer {
            writer.append(entry);
        } else if !is_awaited {
            return;
        }
        let due = now + if is_awaited { AWAITED_INTERVAL } else { OTHERS_INTERVAL };
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    /// The group that what is recorded now will be on the disk with, if there is a disk and it can
    /// be written.
    pub(crate) fn next_group(&self) -> Option<u64> {
        let is_waited_for = self.can_write() || self.is_shared();
        (self.writer.is_some() && is_waited_for).then_some(self.handed_over + 1)
    }

    /// The group that all is durable with that was recorded so far; 0 without a journal.
    pub(crate) fn group_of_all(&self) -> u64 {
        let Some(writer) = &self.writer else { return 0 };
        let is_gathering = self.due.is_some() || writer.waiting_bytes() > 0;
        self.handed_over + u64::from(is_gathering)
    }

    /// Whether another server may take the journal over. What is told then has to be durable, however long
    /// that takes: else both might tell of the same job.
    pub(crate) fn is_shared(&self) -> bool {
        self.tenure.is_some()
    }

    /// In a cluster, how often the journal has changed hands.
    pub(crate) fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Whether another server may have taken over, and it can be found out: the process may have stood still.
    pub(crate) fn is_in_question(&mut self) -> bool {
        let Some(tenure) = &self.tenure else { return false };
        let is_in_question = tenure.is_in_question();
        self.is_asked_in_vain &= is_in_question;
        is_in_question && !self.is_asked_in_vain
    }

    /// Waits until the lease is renewed.
    pub(crate) async fn renewed(&mut self) {
        match &mut self.tenure {
            Some(tenure) => tenure.renewed().await,
            None => std::future::pending().await,
        }
    }

    /// The database does not answer. Until it does, this server goes on as one whose disk is full.
    pub(crate) fn asked_in_vain(&mut self) {
        self.is_asked_in_vain = true;
    }

    /// Why nobody is to be told anything any more, if that is so.
    pub(crate) fn over(&self) -> Option<&Over> {
        self.over.as_ref()
    }

    /// How long the last group took that is durable.
    pub(crate) fn take_group_time(&mut self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.handed_over_at.take()?))
    }

    /// Whether the record of a job may be on the disk. Until then a job that ends leaves nothing.
    pub(crate) fn is_handed_over(&self, ticket: Ticket) -> bool {
        ticket <= self.last_handed_over
    }

    /// Whether there is a journal.
    pub(crate) fn is_kept(&self) -> bool {
        self.writer.is_some()
    }

    /// Whether writing has not failed, nor is it too long that the disk has said nothing.
    pub(crate) fn can_write(&self) -> bool {
        self.fault.is_none() && !self.silence.is_too_long()
    }

    /// How many groups are on the disk.
    pub(crate) fn durable(&self) -> u64 {
        self.durable
    }

    /// When [`commit_if_due`](Self::commit_if_due) or [`look`](Self::look) has something to do.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due.into_iter().chain(self.silence.due()).min()
    }

    /// Has what gathered written, if it has gathered for long enough. Returns how far all is durable
    /// where that is known at once.
    pub(crate) fn commit_if_due(&mut self, now: Instant) -> Option<Event> {
        self.due.take_if(|due| *due <= now)?;
        self.hand_over(now);
        self.writer.is_none().then_some(Event::Durable { up_to: self.last })
    }

    fn hand_over(&mut self, now: Instant) {
        if self.writer.as_mut().is_some_and(Writer::commit) {
            self.handed_over += 1;
            self.handed_over_at = Some(now);
            self.last_handed_over = self.last_handed_over.max(self.last);
            self.silence.begin(now);
        }
    }

    /// Looks whether the disk still answers. Returns whether it is from now on that it does not.
    pub(crate) fn look(&mut self, now: Instant) -> bool {
        let is_too_long = self.silence.look(now);
        if is_too_long {
            tracing::error!(why = SILENT, "no new jobs are accepted; accepted ones go on");
        }
        is_too_long
    }

    /// Whether the thread that writes has ended by a fault of its own, so that nothing will be
    /// durable any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The thread that writes has something to say. Returns what that means to the scheduler.
    pub(crate) fn hear(&mut self, notice: Notice, now: Instant) -> Option<Event> {
        if self.silence.end() {
            tracing::info!("the journal answers again");
        }
        let event = match notice {
            Notice::Durable { up_to } => {
                self.durable += 1;
                Some(Event::Durable { up_to: Ticket(up_to) })
            }
            Notice::Failed { message } => {
                tracing::error!(why = %message, "no new jobs are accepted; accepted ones go on");
                self.fault = Some(message);
                None
            }
            Notice::Resumed => {
                tracing::info!("the journal can be written again, and jobs are accepted");
                self.fault = None;
                if self.durable < self.handed_over {
                    self.silence.begin(now);
                }
                None
            }
            Notice::Ended { message } => {
                tracing::error!(why = %message, "nothing can be written any more");
                self.fault = Some(message);
                self.has_ended = true;
                return None;
            }
            Notice::Over { message, is_lost } => {
                self.has_ended = true;
                self.over = Some(Over { why: message, is_lost });
                return None;
            }
        };
        // A group may have waited for this one.
        if self.due.is_none() {
            self.hand_over(now);
        }
        event
    }

    /// Why no job can be taken for now.
    pub(crate) fn fault(&self) -> Option<&str> {
        let silent = || self.silence.is_too_long().then_some(SILENT);
        let behind = || self.writer.as_ref().is_some_and(Writer::is_behind);
        let too_slow = "the journal's disk cannot keep up";
        self.fault.as_deref().or_else(silent).or_else(|| behind().then_some(too_slow))
    }

    /// What goes on with the file.
    pub(crate) fn state(&self) -> JournalState {
        let work = |writer: &Writer| (writer.syncs(), writer.waiting_bytes());
        let (syncs, waiting_bytes) = self.writer.as_ref().map_or((0, 0), work);
        JournalState { syncs, waiting_bytes, is_writable: self.fault().is_none() }
    }

    /// Writes all that waits, and ends. Waits for the disk.
    pub(crate) fn close(&mut self) -> impl FnOnce() -> Result<(), NotWritten> + Send + 'static {
        let writer = self.writer.take();
        move || writer.map_or(Ok(()), Writer::close)
    }
}
