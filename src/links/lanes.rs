//! The connection of a link on which workers speak.

use std::sync::Arc;

use acequia_gate::Peer;
use acequia_link::{FromDoor, FromOwner, Link, LinkPeer, Offer};
use acequia_scheduler::{Hold, LaneKey, LaneOffer};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};

use super::{Broken, Owner, read, turns, write};
use crate::pipeline::{FarInput, FarWay, Input, far_lane};

/// All that came through the connection.
struct Lanes<'a> {
    owner: &'a Owner,
    out: mpsc::UnboundedSender<FromOwner>,
    /// By what the door calls them.
    open: FxHashMap<u64, LaneKey>,
    turns: Arc<Semaphore>,
}

/// Serves the connection until it ends.
pub(super) async fn serve<S>(link: Link<S>, owner: &Owner) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, writer) = link.split();
    let (out, frames) = mpsc::unbounded_channel();
    let mut lanes = Lanes { owner, out, open: FxHashMap::default(), turns: turns() };
    let reading = async {
        let mut taken = Vec::new();
        loop {
            read(&mut reader, &mut taken).await?;
            if lanes.take(&mut taken).await.is_none() {
                return std::future::pending().await;
            }
        }
    };
    tokio::select! {
        ended = reading => ended,
        ended = write(writer, frames, &owner.inbox) => ended,
    }
}

impl Lanes<'_> {
    /// Hands on what came. `None` if the pipeline is gone.
    async fn take(&mut self, frames: &mut Vec<FromDoor>) -> Option<()> {
        for frame in frames.drain(..) {
            if let Some(input) = self.input(frame).await {
                self.owner.inbox.send(Input::Far(input)).await.ok()?;
            }
        }
        Some(())
    }

    /// What a frame is to the pipeline, if anything.
    async fn input(&mut self, frame: FromDoor) -> Option<FarInput> {
        match frame {
            FromDoor::Ready { lane: named, offer } => {
                let Offer { name, slots, queues, peer, holds } = offer;
                let (lane, way) = (far_lane(), FarWay::new(named, self.out.clone()));
                if let Some(before) = self.open.insert(named, lane) {
                    // No door says so twice of a lane; one that does begins it anew.
                    let ended = FarInput::Ended { lane: before };
                    self.owner.inbox.send(Input::Far(ended)).await.ok()?;
                }
                let holds = holds.into_iter().map(|held| {
                    let acequia_link::Hold { job, attempt, chunks } = held;
                    Hold { job, attempt, chunks }
                });
                let holds = holds.collect();
                let offer = LaneOffer { name: name.into(), slots, queues, holds };
                Some(FarInput::Ready { lane, offer, peer: peer.map(peer_of), way })
            }
            FromDoor::Said { lane, words } => {
                let lane = *self.open.get(&lane)?;
                // It is never closed.
                let turn = self.turns.clone().acquire_owned().await.ok()?;
                Some(FarInput::Said { lane, words, turn })
            }
            FromDoor::Ended { lane } => Some(FarInput::Ended { lane: self.open.remove(&lane)? }),
            FromDoor::Mark { number } => Some(FarInput::Mark { number, out: self.out.clone() }),
            // What is said of clients is not said here.
            FromDoor::Opened { .. }
            | FromDoor::Requests { .. }
            | FromDoor::Again { .. }
            | FromDoor::Closed { .. }
            | FromDoor::Written { .. }
            | FromDoor::Declared
            | FromDoor::Beat => None,
        }
    }
}

impl Drop for Lanes<'_> {
    fn drop(&mut self) {
        let over: Vec<_> = self.open.drain().map(|(_, lane)| lane).collect();
        let inbox = self.owner.inbox.clone();
        tokio::spawn(async move {
            for lane in over {
                // A pipeline that is gone does not need to know.
                if inbox.send(Input::Far(FarInput::Ended { lane })).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn peer_of(peer: LinkPeer) -> Peer {
    match peer {
        LinkPeer::Tcp(address) => Peer::Tcp(address),
        LinkPeer::Ipc { pid } => Peer::Ipc { pid },
    }
}
