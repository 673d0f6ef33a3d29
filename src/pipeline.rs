//! The one task that owns the scheduler, and with it all that the scheduler's actions touch.
//!
//! ```text
//!  readers ──┐                        ┌──▶ job lanes (ventilator)
//!            ├──▶ inbox ──▶ scheduler ├──▶ mailboxes (sink)
//!  results ──┘      one pass          └──▶ journal, metrics
//! ```
//!
//! The inbox is taken in passes: everything that waits is handled, and only then is what came of
//! it flushed, one message a lane and one batch a session. Nothing here waits for anything but
//! the inbox and the clock, so no client or worker can hold up another.

mod ask;
mod connections;
pub(crate) mod desk;
pub(crate) mod durability;
mod handled;
mod input;
mod lanes;
pub(crate) mod pools;
mod pressure;
mod publishing;
mod rates;
pub(crate) mod readiness;
mod requests;
mod sessions;
pub(crate) mod standstill;
mod storage;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use acequia_scheduler::{Action, Event, Found, Scheduler, SessionId, Time};
use acequia_sink::{KeptElsewhere, Mailboxes, Topics};
use acequia_wire::Limits;
use acequia_wire::client::Event as ClientEvent;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(crate) use self::ask::ask;
use self::desk::Desk;
use self::desk::tick::{Tick, Ticks};
use self::durability::{Durability, Over, Start};
use self::handled::Handled;
pub(crate) use self::input::{CALLERS, INBOX, Input, Publish, Whose};
use self::lanes::Lanes;
pub(crate) use self::lanes::{FarInput, FarWay, far_lane};
use self::pools::Pools;
use self::pressure::Pressure;
use self::rates::Rates;
use self::readiness::Readiness;
use self::sessions::Sessions;
use self::standstill::Watch;
use crate::clock::Clock;
use crate::metrics::{ClusterState, INTERVAL, Metrics};
use crate::workers::Workers;

/// Inputs taken at once from the inbox.
const TAKEN: usize = 1024;
/// Ops and messages handled in one pass, about. Then what came of them goes out, and others run.
const PASS: usize = 1024;

/// How long a server waits for others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// For running jobs to end, when it stops.
    pub(crate) grace: Duration,
    /// For clients of sessions that can be resumed.
    pub(crate) absence: Duration,
    /// For doors to say that those of an owner before this one are there.
    pub(crate) adoption: Duration,
}

/// Takes what those bring who are ready too. Without this the runtime has the pipeline run as soon
/// as the first of many sessions has brought something, and each job goes out in a message of its
/// own, which costs its worker most.
async fn gather(inbox: &mut mpsc::Receiver<Input>, inputs: &mut Vec<Input>) {
    tokio::task::yield_now().await;
    while inputs.len() < TAKEN
        && let Ok(input) = inbox.try_recv()
    {
        inputs.push(input);
    }
}

pub(crate) struct Pipeline {
    scheduler: Scheduler,
    durability: Durability,
    lanes: Lanes,
    /// Frames of links whose doors are to be told that they are done with.
    handled: Handled,
    mailboxes: Mailboxes,
    sessions: Sessions,
    /// Sessions that too much waits for, and nobody to read it.
    hopeless: Vec<SessionId>,
    /// Sessions that chunks come for faster than they read, of the input that is being handled.
    pressed: Vec<SessionId>,
    pressure: Pressure,
    rates: Rates,
    topics: Topics,
    metrics: Metrics,
    #[cfg(feature = "otlp")]
    spans: Option<crate::spans::Spans>,
    readiness: watch::Sender<Readiness>,
    pools: Pools,
    /// Until when those who are there, at doors, of the sessions of an owner before may be declared.
    declared_by: Option<Instant>,
    ticks: Ticks,
    /// When the next point of the history is due.
    tick_due: Instant,
    limits: Limits,
    grace: Duration,
    /// What the scheduler wants done, until it is.
    actions: Vec<Action>,
    clock: Clock,
    first_number: u64,
    /// When a draining server stops in any case.
    stop_due: Option<Instant>,
    watch: Watch,
    /// Set if it ends since the journal is another server's.
    over: Arc<OnceLock<Over>>,
}

impl Pipeline {
    pub(crate) fn new(
        start: Start,
        clock: Clock,
        limits: Limits,
        times: Times,
        workers: Workers,
        metrics: Metrics,
    ) -> Self {
        let Start { scheduler, durability, actions, sessions: restored, first_number } = start;
        let mut pipeline = Self {
            scheduler,
            durability,
            lanes: Lanes::new(workers),
            handled: Handled::default(),
            mailboxes: Mailboxes::default(),
            sessions: Sessions::new(times.absence),
            hopeless: Vec::new(),
            pressed: Vec::new(),
            pressure: Pressure::default(),
            rates: Rates::new(limits.ops_per_s),
            topics: Topics::default(),
            metrics,
            #[cfg(feature = "otlp")]
            spans: None,
            readiness: watch::Sender::new(Readiness::Ready),
            pools: Pools::default(),
            declared_by: (!times.adoption.is_zero()).then(|| Instant::now() + times.adoption),
            ticks: Ticks::new(None),
            tick_due: Instant::now() + INTERVAL,
            limits,
            grace: times.grace,
            actions,
            clock,
            first_number,
            stop_due: None,
            watch: Watch::new(Instant::now()),
            over: Arc::default(),
        };
        restored.into_iter().for_each(|session| pipeline.restore(session));
        pipeline
    }

    /// From now on somebody is told of the spans of jobs.
    #[cfg(feature = "otlp")]
    pub(crate) fn tell_spans(&mut self, spans: crate::spans::Spans) {
        self.spans = Some(spans);
    }

    /// What the scheduler's time is told by.
    #[cfg(feature = "otlp")]
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// The number of the first session and of the first event of a restored one: higher than any that
    /// a client of a server before this one may know.
    pub(crate) fn first_number(&self) -> u64 {
        self.first_number
    }

    /// When the scheduler's time began.
    pub(crate) fn start_time(&self) -> Time {
        self.clock.start_time()
    }

    /// Tells how things are, once an interval.
    pub(crate) fn ticks(&self) -> watch::Receiver<Option<Arc<Tick>>> {
        self.ticks.subscribe()
    }

    /// What this server is in its cluster.
    pub(crate) fn set_cluster(&self, state: ClusterState) {
        self.metrics.set_cluster(state);
    }

    /// Tells why it has ended, if that is since the journal is another server's.
    pub(crate) fn over(&self) -> Arc<OnceLock<Over>> {
        self.over.clone()
    }

    /// Tells whether jobs are taken.
    pub(crate) fn readiness(&self) -> readiness::Watcher {
        self.readiness.subscribe()
    }

    /// Runs until a drain is complete or everyone who could speak is gone.
    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Input>) {
        let mut inputs = Vec::with_capacity(TAKEN);
        let alarm = tokio::time::sleep_until(Instant::now());
        tokio::pin!(alarm);
        // What came of the jobs in the journal.
        self.act(Instant::now());
        while !self.has_stopped() {
            let due = self.next_due();
            if let Some(due) = due.filter(|due| *due != alarm.deadline()) {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                biased;
                taken = inbox.recv_many(&mut inputs, TAKEN) => {
                    if taken == 0 {
                        break;
                    }
                    gather(&mut inbox, &mut inputs).await;
                }
                () = &mut alarm, if due.is_some() => {}
            }
            if self.durability.is_in_question() {
                self.settle_question(&mut inbox, &mut inputs).await;
            }
            if self.durability.over().is_some() {
                break;
            }
            let mut rest = inputs.drain(..);
            while self.pass(&mut rest) {
                // What went out may travel on, and others bring what they have.
                tokio::task::yield_now().await;
            }
        }
        if let Some(over) = self.durability.over() {
            self.metrics.retire();
            // Whoever may know better is another server by now.
            _ = self.over.set(over.clone());
            return;
        }
        self.close_journal(&mut inbox).await;
        self.send_all_away();
        self.metrics.retire();
        self.lanes.finish().await;
    }

    /// The instant at which something is due without an input.
    fn next_due(&mut self) -> Option<Instant> {
        let scheduler = self.scheduler.next_deadline().map(|at| self.clock.instant_of(at));
        let absent = self.sessions.longest_absent().map(|(until, _)| until);
        let tick = Some(self.tick_due.min(self.watch.due()));
        let (pressure, workers) = (self.pressure.due(), self.lanes.due());
        let journal = self.durability.due();
        let declared = self.declared_by;
        let all = [scheduler, journal, absent, pressure, tick, workers, declared, self.stop_due];
        all.into_iter().flatten().min()
    }

    fn has_stopped(&self) -> bool {
        // Whoever goes on after that tells clients what no disk will ever know.
        if self.durability.has_ended() {
            return true;
        }
        let Some(due) = self.stop_due else { return false };
        // What workers of doors have goes on with the next owner, where the journal knows of it.
        let is_anybodys = self.durability.is_kept() && !self.lanes.has_near();
        self.scheduler.is_idle() || is_anybodys || due <= Instant::now()
    }

    /// Handles what came, up to a limit, then flushes what came of it. Returns whether more came.
    fn pass(&mut self, inputs: &mut std::vec::Drain<'_, Input>) -> bool {
        let instant = Instant::now();
        let now = self.clock.time_of(instant);
        if let Some(gap) = self.watch.look(instant) {
            self.forgive(now, gap);
        }
        let mut weight = 0;
        while weight < PASS
            && let Some(input) = inputs.next()
        {
            weight += input.weight();
            self.take(now, instant, input);
            self.act(instant);
        }
        while let Some(session) = self.pressure.expire(instant) {
            self.mailboxes.slow(session);
        }
        if self.scheduler.next_deadline().is_some_and(|at| at <= now) {
            self.handle(now, Event::Tick);
        }
        while let Some(lane) = self.lanes.near().ended(instant) {
            self.end_lane(now, lane);
        }
        self.act(instant);
        for (session, seq) in self.mailboxes.ends_gone() {
            self.durability.ends_gone(session, seq, instant);
        }
        self.look_at_journal(now, instant);
        self.look_at_storage(now);
        self.tick_if_due(now, instant);
        self.end_sessions(now, instant);
        if !self.durability.is_in_question() && self.durability.over().is_none() {
            self.lanes.flush(instant);
            self.mailboxes.flush(&look_up(&self.scheduler, now));
            // Behind what came of it.
            self.handled.durable(self.durability.durable());
        }
        inputs.len() > 0
    }

    /// Nobody has listened for so long: what could have come meanwhile may still come.
    fn forgive(&mut self, now: Time, gap: Duration) {
        tracing::warn!(
            for_s = gap.as_secs_f32(),
            "the server stood still: leases, runs and absences get so much longer; look for what \
             stopped the process, or keeps it from running"
        );
        self.sessions.forgive(gap);
        self.lanes.forgive(gap);
        self.stop_due = self.stop_due.map(|due| due + gap);
        self.handle(now, Event::StoodStill { gap });
    }

    fn handle(&mut self, now: Time, event: Event) {
        self.scheduler.handle(now, event, &mut self.actions);
    }

    fn take(&mut self, now: Time, instant: Instant, input: Input) {
        use acequia_sink::Input as Sink;
        use acequia_ventilator::Input as Ventilator;
        match input {
            Input::Ventilator(Ventilator::Requests { connection, requests, turn: _turn }) => {
                self.take_requests(now, instant, connection, requests);
            }
            Input::Ventilator(Ventilator::Quiet { connection }) => {
                if let Some(session) = self.sessions.of(connection) {
                    self.mailboxes.ping(session);
                }
            }
            Input::Sink(Sink::Messages { results, messages, turn: _turn }) => {
                for message in messages {
                    self.take_message(now, results, message);
                }
                self.press(instant, results);
            }
            Input::Ventilator(Ventilator::LaneOpened(jobs)) => self.lanes.near().jobs_opened(*jobs),
            Input::Ventilator(Ventilator::LaneClosed(lane)) => {
                if self.lanes.near().jobs_closed(lane, instant) {
                    self.end_lane(now, lane);
                }
            }
            Input::Sink(Sink::LaneOpened { results, handle, valve }) => {
                self.pressure.opened(results, valve);
                self.lanes.near().results_opened(results, handle, instant);
            }
            Input::Sink(Sink::LaneClosed { results }) => {
                self.pressure.closed(results);
                if let Some(lane) = self.lanes.near().results_closed(results, instant) {
                    self.end_lane(now, lane);
                }
            }
            Input::Far(far) => self.take_far(now, instant, far),
            Input::Journal(notice) => self.hear_journal(now, instant, notice),
            Input::ConnectionOpened { connection, whose, inlet, asks_later, requests } => {
                let session = self.open_connection(now, connection, whose, inlet);
                if asks_later {
                    self.handle(now, Event::SessionAsksLater { session });
                }
                if !requests.is_empty() {
                    self.take_requests(now, instant, connection, requests);
                }
            }
            Input::Batch { inputs, turn: _turn } => {
                for input in inputs {
                    self.take(now, instant, input);
                    self.act(instant);
                }
            }
            Input::Asked { connection, requests } => {
                self.take_requests(now, instant, connection, requests);
            }
            Input::GoesOn { connection, secret, last } => {
                self.go_on(now, connection, secret, last);
            }
            Input::Again { connection, since, requests } => {
                self.take_again(now, connection, since, requests);
            }
            Input::Publish(publish) => self.publish_for(instant, publish),
            Input::ConnectionClosed { connection, for_good } => {
                self.close_connection(now, instant, connection, for_good);
            }
            Input::Emptied { connection } => {
                if let Some(session) = self.sessions.of(connection) {
                    self.mailboxes.emptied(session);
                    self.pressure.relieve(session);
                }
            }
            Input::Scrape(answer) => {
                let stats = self.scheduler.stats(now);
                self.metrics.set_states(&stats);
                self.metrics.set_journal(self.durability.state());
                // Whoever asked may have gone.
                _ = answer.send(self.metrics.times());
            }
            Input::Alive(answer) => _ = answer.send(()),
            Input::Desk(call) => self.desk(now, instant, |desk| desk.take(call)),
            Input::Drain => {
                tracing::info!(grace = ?self.grace, "draining: running jobs may finish");
                self.stop_due = Some(instant + self.grace);
                self.readiness.send_replace(Readiness::Draining);
                self.handle(now, Event::Drain);
            }
        }
    }

    /// Lends all that a question at the desk may be about.
    fn desk<T>(&mut self, now: Time, instant: Instant, call: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        call(&mut Desk {
            scheduler: &mut self.scheduler,
            now,
            instant,
            started: self.clock.start_time(),
            actions: &mut self.actions,
            durability: &mut self.durability,
            metrics: &self.metrics,
            lanes: &self.lanes,
            pools: &mut self.pools,
            rates: &mut self.rates,
            ops_per_s: self.limits.ops_per_s,
            readiness: &self.readiness.borrow(),
        })
    }

    /// Ends an interval of the history, and tells those who watch.
    fn tick_if_due(&mut self, now: Time, instant: Instant) {
        if self.tick_due > instant {
            return;
        }
        self.tick_due = (self.tick_due + INTERVAL).max(instant);
        let stats = self.scheduler.stats(now);
        let all = self.metrics.close_interval(&stats);
        // The front door listens too, to let others in on it.
        if self.ticks.receiver_count() > 1 {
            let tick = self.desk(now, instant, |desk| desk.tick(&stats, Some(all)));
            self.ticks.send_replace(Some(Arc::new(tick)));
        }
    }

    fn act(&mut self, instant: Instant) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Tell { session, event } => self.tell(session, event),
                Action::Run { lane, job } => self.lanes.run(lane, job),
                // To be told again reminds of it, and harms nobody.
                Action::CancelRun { lane, job } | Action::Remind { lane, job } => {
                    self.lanes.cancel(lane, job);
                }
                Action::EndLane { lane } => {
                    tracing::warn!(
                        worker = lane.0,
                        "a worker does not answer and keeps slots of runs that are void: its lane ends"
                    );
                    self.lanes.close(lane);
                }
                Action::SayBye { lane } => {
                    let stops = self.stop_due.is_some();
                    // Workers of doors go on with the next owner, and need not know.
                    if stops && self.lanes.is_far(lane) {
                        continue;
                    }
                    let reason = if stops { "the server stops" } else { "this worker is drained" };
                    self.lanes.bye(lane, reason);
                }
                entry @ (Action::Record { .. }
                | Action::Settle { .. }
                | Action::GiveUp { .. }
                | Action::Count { .. }
                | Action::Tally(_)
                | Action::BatchOver { .. }
                | Action::Bury { .. }
                | Action::Exhume { .. }) => {
                    if let Action::BatchOver { tally, elapsed, .. } = &entry {
                        self.record_end(tally, *elapsed, instant);
                    }
                    let told = self.recorded(&entry);
                    self.durability.record(entry, told, instant);
                }
                Action::Measure(measure) => self.metrics.record(measure),
                #[cfg(feature = "otlp")]
                Action::Span(span) => {
                    if let Some(spans) = &self.spans {
                        spans.part(span);
                    }
                }
            }
        }
        // Its room is for the next ones.
        self.actions = actions;
    }
}

/// Finds outcomes that a mailbox does not keep.
fn look_up(
    scheduler: &Scheduler,
    now: Time,
) -> impl Fn(&KeptElsewhere) -> Option<ClientEvent> + '_ {
    move |of| {
        let Some(Found::Ended(retained)) = scheduler.find(now, of.job) else { return None };
        let what = retained.outcome.clone();
        let traceparent = retained.traceparent.clone();
        Some(ClientEvent::Job { id: of.id.clone(), job: of.job, what, traceparent })
    }
}
