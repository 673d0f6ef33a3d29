//! The workers whose connections this server holds: how they are greeted and paired, what they may say,
//! and what is said to them. What comes of it is decided elsewhere: by the pipeline, or beyond a link.

mod pairing;

use std::time::Duration;

use acequia_gate::{CloseReason, ConnectionHandle, JobsConnection, Peer};
use acequia_restraint::Seldom;
use acequia_scheduler::{LaneKey, LaneOffer};
use acequia_sink::ResultsKey;
use acequia_ventilator::JobLanes;
use acequia_wire::worker::{About, BadMessage, FromWorker, JobMessage, Ready, Word};
use acequia_wire::{JobId, LaneId};
use tokio::time::Instant;

use self::pairing::{Completed, NotCompleted, Pairing, Unanswered};
use crate::access::WorkerDoor;
use crate::metrics::{DroppedMessage, DroppedMessages};

/// Of a worker of the same name that gets ready again and again the log tells this often.
const READY_LINE_EVERY: Duration = Duration::from_secs(60);
/// And of so many workers in that time.
const READY_LINES_MAX: usize = 100;

/// How long the results of a lane may still come after its jobs connection broke, if its results
/// connection did not.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a worker is told that has to wait for another one's end.
const SHARED_RESULTS: &str = "another worker answers on the same results connection, so this one gets \
                              no jobs: give each worker its own PUSH socket";

/// All of them.
pub(crate) struct Workers {
    job_lanes: JobLanes,
    pairing: Pairing,
    door: WorkerDoor,
    /// Which workers that are ready the log tells of, by name: one may come and go without end.
    ready_lines: Seldom<String>,
    dropped: DroppedMessages,
    /// Lanes without a jobs connection whose last results may still come, and until when.
    ending: Vec<(Instant, LaneKey)>,
}

/// What a message of a worker comes to.
#[derive(Debug)]
pub(crate) enum Said {
    /// It takes jobs.
    Ready {
        lane: LaneKey,
        offer: LaneOffer,
        /// The lane that this worker had before, which is over.
        superseded: Option<LaneKey>,
    },
    /// Its lane was ready before.
    Word { lane: LaneKey, word: Word },
}

impl Workers {
    /// None yet. They are told that a result may have so many bytes.
    pub(crate) fn new(result_bytes: usize, door: WorkerDoor, dropped: DroppedMessages) -> Self {
        Self {
            job_lanes: JobLanes::new(u64::try_from(result_bytes).unwrap_or(u64::MAX)),
            pairing: Pairing::default(),
            door,
            ready_lines: Seldom::new(READY_LINE_EVERY, READY_LINES_MAX),
            dropped,
            ending: Vec::new(),
        }
    }

    /// A worker has connected to the jobs port.
    pub(crate) fn jobs_opened(&mut self, jobs: JobsConnection) {
        let (lane, handle) = (LaneKey(jobs.id()), jobs.handle().clone());
        if let Some(id) = self.job_lanes.open(jobs) {
            self.pairing.jobs_opened(lane, id, handle);
        }
    }

    /// The jobs connection of a lane is over. Returns whether the lane is: its last results may still come.
    pub(crate) fn jobs_closed(&mut self, lane: LaneKey, now: Instant) -> bool {
        let may_speak = self.pairing.may_still_speak(lane);
        if may_speak {
            self.ending.push((now + LAST_WORDS, lane));
        }
        !may_speak
    }

    /// A worker has connected to the results port.
    pub(crate) fn results_opened(
        &mut self,
        results: ResultsKey,
        handle: ConnectionHandle,
        now: Instant,
    ) {
        let Unanswered { lost, lanes } = self.pairing.results_opened(results, handle);
        for lane in lanes {
            self.job_lanes.greet_again(lane, lost, now);
        }
    }

    /// A results connection is over. Returns the lane that is over with it.
    pub(crate) fn results_closed(&mut self, results: ResultsKey, now: Instant) -> Option<LaneKey> {
        self.pairing.results_closed(results, now)
    }

    /// What comes of what a worker says, if anything.
    pub(crate) fn hear(
        &mut self,
        results: ResultsKey,
        message: Result<FromWorker, BadMessage>,
    ) -> Option<Said> {
        let lane = self.pairing.lane_of(results);
        let word = match (message, lane) {
            (Ok(FromWorker::Ready(ready)), _) => return self.ready(results, ready),
            (_, None) => {
                self.pairing.spoke_before_ready(results);
                self.dropped.count(DroppedMessage::NotReady);
                return None;
            }
            (Ok(message), Some(lane)) => self.word(lane, message)?,
            (Err(bad), Some(lane)) => self.bad(lane, bad),
        };
        lane.map(|lane| Said::Word { lane, word })
    }

    fn word(&self, lane: LaneKey, message: FromWorker) -> Option<Word> {
        Some(match message {
            FromWorker::Done { job, body } => Word::Done { job, body },
            FromWorker::Fail { job, code, message, retry } => {
                Word::Fail { job, code, message, retry }
            }
            FromWorker::Progress { job, progress } => Word::Progress { job, progress },
            FromWorker::Chunk { job, body } => Word::Chunk { job, body },
            FromWorker::Bye { lane: id } if self.is_of(lane, id) => Word::Bye,
            FromWorker::Publish { lane: id, topic, body } if self.is_of(lane, id) => {
                Word::Publish { topic, body }
            }
            FromWorker::Beat { lane: id } if self.is_of(lane, id) => Word::Beat,
            // It names another lane, and proves that the worker of this one lives.
            FromWorker::Bye { .. } | FromWorker::Publish { .. } | FromWorker::Beat { .. } => {
                Word::Heard
            }
            // Heard before it came here.
            FromWorker::Ready(_) => return None,
        })
    }

    /// A message that is not understood ends the job that it is about, and nothing else.
    fn bad(&self, lane: LaneKey, bad: BadMessage) -> Word {
        match bad.about {
            About::Job { job, last } => Word::Bad { job, last, message: bad.why },
            About::Topic(id) => {
                if self.is_of(lane, id) {
                    self.dropped.count(DroppedMessage::BadPublish);
                }
                Word::Heard
            }
        }
    }

    /// Whether a message that came on `lane` also names it.
    fn is_of(&self, lane: LaneKey, id: LaneId) -> bool {
        let own = self.pairing.is_named(lane, id);
        if !own {
            self.dropped.count(DroppedMessage::OtherLane);
        }
        own
    }

    fn ready(&mut self, results: ResultsKey, ready: Ready) -> Option<Said> {
        if !self.may_work(results, &ready) {
            return None;
        }
        let Completed { lane, superseded, nth } = match self.pairing.ready(results, ready.lane) {
            Ok(completed) => completed,
            Err(why) => {
                self.not_completed(why);
                return None;
            }
        };
        let name = ready.name.unwrap_or_else(|| format!("worker-{nth}"));
        if let Some(more) = self.ready_lines.line(name.clone(), Instant::now().into_std()) {
            let (slots, queues) = (ready.slots, &ready.queues);
            tracing::info!(%name, slots, ?queues, "a worker is ready{more}");
        }
        self.job_lanes.ready(lane, ready.pack);
        let Ready { slots, queues, .. } = ready;
        let offer = LaneOffer { name: name.into(), slots, queues, holds: Vec::new() };
        Some(Said::Ready { lane, offer, superseded })
    }

    fn not_completed(&mut self, why: NotCompleted) {
        let reason = match why {
            NotCompleted::UnknownLane => DroppedMessage::UnknownLane,
            // It was asked twice.
            NotCompleted::Twice(lane) if self.job_lanes.was_greeted_again(lane) => return,
            NotCompleted::Twice(_) => DroppedMessage::ReadyTwice,
            NotCompleted::Shared(lane) => {
                self.job_lanes.bye(lane, SHARED_RESULTS);
                DroppedMessage::SharedResults
            }
        };
        self.dropped.count(reason);
    }

    /// Whether a `ready` may count. If not, both connections of its worker are closed.
    fn may_work(&mut self, results: ResultsKey, ready: &Ready) -> bool {
        // There is nothing to prove about a lane that is not there, or has been proven already.
        let Some(lane) = self.pairing.greeted(ready.lane) else { return true };
        let Some(nonce) = self.job_lanes.nonce(lane) else { return true };
        let Err(why) = self.door.check(nonce, ready.lane, ready.auth.as_ref()) else {
            return true;
        };
        let held = self.pairing.turn_away(results, why);
        self.job_lanes.close(lane, CloseReason::Unauthorized, held);
        false
    }

    /// Closes what is left of a lane, so that its worker begins anew. Returns whether it was there.
    pub(crate) fn close(&mut self, lane: LaneKey) -> bool {
        let Some(removed) = self.pairing.remove(lane) else { return false };
        self.ending.retain(|(_, ending)| *ending != lane);
        self.job_lanes.close(lane, CloseReason::ClosedByServer, removed.held);
        self.job_lanes.remove(lane);
        for waiting in removed.waiting {
            let now = Instant::now();
            self.job_lanes.greet_again(waiting, Some(now), now);
        }
        true
    }

    /// Whether any of them is ready.
    pub(crate) fn has_ready(&self) -> bool {
        self.pairing.has_ready()
    }

    /// The worker's end of the jobs connection of a lane.
    pub(crate) fn peer(&self, lane: LaneKey) -> Option<Peer> {
        self.pairing.peer(lane)
    }

    /// The results connection of a lane, if it is ready.
    pub(crate) fn results_of(&self, lane: LaneKey) -> Option<ResultsKey> {
        self.pairing.results_of(lane)
    }

    /// Sends a job.
    pub(crate) fn run(&mut self, lane: LaneKey, job: JobMessage) {
        self.job_lanes.run(lane, job);
    }

    /// Says that a run is void.
    pub(crate) fn cancel(&mut self, lane: LaneKey, job: JobId) {
        self.job_lanes.cancel(lane, job);
    }

    /// Says that no job follows.
    pub(crate) fn bye(&mut self, lane: LaneKey, reason: &str) {
        self.job_lanes.bye(lane, reason);
    }

    /// When something is due without anybody saying anything.
    pub(crate) fn due(&self) -> Option<Instant> {
        let ending = self.ending.first().map(|(until, _)| *until);
        ending.into_iter().chain(self.job_lanes.greeting_due()).min()
    }

    /// A lane whose last results have had their time, if there is one.
    pub(crate) fn ended(&mut self, now: Instant) -> Option<LaneKey> {
        let (_, lane) = self.ending.first().copied().filter(|(until, _)| *until <= now)?;
        self.ending.remove(0);
        Some(lane)
    }

    /// Nobody has listened for so long: what could have come meanwhile may still come.
    pub(crate) fn forgive(&mut self, gap: Duration) {
        self.ending.iter_mut().for_each(|(until, _)| *until += gap);
    }

    /// Sends all that waits, and greets those who are to be greeted again.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.job_lanes.greet_due(now);
        self.job_lanes.flush();
    }

    /// Sends all that waits and closes all connections once it has left.
    pub(crate) async fn finish(self) {
        self.job_lanes.finish().await;
    }
}
