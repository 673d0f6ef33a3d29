//! The jobs port: one connection a lane, and what goes out on it.

use std::collections::BTreeSet;
use std::time::Duration;

use acequia_gate::{CloseReason, JobsConnection, JobsGate, ZmqMessage};
use acequia_scheduler::LaneKey;
use acequia_wire::worker::{Hello, JobMessage, Packer, ToWorker};
use acequia_wire::{JobId, LaneId};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::input::Input;

/// A packed message is sent when its payloads have grown to this many bytes, so that no worker
/// has to hold a large message of small jobs.
const PACK_BYTES_MAX: usize = 256 << 10;

/// How long a worker that was greeted is left alone before it is greeted again, twice as long after
/// each further time: it may load a model, and each greeting waits in its queue meanwhile. There is
/// no last time, for a worker whose answer is lost would wait for ever.
const GREETING_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest that it is left alone.
const GREETING_PAUSE_MAX: Duration = Duration::from_secs(10);
/// A worker that has not answered for so long may have lost its answer without our knowing.
const UNANSWERED: Duration = Duration::from_secs(1);

/// How much longer than a results connection the jobs connection of the same worker is held: the
/// answer to the next greeting needs the former.
const HELD_LONGER: Duration = Duration::from_millis(50);

/// How long the last messages to workers may take to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Hands each connection of the jobs port to the pipeline, and its end. Runs until the pipeline
/// is gone.
pub async fn accept_lanes<I>(mut gate: JobsGate, inbox: mpsc::Sender<I>)
where
    I: From<Input> + Send + 'static,
{
    loop {
        let connection = gate.accept().await;
        let (lane, handle) = (LaneKey(connection.id()), connection.handle().clone());
        let opened = Input::LaneOpened(Box::new(connection));
        if inbox.send(opened.into()).await.is_err() {
            return;
        }
        let inbox = inbox.clone();
        tokio::spawn(async move {
            handle.closed().await;
            // A pipeline that is gone does not need to know.
            _ = inbox.send(Input::LaneClosed(lane).into()).await;
        });
    }
}

/// One jobs connection.
#[derive(Debug)]
struct JobLane {
    connection: JobsConnection,
    id: LaneId,
    nonce: [u8; 32],
    /// How often its worker was greeted, and when the last time.
    greetings: u32,
    greeted: Instant,
    /// When it is to be greeted again.
    again: Option<Instant>,
    is_ready: bool,
    packer: Packer,
    /// The most messages that the worker takes at once.
    pack: usize,
    packed_bytes: usize,
}

/// The jobs connections of all lanes. The pipeline owns it: what is said to a lane in one pass
/// goes out with [`flush`](Self::flush).
#[derive(Debug)]
pub struct JobLanes {
    lanes: FxHashMap<LaneKey, JobLane>,
    /// Lanes that something waits to be sent on, each once.
    unsent: Vec<LaneKey>,
    /// Lanes whose workers are to be greeted again, by when.
    again: BTreeSet<(Instant, LaneKey)>,
    max_body: u64,
}

impl JobLanes {
    /// No lanes. Workers are told that a result may have `max_body` bytes.
    pub fn new(max_body: u64) -> Self {
        Self { lanes: FxHashMap::default(), unsent: Vec::new(), again: BTreeSet::new(), max_body }
    }

    /// Takes in a connection and greets the worker. Returns the lane's id, which the worker's
    /// `ready` will name; `None` if the system has no randomness to make one.
    pub fn open(&mut self, connection: JobsConnection) -> Option<LaneId> {
        let (mut id, mut nonce) = ([0; 16], [0; 32]);
        if let Err(error) = getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut nonce)) {
            tracing::error!(%error, "no randomness for a lane; the worker is turned away");
            return None;
        }
        let (key, id) = (LaneKey(connection.id()), LaneId::from_bytes(id));
        let lane = JobLane {
            connection,
            id,
            nonce,
            greetings: 0,
            greeted: Instant::now(),
            again: None,
            is_ready: false,
            packer: Packer::default(),
            pack: 1,
            packed_bytes: 0,
        };
        self.lanes.insert(key, lane);
        self.greet(key, Instant::now());
        Some(id)
    }

    /// Has a worker that is not ready greeted once more, as soon as it was left alone for long
    /// enough: its answer may have been `lost` then with the connection that it came on, and it would
    /// not know. If it was greeted only after that, it is asked if it takes long.
    pub fn greet_again(&mut self, key: LaneKey, lost: Option<Instant>, now: Instant) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        let waited = now.saturating_duration_since(lane.greeted);
        let may_be_lost = lost.is_some_and(|lost| lane.greeted <= lost);
        if lane.is_ready || lane.again.is_some() || (!may_be_lost && waited < UNANSWERED) {
            return;
        }
        let due = lane.greeted + lane.pause();
        lane.again = Some(due);
        self.again.insert((due, key));
    }

    /// When [`greet_due`](Self::greet_due) has somebody to greet.
    pub fn greeting_due(&self) -> Option<Instant> {
        self.again.first().map(|(due, _)| *due)
    }

    /// Greets those who are to be greeted again by now.
    pub fn greet_due(&mut self, now: Instant) {
        while let Some((due, key)) = self.again.first().copied()
            && due <= now
        {
            self.forget_greeting(key);
            self.greet(key, now);
        }
    }

    /// Whether its worker was greeted more than once, and so may answer more than once.
    pub fn was_greeted_again(&self, key: LaneKey) -> bool {
        self.lanes.get(&key).is_some_and(|lane| lane.greetings > 1)
    }

    fn forget_greeting(&mut self, key: LaneKey) {
        if let Some(due) = self.lanes.get_mut(&key).and_then(|lane| lane.again.take()) {
            self.again.remove(&(due, key));
        }
    }

    fn greet(&mut self, key: LaneKey, now: Instant) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        lane.greetings = lane.greetings.saturating_add(1);
        lane.greeted = now;
        let server = concat!("acequia/", env!("CARGO_PKG_VERSION")).to_owned();
        let (id, nonce) = (lane.id, lane.nonce);
        self.say(
            key,
            ToWorker::Hello(Hello { lane: id, nonce, max_body: self.max_body, server }),
            0,
        );
    }

    /// What its worker was given to prove itself with.
    pub fn nonce(&self, key: LaneKey) -> Option<&[u8; 32]> {
        self.lanes.get(&key).map(|lane| &lane.nonce)
    }

    /// The worker is ready: it may get large messages, and packed ones.
    pub fn ready(&mut self, key: LaneKey, pack: u32) {
        self.forget_greeting(key);
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.is_ready = true;
            lane.connection.handle().promote();
            lane.pack = pack as usize;
        }
    }

    /// Sends a job.
    pub fn run(&mut self, key: LaneKey, job: JobMessage) {
        let bytes = job.body.len();
        self.say(key, ToWorker::Job(job), bytes);
    }

    /// Says that a run is void.
    pub fn cancel(&mut self, key: LaneKey, job: JobId) {
        self.say(key, ToWorker::Cancel { job }, 0);
    }

    /// Says that no job follows.
    pub fn bye(&mut self, key: LaneKey, reason: &str) {
        if let Some(lane) = self.lanes.get(&key) {
            let message = ToWorker::Bye { lane: lane.id, reason: reason.to_owned() };
            self.say(key, message, 0);
        }
    }

    /// Closes a lane's connection; its end is reported as that of any other. If the results
    /// connection of its worker is held, it is too.
    pub fn close(&mut self, key: LaneKey, reason: CloseReason, held: Duration) {
        if let Some(lane) = self.lanes.get(&key) {
            let longer = if held.is_zero() { held } else { held + HELD_LONGER };
            lane.connection.handle().close_late(reason, longer);
        }
    }

    /// Forgets a lane whose connection is over.
    pub fn remove(&mut self, key: LaneKey) {
        self.forget_greeting(key);
        self.lanes.remove(&key);
    }

    /// Sends all that waits.
    pub fn flush(&mut self) {
        for key in self.unsent.drain(..) {
            if let Some(lane) = self.lanes.get_mut(&key) {
                lane.send();
            }
        }
    }

    /// Sends all that waits and closes all connections once it has left, at the latest after
    /// [`LAST_WORDS`].
    pub async fn finish(mut self) {
        self.flush();
        let finished = self.lanes.into_values().map(|lane| lane.connection.finish());
        // A worker that does not read must not hold up the end.
        _ = tokio::time::timeout(LAST_WORDS, futures_util::future::join_all(finished)).await;
    }

    fn say(&mut self, key: LaneKey, message: ToWorker, bytes: usize) {
        let Some(lane) = self.lanes.get_mut(&key) else { return };
        if lane.packer.messages() == 0 {
            self.unsent.push(key);
        }
        message.encode(&mut lane.packer);
        lane.packed_bytes += bytes;
        if lane.packer.messages() >= lane.pack || lane.packed_bytes >= PACK_BYTES_MAX {
            lane.send();
        }
    }
}

impl JobLane {
    /// How long its worker is left alone after the last greeting.
    fn pause(&self) -> Duration {
        let doublings = self.greetings.saturating_sub(1).min(10);
        GREETING_PAUSE_MIN.saturating_mul(1 << doublings).min(GREETING_PAUSE_MAX)
    }

    fn send(&mut self) {
        self.packed_bytes = 0;
        if self.packer.messages() == 0 {
            return;
        }
        let Ok(message) = ZmqMessage::try_from(self.packer.finish()) else { return };
        if let Err(closed) = self.connection.try_send(message) {
            // The end of the connection is on its way to the pipeline, which redelivers.
            tracing::debug!(%closed, "nothing more goes out on a lane");
        }
    }
}
