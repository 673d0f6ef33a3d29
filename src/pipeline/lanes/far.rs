//! Lanes whose workers are at doors, and what doors say of them.

use std::sync::atomic::{AtomicU64, Ordering};

use acequia_gate::Peer;
use acequia_link::FromOwner;
use acequia_scheduler::{LaneKey, LaneOffer};
use acequia_wire::worker::Word;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;

/// Lanes of doors have numbers from here on, and those of the server's own workers stay below. All are
/// below 2^53, which JavaScript can count to.
const FAR: u64 = 1 << 40;

/// A number for one more of them.
pub(crate) fn far_lane() -> LaneKey {
    static NEXT: AtomicU64 = AtomicU64::new(FAR);
    LaneKey(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a door says of its workers.
#[derive(Debug)]
pub(crate) enum FarInput {
    /// A worker takes jobs.
    Ready { lane: LaneKey, offer: LaneOffer, peer: Option<Peer>, way: FarWay },
    /// It says these, in this order.
    Said { lane: LaneKey, words: Vec<Word> },
    /// It is gone.
    Ended { lane: LaneKey },
    /// Its door is to be told once what came before this is durable.
    Mark { number: u64, out: mpsc::UnboundedSender<FromOwner> },
}

/// The way to a lane at a door.
#[derive(Clone, Debug)]
pub(crate) struct FarWay {
    /// What the door calls it.
    lane: u64,
    out: mpsc::UnboundedSender<FromOwner>,
}

impl FarWay {
    pub(crate) fn new(lane: u64, out: mpsc::UnboundedSender<FromOwner>) -> Self {
        Self { lane, out }
    }

    pub(super) fn send(&self, frame: impl FnOnce(u64) -> FromOwner) {
        // The end of the link is on its way to the pipeline, which redelivers.
        _ = self.out.send(frame(self.lane));
    }
}

#[derive(Debug)]
struct FarLane {
    way: FarWay,
    peer: Option<Peer>,
}

/// All of them. What goes out to one is bounded by its slots.
#[derive(Debug, Default)]
pub(super) struct FarLanes(FxHashMap<LaneKey, FarLane>);

impl FarLanes {
    pub(super) fn insert(&mut self, lane: LaneKey, way: FarWay, peer: Option<Peer>) {
        self.0.insert(lane, FarLane { way, peer });
    }

    pub(super) fn way(&self, lane: LaneKey) -> Option<&FarWay> {
        if lane.0 < FAR {
            return None;
        }
        self.0.get(&lane).map(|lane| &lane.way)
    }

    pub(super) fn peer(&self, lane: LaneKey) -> Option<Peer> {
        self.0.get(&lane)?.peer
    }

    pub(super) fn remove(&mut self, lane: LaneKey) -> Option<FarWay> {
        self.0.remove(&lane).map(|lane| lane.way)
    }
}
