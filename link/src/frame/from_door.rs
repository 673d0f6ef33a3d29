//! What a door tells the owner.

use std::net::SocketAddr;

use acequia_wire::client::Request;
use acequia_wire::worker::Word;
use acequia_wire::{JobId, QueueName};

/// What a door tells the owner.
///
/// A *connection* is that of a client, a *lane* that of a worker; the door numbers them, and gives
/// no number twice on a link.
#[derive(Clone, Debug, PartialEq)]
pub enum FromDoor {
    /// A client has come.
    Opened {
        /// The client's connection.
        connection: u64,
        /// Whose it is.
        whose: Whose,
    },
    /// A session that was begun with an owner before goes on with this connection, unless another has come for it
    /// since: then that one is believed, and this client is told that its session is not resumed.
    GoesOn {
        /// The client's connection.
        connection: u64,
        /// What the session is known by.
        secret: String,
        /// The highest `seq` that its client has been sent.
        last: u64,
    },
    /// What a client asks.
    Requests {
        /// The client's connection.
        connection: u64,
        /// In the order in which they came.
        requests: Vec<Request>,
    },
    /// What a client asked of another owner, of which it is not known whether that one heeded it: only if the
    /// client's session goes on with this one.
    Again {
        /// The client's connection.
        connection: u64,
        /// The highest `seq` that the client had been sent when it asked: what it is told of these is behind it.
        since: u64,
        /// In the order in which they came.
        requests: Vec<Request>,
    },
    /// A client has gone.
    Closed {
        /// The client's connection.
        connection: u64,
        /// Whether it said that it does not come back.
        for_good: bool,
    },
    /// Events were written to a client since the last word about it.
    Written {
        /// The client's connection.
        connection: u64,
        /// How many.
        events: u64,
        /// How many bytes they were counted as.
        bytes: u64,
        /// Nothing waits at the door any more, and the owner asked to be told.
        is_empty: bool,
    },
    /// A worker takes jobs.
    Ready {
        /// The worker's lane.
        lane: u64,
        /// What it offers.
        offer: Offer,
    },
    /// What a worker says.
    Said {
        /// The worker's lane.
        lane: u64,
        /// In the order in which it came.
        words: Vec<Word>,
    },
    /// A worker has gone.
    Ended {
        /// The worker's lane.
        lane: u64,
    },
    /// All that the door had to declare after it linked has been said.
    Declared,
    /// The owner is to say when what came before this survives it.
    Mark {
        /// Rises by one with each on a connection of a link.
        number: u64,
    },
    /// The door lives.
    Beat,
}

/// Whose a connection of a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The client's whose token was proven, by its number.
    Proven(u64),
    /// Nobody's in particular: the connection is a client of its own.
    Own,
}

/// What a worker offers, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What people call it.
    pub name: String,
    /// How many jobs it is willing to hold.
    pub slots: u32,
    /// The queues that it serves.
    pub queues: Vec<QueueName>,
    /// The worker's end of its connection, if it is known.
    pub peer: Option<LinkPeer>,
    /// The jobs that it holds from before.
    pub holds: Vec<Hold>,
}

/// Where a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPeer {
    /// At this address.
    Tcp(SocketAddr),
    /// On the door's machine.
    Ipc {
        /// Its process, if the system tells.
        pid: Option<i32>,
    },
}

/// A job that a worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The job.
    pub job: JobId,
    /// Which run of the job, from 1; 0 of one that is void, whose slot the worker has not given back.
    pub attempt: u32,
    /// Parts of the result that it has sent.
    pub chunks: u32,
}
