//! One connection to the server, from its dialling to its end: the task that owns the PULL.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::JobId;
use acequia_wire::worker::{FromWorker, Hello, JobMessage, Ready, ToWorker};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::auth;
use crate::config::{Config, Stop};
use crate::handler::{self, Running};
use crate::job::Job;
use crate::lane::Lane;
use crate::line::Line;
use crate::outbox::{Outgoing, outbox};
use crate::sender::{Gone, Sender};
use crate::sockets::{self, DialError, Pull, Push};

/// How long a server may take to say `hello`.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// How long jobs may still come that crossed our `bye` on the way. A server that answers with its
/// own `bye`, or closes, ends the wait.
const CROSSING_TIME: Duration = Duration::from_millis(250);
/// After so long without a word of the server the worker finds out whether it is still there: a
/// host that is gone, or a network between, closes no connection, and the system alone would take a
/// quarter of an hour to give it up.
const QUIET_TIME_MAX: Duration = Duration::from_secs(60);
/// How long the server may take to be reached then.
const REACH_TIME_MAX: Duration = Duration::from_secs(10);
/// How long results may take to be written at the end.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(5);

/// How a connection ended.
pub(crate) enum End {
    /// The worker was told to stop, and has.
    Stopped,
    /// It is to be dialled again.
    Lost {
        /// Why, for the log.
        why: String,
        /// Whether the server had said `hello`.
        greeted: bool,
    },
}

/// Where a connection is.
///
/// ```text
/// Greeting ──hello──▶ Serving ──bye from the server──▶ Parting ──closed──▶ lost
///                        │                                │
///                        └────────told to stop────────────┴──▶ Leaving ──nothing held──▶ stopped
/// ```
///
/// A connection that ends, a message that is malformed, or no `hello` in time: lost, from
/// everywhere. A further `hello` leads back to Serving, on a fresh lane.
enum Phase {
    /// No `hello` yet.
    Greeting { until: Instant },
    /// Jobs come.
    Serving,
    /// The server drains: what is held is finished, then the server closes.
    Parting,
    /// We drain. Jobs may still come until `crossed`; all ends at `grace`.
    Leaving { crossed: Instant, grace: Instant },
}

/// A connection's state.
pub(crate) struct Connection<'a> {
    config: &'a Config,
    running: Running,
    pull: Pull,
    outbox: mpsc::Sender<Outgoing>,
    flush: oneshot::Sender<()>,
    sender: JoinHandle<Result<(), Gone>>,
    line: Option<Arc<Line>>,
    phase: Phase,
    greeted: bool,
    /// When the server was last known to be there.
    heard: Instant,
    /// The look whether it still is.
    probe: Option<JoinHandle<Result<(), DialError>>>,
    /// The server has said more than `hello`, so it took our `ready`.
    is_taken: bool,
    decoded: Vec<ToWorker>,
    /// Jobs of one queue that came in a row and are not started yet.
    batch: Vec<Job>,
}

enum Event {
    Frames(Vec<Bytes>),
    JobsGone,
    ResultsGone,
    Stop,
    /// The lane holds nothing any more.
    Idle,
    /// The time of the phase is over.
    Deadline,
    /// The server has said nothing for long.
    Quiet,
    /// It was looked whether the server is there.
    Probed(Result<(), DialError>),
}

impl<'a> Connection<'a> {
    pub(crate) fn new(config: &'a Config, running: Running, pull: Pull, push: Push) -> Self {
        let (outbox, waiting) = outbox();
        let (flush, flushed) = oneshot::channel();
        let sender = tokio::spawn(Sender::new(push, waiting, config.beat).run(flushed));
        Self {
            config,
            running,
            pull,
            outbox,
            flush,
            sender,
            line: None,
            phase: Phase::Greeting { until: Instant::now() + HELLO_TIME_MAX },
            greeted: false,
            heard: Instant::now(),
            probe: None,
            is_taken: false,
            decoded: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// Serves until the connection ends or the worker is told to stop.
    pub(crate) async fn run(mut self, stop: &mut Stop) -> End {
        loop {
            let event = self.next_event(stop).await;
            if let Some(end) = self.handle(event) {
                return self.close(end).await;
            }
        }
    }

    async fn next_event(&mut self, stop: &mut Stop) -> Event {
        let deadline = self.deadline();
        let leaving = matches!(self.phase, Phase::Leaving { .. });
        let quiet = self.heard + QUIET_TIME_MAX;
        let probing = self.probe.is_some();
        tokio::select! {
            biased;
            // First, so that no stream of jobs however dense can hide it.
            () = stop.told(), if !leaving => Event::Stop,
            frames = self.pull.recv() => frames.map_or(Event::JobsGone, Event::Frames),
            _ = &mut self.sender => Event::ResultsGone,
            () = idle(self.line.as_ref().map(|line| &**line.lane())), if leaving => Event::Idle,
            () = at(deadline) => Event::Deadline,
            probed = probed(&mut self.probe) => Event::Probed(probed),
            () = sleep_until(quiet), if !probing => Event::Quiet,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Greeting { until } => Some(until),
            Phase::Serving | Phase::Parting => None,
            Phase::Leaving { crossed, grace } if self.is_idle() => Some(crossed.min(grace)),
            Phase::Leaving { grace, .. } => Some(grace),
        }
    }

    fn lane(&self) -> Option<&Lane> {
        self.line.as_ref().map(|line| &**line.lane())
    }

    fn is_idle(&self) -> bool {
        self.lane().is_none_or(Lane::is_idle)
    }

    fn handle(&mut self, event: Event) -> Option<End> {
        match event {
            Event::Frames(frames) => {
                self.heard = Instant::now();
                self.receive(frames)
            }
            Event::JobsGone => Some(self.gone("the server closed the jobs connection")),
            Event::ResultsGone => Some(self.gone("the results connection ended")),
            Event::Stop => self.leave(),
            Event::Idle => self.left(),
            Event::Deadline => Some(self.late()),
            Event::Quiet => {
                let reach = sockets::reach(self.config.jobs.clone(), REACH_TIME_MAX);
                self.probe = Some(tokio::spawn(reach));
                None
            }
            Event::Probed(probed) => self.probed(probed),
        }
    }

    /// A server that is there may have nothing to say.
    fn probed(&mut self, probed: Result<(), DialError>) -> Option<End> {
        self.probe = None;
        match probed {
            Ok(()) => {
                self.heard = Instant::now();
                None
            }
            // It has spoken meanwhile.
            Err(_) if self.heard.elapsed() < QUIET_TIME_MAX => None,
            Err(error) => Some(self.gone(&format!(
                "the server has said nothing for {QUIET_TIME_MAX:?} and cannot be reached ({error})"
            ))),
        }
    }

    fn late(&self) -> End {
        if matches!(self.phase, Phase::Greeting { .. }) {
            return self.lost(format!(
                "no `hello` within {HELLO_TIME_MAX:?}; is this the jobs endpoint of a server?"
            ));
        }
        if !self.is_idle() {
            tracing::warn!("the grace time is over; the server gives what is held to others");
        }
        End::Stopped
    }

    fn lost(&self, why: impl Into<String>) -> End {
        End::Lost { why: why.into(), greeted: self.greeted }
    }

    /// A connection that ends while we leave has nothing more to give us.
    fn gone(&self, why: &str) -> End {
        match self.phase {
            Phase::Leaving { .. } => End::Stopped,
            // Most often a server that has stopped; but one that refuses us looks the same.
            Phase::Serving if !self.is_taken => self.lost(format!(
                "{why} before any job; if this goes on, see whether the server asks for another \
                 worker token"
            )),
            _ => self.lost(why),
        }
    }

    fn receive(&mut self, frames: Vec<Bytes>) -> Option<End> {
        let mut decoded = std::mem::take(&mut self.decoded);
        let result = ToWorker::decode(frames.into_iter(), &mut decoded);
        let mut end = None;
        for message in decoded.drain(..) {
            self.is_taken |= !matches!(message, ToWorker::Hello(_));
            let ended = match message {
                ToWorker::Job(job) => self.take(job),
                ToWorker::Cancel { job } => self.cancel(job),
                ToWorker::Hello(hello) => self.open(&hello),
                ToWorker::Bye { reason, .. } => self.part(&reason),
            };
            end = end.or(ended);
        }
        self.start();
        self.decoded = decoded;
        match result {
            Ok(()) => end,
            Err(error) => Some(self.lost(format!("the server's message is malformed: {error}"))),
        }
    }

    fn open(&mut self, hello: &Hello) -> Option<End> {
        self.start();
        if let Some(line) = self.line.take() {
            tracing::warn!("the server opened a fresh lane; what was held is void");
            line.lane().void();
        }
        let lane = Arc::new(Lane::new(hello));
        let ready = Ready {
            lane: hello.lane,
            slots: self.config.slots,
            pack: self.config.pack,
            queues: self.config.queue_names(),
            name: Some(self.config.name.clone()),
            auth: self.config.token.as_ref().map(|token| auth::answer(token, hello)),
        };
        tracing::info!(server = hello.server, max_body = hello.max_body, "connected");
        self.greeted = true;
        self.line = Some(Arc::new(Line::new(Arc::clone(&lane), self.outbox.clone())));
        if matches!(self.phase, Phase::Leaving { .. }) {
            return Some(End::Stopped);
        }
        self.phase = Phase::Serving;
        self.post(Outgoing::Open(lane, ready))
    }

    fn take(&mut self, message: JobMessage) -> Option<End> {
        let Some(line) = &self.line else {
            tracing::warn!(job = %message.job, "the server sent a job before its `hello`; it is ignored");
            return None;
        };
        let job = Job::new(message, Arc::clone(line));
        if !line.lane().hold(job.id(), job.as_held()) {
            tracing::warn!(job = %job.id(), "the server sent a job that is already held");
            return None;
        }
        if self.batch.last().is_some_and(|last| last.queue() != job.queue()) {
            self.start();
        }
        self.batch.push(job);
        None
    }

    /// Starts what was taken.
    fn start(&mut self) {
        let Some(first) = self.batch.first() else { return };
        let handler = self.config.handlers.get(first.queue());
        let jobs = std::mem::take(&mut self.batch);
        match handler {
            Some(handler) => handler.start(jobs, &self.running),
            None => handler::refuse(jobs, &self.running),
        }
    }

    fn cancel(&mut self, job: JobId) -> Option<End> {
        if let Some(lane) = self.lane() {
            lane.cancel(job);
        }
        None
    }

    /// The server drains.
    fn part(&mut self, reason: &str) -> Option<End> {
        match &mut self.phase {
            Phase::Leaving { crossed, .. } => {
                *crossed = Instant::now();
                self.left()
            }
            phase => {
                tracing::info!(reason, "the server drains");
                *phase = Phase::Parting;
                None
            }
        }
    }

    /// We drain.
    fn leave(&mut self) -> Option<End> {
        let Some(lane) = self.lane() else { return Some(End::Stopped) };
        let now = Instant::now();
        let parting = matches!(self.phase, Phase::Parting);
        let crossed = if parting { now } else { now + CROSSING_TIME };
        let bye = FromWorker::Bye { lane: lane.id() };
        self.phase = Phase::Leaving { crossed, grace: now + self.config.grace };
        tracing::info!("stopping: no more jobs are taken, those that are held are finished");
        self.post(Outgoing::Message(bye)).or_else(|| self.left())
    }

    /// Whether there is nothing left to wait for.
    fn left(&self) -> Option<End> {
        match self.phase {
            Phase::Leaving { crossed, .. } if self.is_idle() && Instant::now() >= crossed => {
                Some(End::Stopped)
            }
            _ => None,
        }
    }

    /// Sends what may not wait for a place in the outbox. This task must not, for it also reads.
    fn post(&self, outgoing: Outgoing) -> Option<End> {
        match self.outbox.try_send(outgoing) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Closed(_)) => {
                Some(self.gone("the results connection ended"))
            }
            Err(mpsc::error::TrySendError::Full(outgoing)) => {
                let outbox = self.outbox.clone();
                // Ends when there is a place, or no outbox any more.
                tokio::spawn(async move { outbox.send(outgoing).await.is_ok() });
                None
            }
        }
    }

    /// Leaves the connection. What is still held is void: the server gives it to others.
    async fn close(self, end: End) -> End {
        if let Some(lane) = self.lane() {
            lane.void();
        }
        // Only the sender owns the socket, and it goes with its task: to cancel a send is safe now.
        let abort = self.sender.abort_handle();
        if let Some(probe) = &self.probe {
            probe.abort();
        }
        if matches!(end, End::Stopped) && !self.sender.is_finished() {
            // A sender that has just ended by itself needs no telling.
            let _ = self.flush.send(());
            if timeout(FLUSH_TIME_MAX, self.sender).await.is_err() {
                tracing::warn!("the last results were not written within {FLUSH_TIME_MAX:?}");
            }
        }
        abort.abort();
        end
    }
}

async fn idle(lane: Option<&Lane>) {
    match lane {
        Some(lane) => lane.idle().await,
        None => std::future::pending().await,
    }
}

/// Resolves once a look is over. May be cancelled.
async fn probed(probe: &mut Option<JoinHandle<Result<(), DialError>>>) -> Result<(), DialError> {
    match probe {
        // It is not aborted and does not panic, or else it says nothing against the server.
        Some(probe) => probe.await.unwrap_or(Ok(())),
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
