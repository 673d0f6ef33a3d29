//! The connection of a link on which workers speak.

use acequia_gate::Peer;
use acequia_link::{FromDoor, FromOwner, Link, LinkPeer, Offer};
use acequia_scheduler::{Hold, LaneKey, LaneOffer};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::turns::Turns;
use super::{Broken, Owner, read, write};
use crate::pipeline::{FarInput, FarWay, Input, far_lane};

/// All that came through the connection.
struct Lanes<'a> {
    owner: &'a Owner,
    out: mpsc::UnboundedSender<FromOwner>,
    /// By what the door calls them.
    open: FxHashMap<u64, LaneKey>,
}

/// Serves the connection until it ends.
pub(super) async fn serve<S>(link: Link<S>, owner: &Owner) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, writer) = link.split();
    let (out, frames) = mpsc::unbounded_channel();
    let mut lanes = Lanes { owner, out, open: FxHashMap::default() };
    let reading = async {
        let (mut taken, turns) = (Vec::new(), Turns::default());
        loop {
            read(&mut reader, &mut taken).await?;
            let inputs = taken.drain(..).filter_map(|frame| lanes.input(frame));
            turns.hand_on(inputs.map(Input::Far), &owner.inbox).await;
        }
    };
    tokio::select! {
        ended = reading => ended,
        ended = write(writer, frames, &owner.inbox) => ended,
    }
}

impl Lanes<'_> {
    /// What a frame is to the pipeline, if anything.
    fn input(&mut self, frame: FromDoor) -> Option<FarInput> {
        match frame {
            FromDoor::Ready { lane: named, offer } => {
                let Offer { name, slots, queues, peer, holds } = offer;
                let (lane, way) = (far_lane(), FarWay::new(named, self.out.clone()));
                if self.open.contains_key(&named) {
                    // No door says so twice of a lane.
                    return None;
                }
                self.open.insert(named, lane);
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
                Some(FarInput::Said { lane, words })
            }
            FromDoor::Ended { lane } => Some(FarInput::Ended { lane: self.open.remove(&lane)? }),
            FromDoor::Mark { number } => Some(FarInput::Mark { number, out: self.out.clone() }),
            // What is said of clients is not said here.
            FromDoor::Opened { .. }
            | FromDoor::GoesOn { .. }
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
