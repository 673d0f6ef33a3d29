//! What the owner tells a door.

use acequia_wire::JobId;
use acequia_wire::client::Event;
use acequia_wire::worker::JobMessage;

/// What the owner tells a door, about connections and lanes as the door has numbered them.
#[derive(Clone, Debug, PartialEq)]
pub enum FromOwner {
    /// Events for a client.
    Events {
        /// The client's connection.
        connection: u64,
        /// The `seq` of the first of them, if they are numbered; each that follows has the next.
        first_seq: Option<u64>,
        /// In the order in which they are to be written.
        events: Vec<Event>,
    },
    /// The owner wants to be told once nothing waits at the door for this client.
    WantEmpty {
        /// The client's connection.
        connection: u64,
    },
    /// How much waits at the owner for this client.
    Backlog {
        /// The client's connection.
        connection: u64,
        /// In bytes.
        bytes: u64,
    },
    /// The connection is to be closed.
    Close {
        /// The client's connection.
        connection: u64,
        /// What is to be written before, if there is something.
        last: Option<Box<Event>>,
        /// The close code of the WebSocket.
        code: u16,
        /// Why, for people.
        reason: String,
        /// What waits is not to be written any more.
        superseded: bool,
    },
    /// The client does not read: the connection is to be closed at once.
    Overflow {
        /// The client's connection.
        connection: u64,
    },
    /// A job for a worker.
    Run {
        /// The worker's lane.
        lane: u64,
        /// The job.
        job: JobMessage,
    },
    /// The outcome of a job no longer matters.
    Cancel {
        /// The worker's lane.
        lane: u64,
        /// The job.
        job: JobId,
    },
    /// No job follows on this lane.
    Bye {
        /// The worker's lane.
        lane: u64,
        /// Why, for the worker's log.
        reason: String,
    },
    /// The lane is to be closed: its worker does not answer.
    End {
        /// The worker's lane.
        lane: u64,
    },
    /// Nothing more is to be read from the worker, until it is let go on.
    Hold {
        /// The worker's lane.
        lane: u64,
    },
    /// The worker may be read from again.
    LetGo {
        /// The worker's lane.
        lane: u64,
    },
    /// What came of all before this [`Mark`](crate::FromDoor::Mark) of the connection survives the owner.
    Durable {
        /// Its number.
        mark: u64,
    },
    /// The owner lives.
    Beat,
    /// The owner stops or hands over: the link ends, and the door looks for another owner.
    Leave {
        /// Why, for people.
        reason: String,
    },
}
