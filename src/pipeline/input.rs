//! All that the pipeline is told, and by whom.

use acequia_journal::Notice;
use acequia_scheduler::ClientId;
use acequia_sink::Inlet;
use acequia_ventilator::ConnectionId;
use acequia_wire::Payload;
use acequia_wire::client::{Refusal, Request};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::desk::Call;
use super::lanes::FarInput;
use crate::metrics::JobTimes;

/// Inputs that may wait; whoever brings more waits.
pub(crate) const INBOX: usize = 4096;

/// One thing that the pipeline is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A client connects, and wants this at once.
    ConnectionOpened {
        connection: ConnectionId,
        whose: Whose,
        inlet: Inlet,
        /// Whether its client is told the names of its jobs in any case, and may ask for their outcomes.
        asks_later: bool,
        requests: Vec<Request>,
    },
    /// A door had this session with an owner before, and goes on with it unless another connection has come for it.
    GoesOn {
        connection: ConnectionId,
        /// What the session is known by.
        secret: String,
        /// The number of the last event that its client has been sent.
        last: u64,
    },
    /// A client asked this of another owner, and it is not known whether that one has heeded it.
    Again {
        connection: ConnectionId,
        /// The number of the last event that it had been sent when it did.
        since: u64,
        requests: Vec<Request>,
    },
    /// A client at a door asks this.
    Asked { connection: ConnectionId, requests: Vec<Request> },
    /// What a door has said at once, in this order.
    Batch {
        inputs: Vec<Input>,
        /// Dropped once the pipeline has taken them: then more may come.
        turn: OwnedSemaphorePermit,
    },
    /// A client's connection is over.
    ConnectionClosed {
        connection: ConnectionId,
        /// Its client said that it will not come back.
        for_good: bool,
    },
    /// All that was sent to a client is written, and it was asked to tell.
    Emptied { connection: ConnectionId },
    /// A client has a message for all who subscribed to a topic.
    Publish(Publish),
    /// From the front.
    Ventilator(acequia_ventilator::Input),
    /// From the end.
    Sink(acequia_sink::Input),
    /// From a door, of its workers.
    Far(FarInput),
    /// From the thread that writes the journal.
    Journal(Notice),
    /// Somebody scrapes. The metrics are up to date once this is answered, with the times of jobs.
    Scrape(oneshot::Sender<JobTimes>),
    /// Somebody asks whether the pipeline lives.
    Alive(oneshot::Sender<()>),
    /// Somebody asks or tells something, and waits for the answer.
    Desk(Call),
    /// The server is told to stop.
    Drain,
}

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// This client's, which has proven who it is.
    Proven(ClientId),
    /// That of a client of its own: nobody has to prove anything.
    Own,
    /// That of all who call over HTTP, where nobody has to prove anything.
    Callers,
}

impl Whose {
    /// The client, if it is not one of its own.
    pub(crate) fn client(self) -> Option<ClientId> {
        match self {
            Self::Proven(client) => Some(client),
            Self::Callers => Some(CALLERS),
            Self::Own => None,
        }
    }

    /// The client, if it has proven who it is.
    pub(crate) fn proven(self) -> Option<ClientId> {
        match self {
            Self::Proven(client) => Some(client),
            Self::Own | Self::Callers => None,
        }
    }
}

/// The one client that all callers over HTTP are where nobody has to prove anything. No session has
/// this number, so none is it.
pub(crate) const CALLERS: ClientId = ClientId(0);

/// A message for a topic.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) client: ClientId,
    /// Ops that the client's token allows in a second.
    pub(crate) ops_per_s: usize,
    pub(crate) topic: String,
    pub(crate) data: Payload,
    /// It is kept for those who subscribe later. One without bytes is not, and nor is the one before.
    pub(crate) retain: bool,
    /// Where it is told how many are told, or why not.
    pub(crate) answer: oneshot::Sender<Result<usize, Refusal>>,
}

impl Input {
    /// How much there is to be done about it: ops, and messages of workers.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Ventilator(acequia_ventilator::Input::Requests { requests, .. }) => {
                requests.len()
            }
            Self::Again { requests, .. } | Self::Asked { requests, .. } => requests.len(),
            Self::Batch { inputs, .. } => inputs.iter().map(Self::weight).sum(),
            Self::ConnectionOpened { requests, .. } => 1 + requests.len(),
            Self::Sink(acequia_sink::Input::Messages { messages, .. }) => messages.len(),
            Self::Far(FarInput::Said { words, .. }) => words.len(),
            _ => 1,
        }
    }
}

impl From<acequia_ventilator::Input> for Input {
    fn from(input: acequia_ventilator::Input) -> Self {
        Self::Ventilator(input)
    }
}

impl From<acequia_sink::Input> for Input {
    fn from(input: acequia_sink::Input) -> Self {
        Self::Sink(input)
    }
}
