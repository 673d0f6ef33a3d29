//! The workers at a door: what they hold, so that the next owner knows, and their last words, as long as
//! nobody but this door may know them.

use acequia_gate::Peer;
use acequia_link::{FromDoor, FromOwner, Hold, LinkPeer, Offer};
use acequia_scheduler::{LaneKey, LaneOffer};
use acequia_sink::{ResultsKey, Valve};
use acequia_wire::JobId;
use acequia_wire::worker::Word;
use rustc_hash::FxHashMap;
use tokio::sync::OwnedSemaphorePermit;

use super::outbox::Outbox;
use super::way::Way;
use crate::workers::Workers;

/// The attempt of a run that the owner has said to be void.
const VOID: u32 = 0;

/// A run that a worker has.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// [`VOID`] of one that nobody wants any more.
    attempt: u32,
    /// Parts of its result so far.
    chunks: u32,
}

/// The last word of a run, which nobody else may know.
struct LastWord {
    lane: LaneKey,
    job: JobId,
    run: Run,
    word: Word,
}

struct Lane {
    offer: LaneOffer,
    peer: Option<Peer>,
    holds: FxHashMap<JobId, Run>,
    /// It takes no more jobs.
    is_leaving: bool,
    /// It has beaten, so that its runs are on a lease.
    has_beaten: bool,
    /// What could not be said yet.
    unsaid: Vec<Word>,
    /// Turn of what it says next.
    turn: Option<OwnedSemaphorePermit>,
    /// The owner knows of it.
    is_told: bool,
    /// The owner of the last link does, or did.
    was_told: bool,
}

/// All of them.
#[derive(Default)]
pub(super) struct Lanes {
    ready: FxHashMap<LaneKey, Lane>,
    valves: FxHashMap<ResultsKey, Valve>,
    outbox: Outbox<LastWord>,
    waiting: Vec<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }

    /// A results connection is there, and can be held back.
    pub(super) fn results_opened(&mut self, results: ResultsKey, valve: Valve) {
        self.valves.insert(results, valve);
    }

    pub(super) fn results_closed(&mut self, results: ResultsKey) {
        self.valves.remove(&results);
    }

    /// A worker takes jobs.
    pub(super) fn ready(
        &mut self,
        key: LaneKey,
        offer: LaneOffer,
        peer: Option<Peer>,
        way: Option<&Way>,
    ) {
        let mut lane = Lane {
            offer,
            peer,
            holds: FxHashMap::default(),
            is_leaving: false,
            has_beaten: false,
            unsaid: Vec::new(),
            turn: None,
            is_told: false,
            was_told: false,
        };
        if let Some(way) = way {
            lane.declare(key, way);
        }
        self.ready.insert(key, lane);
    }

    /// A worker has said these. `turn` is given back once more may come.
    pub(super) fn says(
        &mut self,
        key: LaneKey,
        words: Vec<Word>,
        turn: Option<OwnedSemaphorePermit>,
        way: Option<&Way>,
    ) {
        let Some(lane) = self.ready.get_mut(&key) else { return };
        let Some(way) = way.filter(|_| lane.is_told) else {
            lane.unsaid.extend(words);
            lane.turn = turn;
            return;
        };
        for word in &words {
            if let Some((job, run)) = lane.note(word) {
                let last = LastWord { lane: key, job, run, word: word.clone() };
                self.outbox.keep(last, bytes_of(word));
            }
        }
        let turn = if self.outbox.is_full() {
            self.waiting.extend(turn);
            None
        } else {
            turn
        };
        way.say_in_turn(FromDoor::Said { lane: key.0, words }, turn);
    }

    /// A worker is gone.
    pub(super) fn over(&mut self, key: LaneKey, way: Option<&Way>) {
        let lane = self.ready.remove(&key);
        if let Some(way) = way.filter(|_| lane.is_some_and(|lane| lane.is_told)) {
            way.say(FromDoor::Ended { lane: key.0 });
        }
    }

    /// The owner says something of a worker.
    pub(super) fn hear(&mut self, frame: FromOwner, workers: &mut Workers) {
        match frame {
            FromOwner::Run { lane, job } => {
                let Some(of) = self.ready.get_mut(&LaneKey(lane)) else { return };
                of.holds.insert(job.job, Run { attempt: job.attempt, chunks: 0 });
                workers.run(LaneKey(lane), job);
            }
            FromOwner::Cancel { lane, job } => {
                let of = self.ready.get_mut(&LaneKey(lane));
                if let Some(run) = of.and_then(|lane| lane.holds.get_mut(&job)) {
                    run.attempt = VOID;
                }
                workers.cancel(LaneKey(lane), job);
            }
            FromOwner::Bye { lane, reason } => {
                if let Some(lane) = self.ready.get_mut(&LaneKey(lane)) {
                    lane.is_leaving = true;
                }
                workers.bye(LaneKey(lane), &reason);
            }
            FromOwner::End { lane } => {
                self.ready.remove(&LaneKey(lane));
                workers.close(LaneKey(lane));
            }
            FromOwner::Hold { lane } => self.turn_valve(lane, workers, Valve::close),
            FromOwner::LetGo { lane } => self.turn_valve(lane, workers, Valve::open),
            FromOwner::Durable { mark } => {
                self.outbox.forget(mark);
                if !self.outbox.is_full() {
                    self.waiting.clear();
                }
            }
            _ => {}
        }
    }

    fn turn_valve(&self, lane: u64, workers: &Workers, turn: fn(&Valve)) {
        let results = workers.results_of(LaneKey(lane));
        if let Some(valve) = results.and_then(|results| self.valves.get(&results)) {
            turn(valve);
        }
    }

    /// What has been said is to be marked, if there is something.
    pub(super) fn mark(&mut self, way: &Way) {
        if let Some(number) = self.outbox.mark() {
            way.say(FromDoor::Mark { number });
        }
    }

    /// There is another owner: it is told of all workers, of what they hold, and of what they have said that
    /// the owner before may have taken along.
    pub(super) fn linked(&mut self, way: &Way) {
        let mut last_words: Vec<_> = self.outbox.take().collect();
        // Of a job that has been given to the same worker once more, only the last run counts.
        last_words.retain(|LastWord { lane, job, .. }| {
            self.ready.get(lane).is_some_and(|lane| !lane.holds.contains_key(job))
        });
        for LastWord { lane, job, run, .. } in &last_words {
            if let Some(lane) = self.ready.get_mut(lane) {
                lane.holds.insert(*job, *run);
            }
        }
        for (key, lane) in &mut self.ready {
            lane.declare(*key, way);
        }
        way.say(FromDoor::Declared);
        for LastWord { lane, word, .. } in last_words {
            self.says(lane, vec![word], None, Some(way));
        }
        let keys: Vec<_> = self.ready.keys().copied().collect();
        for key in keys {
            let Some(lane) = self.ready.get_mut(&key) else { continue };
            let (words, turn) = (std::mem::take(&mut lane.unsaid), lane.turn.take());
            if !words.is_empty() {
                self.says(key, words, turn, Some(way));
            }
        }
    }

    /// The link is over. The owner may not have had the last words that were said.
    pub(super) fn unlinked(&mut self) {
        for lane in self.ready.values_mut() {
            lane.is_told = false;
        }
        for valve in self.valves.values() {
            valve.open();
        }
        self.waiting.clear();
    }

    /// Whether no worker has anything to do, and what all have said is known to be durable.
    pub(super) fn hold_nothing(&self) -> bool {
        self.outbox.is_empty() && self.ready.values().all(|lane| lane.holds.is_empty())
    }

    /// Workers are to get no more jobs.
    pub(super) fn leave(&mut self, workers: &mut Workers, way: Option<&Way>, reason: &str) {
        for (key, lane) in &mut self.ready {
            lane.is_leaving = true;
            workers.bye(*key, reason);
            if let Some(way) = way.filter(|_| lane.is_told) {
                way.say(FromDoor::Said { lane: key.0, words: vec![Word::Bye] });
            }
        }
    }

    /// The owner has given the jobs of all lanes that it knew to others: they end, and their workers begin anew.
    pub(super) fn end_all(&mut self, workers: &mut Workers) {
        drop(self.outbox.take());
        let over = self.ready.extract_if(|_, lane| lane.was_told);
        over.for_each(|(key, _)| _ = workers.close(key));
    }
}

impl Lane {
    /// What another owner would have to know of a word. Returns the run that it ends.
    fn note(&mut self, word: &Word) -> Option<(JobId, Run)> {
        match word {
            Word::Done { job, .. } | Word::Fail { job, .. } | Word::Bad { job, last: true, .. } => {
                // Nobody waits for the last word of a void run.
                let run = self.holds.remove(job).filter(|run| run.attempt != VOID);
                run.map(|run| (*job, run))
            }
            Word::Chunk { job, .. } => {
                if let Some(run) = self.holds.get_mut(job) {
                    run.chunks += 1;
                }
                None
            }
            Word::Bye => {
                self.is_leaving = true;
                None
            }
            Word::Beat => {
                self.has_beaten = true;
                None
            }
            _ => None,
        }
    }

    fn declare(&mut self, key: LaneKey, way: &Way) {
        let LaneOffer { name, slots, queues, .. } = &self.offer;
        let holds = self.holds.iter();
        let holds = holds.map(|(job, Run { attempt, chunks })| Hold {
            job: *job,
            attempt: *attempt,
            chunks: *chunks,
        });
        let offer = Offer {
            name: name.to_string(),
            slots: *slots,
            queues: queues.clone(),
            peer: self.peer.map(peer_of),
            holds: holds.collect(),
        };
        way.say(FromDoor::Ready { lane: key.0, offer });
        let said = [(Word::Beat, self.has_beaten), (Word::Bye, self.is_leaving)];
        let words: Vec<_> = said.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect();
        if !words.is_empty() {
            way.say(FromDoor::Said { lane: key.0, words });
        }
        (self.is_told, self.was_told) = (true, true);
    }
}

fn peer_of(peer: Peer) -> LinkPeer {
    match peer {
        Peer::Tcp(address) => LinkPeer::Tcp(address),
        Peer::Ipc { pid } => LinkPeer::Ipc { pid },
    }
}

/// What a word weighs while it is kept, about.
fn bytes_of(word: &Word) -> usize {
    match word {
        Word::Done { body, .. } => 256 + body.bytes().len(),
        _ => 256,
    }
}
