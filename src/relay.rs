//! The lower floor of a door, where an owner has the pipeline: what clients and workers say goes over a link
//! to the owner, and what the owner says goes to them.
//!
//! ```text
//!  readers ──┐                                     ┌──▶ job lanes
//!            ├──▶ inbox ──▶ relay ◀═══ link ═══▶ owner
//!  results ──┘                                     └──▶ writers of sessions
//! ```
//!
//! A link is one life: when it ends, all that the owner knew through it is over. Sessions that can be
//! resumed and workers with what they hold are declared to the next owner, and do not notice.

mod dial;
mod lanes;
mod outbox;
mod sessions;
mod target;
mod unanswered;
mod way;

use std::time::Duration;

use acequia_link::FromOwner;
use acequia_restraint::Seldom;
use acequia_scheduler::LaneKey;
use acequia_sink::ResultsKey;
use acequia_wire::worker::{BadMessage, FromWorker, Word};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;

pub(crate) use self::dial::{Callers, Dialler, FromLink};
use self::lanes::Lanes;
use self::sessions::Sessions;
pub(crate) use self::target::{Io, LinkKeys, Target, Within};
use self::way::Way;
use crate::metrics::DoorMetrics;
use crate::pipeline::Input;
use crate::pipeline::readiness::Readiness;
use crate::pipeline::standstill::Watch;
use crate::workers::{Said, Workers};

/// Inputs taken at once.
const TAKEN: usize = 1024;
/// How long those who cannot go on with another owner are left to wait for one.
const ALONE_TIME_MAX: Duration = Duration::from_secs(10);
/// What is said of a door without an owner.
const UNLINKED: &str = "there is no link to an owner yet";
/// What workers are told of a door that stops.
const STOPS: &str = "the door stops";
/// How often the log tells of links.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Both ways to the owner.
struct Link {
    epoch: u64,
    sessions: Way,
    lanes: Way,
    /// Where the owner is asked what is true of it, if it is in this process.
    here: Option<mpsc::Sender<Input>>,
}

/// What carries all that a door's clients and workers say, and hear.
pub(crate) struct Relay {
    workers: Workers,
    lanes: Lanes,
    sessions: Sessions,
    link: Option<Link>,
    /// The owner of the last link: workers of another go on, and those of the same one begin anew.
    epoch: Option<u64>,
    /// Since when there has been none.
    alone_since: Option<Instant>,
    readiness: watch::Sender<Readiness>,
    metrics: DoorMetrics,
    grace: Duration,
    /// When a draining door stops in any case.
    stop_due: Option<Instant>,
    lines: Seldom<()>,
    watch: Watch,
}

impl Relay {
    pub(crate) fn new(workers: Workers, metrics: DoorMetrics, grace: Duration) -> Self {
        Self {
            workers,
            lanes: Lanes::default(),
            sessions: Sessions::default(),
            link: None,
            epoch: None,
            alone_since: Some(Instant::now()),
            readiness: watch::Sender::new(Readiness::Storage(UNLINKED.to_owned())),
            metrics,
            grace,
            stop_due: None,
            lines: Seldom::new(LINE_EVERY, 1),
            watch: Watch::new(Instant::now()),
        }
    }

    /// Tells whether jobs are taken.
    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// Runs until it is told to stop, and then until all workers are done or have had their time.
    pub(crate) async fn run(
        mut self,
        mut inbox: mpsc::Receiver<Input>,
        mut heard: mpsc::Receiver<FromLink>,
    ) {
        let (mut inputs, mut frames) = (Vec::with_capacity(TAKEN), Vec::new());
        let alarm = tokio::time::sleep_until(Instant::now());
        tokio::pin!(alarm);
        while !self.has_stopped() {
            let due = self.due();
            if let Some(due) = due.filter(|due| *due != alarm.deadline()) {
                alarm.as_mut().reset(due);
            }
            tokio::select! {
                taken = inbox.recv_many(&mut inputs, TAKEN) => if taken == 0 {
                    break;
                },
                _ = heard.recv_many(&mut frames, TAKEN) => {}
                () = &mut alarm, if due.is_some() => {}
            }
            let now = Instant::now();
            if let Some(gap) = self.watch.look(now) {
                tracing::warn!(for_s = gap.as_secs_f32(), "this door stood still");
                self.workers.forgive(gap);
            }
            frames.drain(..).for_each(|heard| self.hear(heard));
            inputs.drain(..).for_each(|input| self.take(input, now));
            while let Some(lane) = self.workers.ended(now) {
                self.end_lane(lane);
            }
            if self.alone_since.is_some_and(|since| since + ALONE_TIME_MAX <= now) {
                self.alone_since = None;
                self.sessions.give_up();
            }
            self.workers.flush(now);
            if let Some(link) = &self.link {
                self.lanes.mark(&link.lanes);
            }
        }
        self.sessions.send_all_away();
        self.workers.finish().await;
    }

    fn due(&self) -> Option<Instant> {
        let alone = self.alone_since.map(|since| since + ALONE_TIME_MAX);
        [self.workers.due(), alone, self.stop_due, Some(self.watch.due())]
            .into_iter()
            .flatten()
            .min()
    }

    fn has_stopped(&self) -> bool {
        let Some(due) = self.stop_due else { return false };
        due <= Instant::now() || self.lanes.hold_nothing()
    }

    fn take(&mut self, input: Input, now: Instant) {
        use acequia_sink::Input as Sink;
        use acequia_ventilator::Input as Ventilator;
        let sessions = self.link.as_ref().map(|link| &link.sessions);
        match input {
            Input::ConnectionOpened { connection, whose, inlet, requests, .. } => {
                self.sessions.opened(connection, whose, inlet, sessions);
                if !requests.is_empty() {
                    self.sessions.asks(connection, requests, None, sessions);
                }
            }
            Input::ConnectionClosed { connection, for_good } => {
                self.sessions.closed(connection, for_good, sessions);
            }
            Input::Emptied { connection } => self.sessions.emptied(connection, sessions),
            Input::Ventilator(Ventilator::Requests { connection, requests, turn }) => {
                self.sessions.asks(connection, requests, Some(turn), sessions);
            }
            Input::Ventilator(Ventilator::Quiet { connection }) => self.sessions.ping(connection),
            Input::Ventilator(Ventilator::LaneOpened(jobs)) => self.workers.jobs_opened(*jobs),
            Input::Ventilator(Ventilator::LaneClosed(lane)) => {
                if self.workers.jobs_closed(lane, now) {
                    self.end_lane(lane);
                }
            }
            Input::Sink(Sink::LaneOpened { results, handle, valve }) => {
                self.lanes.results_opened(results, valve);
                self.workers.results_opened(results, handle, now);
            }
            Input::Sink(Sink::LaneClosed { results }) => {
                self.lanes.results_closed(results);
                if let Some(lane) = self.workers.results_closed(results, now) {
                    self.end_lane(lane);
                }
            }
            Input::Sink(Sink::Messages { results, messages, turn }) => {
                self.messages(results, messages, turn);
            }
            Input::Scrape(answer) => {
                let (sessions, workers) = (self.sessions.len(), self.lanes.len());
                self.metrics.set_states(sessions, workers, self.link.is_some());
                // What is true of an owner in this process is kept in the same place.
                let here = self.link.as_ref().and_then(|link| link.here.as_ref());
                match here {
                    // One that is too busy to be asked is not waited for.
                    Some(here) => _ = here.try_send(Input::Scrape(answer)),
                    // Whoever asked may have gone.
                    None => _ = answer.send(self.metrics.times()),
                }
            }
            Input::Alive(answer) => _ = answer.send(()),
            Input::Drain => self.drain(now),
            // They are asked of the owner, over HTTP.
            Input::Desk(_) | Input::Publish(_) => {}
            // There is no journal here, and no door behind this one.
            Input::Journal(_)
            | Input::Far(_)
            | Input::GoesOn { .. }
            | Input::Again { .. }
            | Input::Asked { .. }
            | Input::Batch { .. } => {}
        }
    }

    /// Workers may end what they have, and get nothing more.
    fn drain(&mut self, now: Instant) {
        tracing::info!(grace = ?self.grace, "draining: running jobs may finish");
        self.stop_due = Some(now + self.grace);
        self.readiness.send_replace(Readiness::Draining);
        let lanes = self.link.as_ref().map(|link| &link.lanes);
        self.lanes.leave(&mut self.workers, lanes, STOPS);
    }

    fn messages(
        &mut self,
        results: ResultsKey,
        messages: Vec<Result<FromWorker, BadMessage>>,
        turn: OwnedSemaphorePermit,
    ) {
        let mut speaker: Option<LaneKey> = None;
        let mut words: Vec<Word> = Vec::with_capacity(messages.len());
        for message in messages {
            match self.workers.hear(results, message) {
                Some(Said::Word { lane, word }) => {
                    if let Some(before) = speaker.replace(lane).filter(|before| *before != lane) {
                        self.says(before, std::mem::take(&mut words), None);
                    }
                    words.push(word);
                }
                Some(Said::Ready { lane, offer, superseded }) => {
                    if let Some(before) = speaker.take() {
                        self.says(before, std::mem::take(&mut words), None);
                    }
                    if let Some(superseded) = superseded {
                        self.end_lane(superseded);
                    }
                    let way = self.link.as_ref().map(|link| &link.lanes);
                    self.lanes.ready(lane, offer, self.workers.peer(lane), way);
                }
                None => {}
            }
        }
        if let Some(speaker) = speaker {
            self.says(speaker, words, Some(turn));
        }
    }

    fn says(&mut self, lane: LaneKey, words: Vec<Word>, turn: Option<OwnedSemaphorePermit>) {
        let way = self.link.as_ref().map(|link| &link.lanes);
        self.lanes.says(lane, words, turn, way);
    }

    fn end_lane(&mut self, lane: LaneKey) {
        self.workers.close(lane);
        self.lanes.over(lane, self.link.as_ref().map(|link| &link.lanes));
    }

    fn hear(&mut self, heard: FromLink) {
        match heard {
            FromLink::Up { epoch, sessions, lanes, here } => {
                self.linked(Link { epoch, sessions, lanes, here });
            }
            FromLink::Down { why } => self.unlinked(&why),
            FromLink::Sessions(frames) => {
                let Some(link) = &self.link else { return };
                for frame in frames {
                    self.sessions.hear(frame, &link.sessions);
                }
            }
            FromLink::Lanes(frames) => {
                frames.into_iter().for_each(|frame: FromOwner| {
                    self.lanes.hear(frame, &mut self.workers);
                });
            }
        }
    }

    fn linked(&mut self, link: Link) {
        tracing::info!(epoch = link.epoch, "this door is linked to the owner");
        self.alone_since = None;
        if self.epoch.replace(link.epoch) == Some(link.epoch) {
            // It has given their jobs to others when the link ended.
            self.lanes.end_all(&mut self.workers);
        }
        self.sessions.linked(&link.sessions);
        self.lanes.linked(&link.lanes);
        self.link = Some(link);
        if self.stop_due.is_none() {
            self.readiness.send_replace(Readiness::Ready);
        }
    }

    fn unlinked(&mut self, why: &str) {
        if let Some(left_out) = self.lines.line((), std::time::Instant::now()) {
            tracing::warn!("the link to the owner is over: {why}{left_out}");
        }
        self.link = None;
        self.alone_since = Some(Instant::now());
        self.sessions.unlinked();
        self.lanes.unlinked();
        if self.stop_due.is_none() {
            self.readiness.send_replace(Readiness::Storage(UNLINKED.to_owned()));
        }
    }
}
