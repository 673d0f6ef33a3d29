//! Runs from before a takeover whose jobs are not known yet, and what their workers said last of them.

use acequia_wire::Body;

use crate::ids::LaneKey;
use crate::state::lanes::Word;

/// A run that a worker has from before a takeover, of a job that the journal did not have: the submit
/// may be said again.
#[derive(Debug)]
pub(crate) struct Unclaimed {
    /// Whose it is. That lane is there.
    pub(crate) lane: LaneKey,
    /// Which of the job's runs, from 1.
    pub(crate) attempt: u32,
    /// Chunks that the worker has sent, those among them that came here and that nobody heard.
    pub(crate) chunks: u32,
    /// What the worker said last of it; then its slot is free.
    pub(crate) word: Option<LastWord>,
}

/// A worker's last word on a run.
#[derive(Debug)]
pub(crate) enum LastWord {
    Done(Body),
    Failed {
        code: Option<String>,
        message: String,
        retry: bool,
    },
    /// It cannot be understood; here is why.
    Bad(String),
}

impl LastWord {
    /// What it counts as.
    pub(crate) fn kind(&self) -> Word {
        match self {
            Self::Done(_) => Word::Done,
            Self::Failed { .. } | Self::Bad(_) => Word::Failed,
        }
    }
}
