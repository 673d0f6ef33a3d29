//! The jobs port: one connection a lane, and what goes out on it.

use std::time::Duration;

use acequia_gate::{CloseReason, JobsConnection, JobsGate, ZmqMessage};
use acequia_scheduler::LaneKey;
use acequia_wire::worker::{Hello, JobMessage, Packer, ToWorker};
use acequia_wire::{JobId, LaneId};
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;

use crate::input::Input;

/// A packed message is sent when its payloads have grown to this many bytes, so that no worker
/// has to hold a large message of small jobs.
const PACK_BYTES_MAX: usize = 256 << 10;

/// How often a worker is greeted on one lane that never answers.
const GREETINGS_MAX: u32 = 16;

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
    /// How often its worker was greeted.
    greetings: u32,
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
    max_body: u64,
}

impl JobLanes {
    /// No lanes. Workers are told that a result may have `max_body` bytes.
    pub fn new(max_body: u64) -> Self {
        Self { lanes: FxHashMap::default(), unsent: Vec::new(), max_body }
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
        let (packer, greetings) = (Packer::default(), 0);
        let lane = JobLane { connection, id, nonce, greetings, packer, pack: 1, packed_bytes: 0 };
        self.lanes.insert(key, lane);
        self.greet(key);
        Some(id)
    }

    /// Greets a worker that is not ready, also once more: its answer may have been lost with the
    /// connection that it came on, and it would not know.
    pub fn greet(&mut self, key: LaneKey) {
        let Some(lane) = self.lanes.get_mut(&key).filter(|of| of.greetings < GREETINGS_MAX) else {
            return;
        };
        lane.greetings += 1;
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
        if let Some(lane) = self.lanes.get_mut(&key) {
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

    /// Closes a lane's connection; its end is reported as that of any other.
    pub fn close(&mut self, key: LaneKey, reason: CloseReason) {
        if let Some(lane) = self.lanes.get(&key) {
            lane.connection.handle().close(reason);
        }
    }

    /// Forgets a lane whose connection is over.
    pub fn remove(&mut self, key: LaneKey) {
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
