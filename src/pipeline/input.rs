//! All that the pipeline is told, and by whom.

use acequia_journal::Notice;
use acequia_scheduler::ClientId;
use acequia_sink::Inlet;
use acequia_ventilator::ConnectionId;
use tokio::sync::oneshot;

use super::desk::Call;
use crate::metrics::JobTimes;

/// Inputs that may wait; whoever brings more waits.
pub(crate) const INBOX: usize = 4096;

/// One thing that the pipeline is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A client connects.
    ConnectionOpened { connection: ConnectionId, client: Option<ClientId>, inlet: Inlet },
    /// A client's connection is over.
    ConnectionClosed {
        connection: ConnectionId,
        /// Its client said that it will not come back.
        for_good: bool,
    },
    /// All that was sent to a client is written, and it was asked to tell.
    Emptied { connection: ConnectionId },
    /// From the front.
    Ventilator(acequia_ventilator::Input),
    /// From the end.
    Sink(acequia_sink::Input),
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

impl Input {
    /// How much there is to be done about it: ops, and messages of workers.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Ventilator(acequia_ventilator::Input::Requests { requests, .. }) => {
                requests.len()
            }
            Self::Sink(acequia_sink::Input::Messages { messages, .. }) => messages.len(),
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
