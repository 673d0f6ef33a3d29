//! What the sizer hears and what it says: all its types but itself.

use std::time::Duration;

/// A process that has run for so long has started well, whatever becomes of it.
pub(super) const STEADY: Duration = Duration::from_secs(10);

/// The time since the pool began.
pub(crate) type Time = Duration;

/// A process of the pool; never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProcessId(pub(crate) u64);

/// How few and how many processes there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least.
    pub min: usize,
    /// At most; not fewer.
    pub max: usize,
}

/// What the sizer goes by.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Until the server says otherwise.
    pub bounds: Bounds,
    /// How long a process has to be too many before it goes.
    pub idle: Duration,
    /// From SIGTERM to SIGKILL; and how long jobs may take to end once the pool stops.
    pub grace: Duration,
    /// Jobs that one process holds at a time, until one has shown it.
    pub slots: u32,
}

/// What there was to see at the server.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    /// When it was asked.
    pub(crate) asked: Time,
    /// Jobs that wait for a slot in the pool's queues.
    pub(crate) waiting: u64,
    /// The lanes of the pool's own processes.
    pub(crate) lanes: Vec<Lane>,
}

/// A lane of one of the pool's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) process: ProcessId,
    /// The server's name for it.
    pub(crate) worker: u64,
    pub(crate) slots: u32,
    /// Slots that hold a job, or a void run.
    pub(crate) busy: u32,
    /// Those of these that the worker has not given back although their runs are void: they timed out,
    /// were cancelled or went to another.
    pub(crate) void: u32,
    /// Which of the void runs is the oldest: when it became void, by the server's clock.
    pub(crate) void_since: Option<u64>,
    /// Jobs that have ended there.
    pub(crate) ended: u64,
    pub(crate) state: LaneState,
}

/// Whether a lane gets jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneState {
    Ready,
    /// Its worker hangs: it gets none until it is heard.
    Silent,
    /// It never gets one again.
    Draining,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Observed(Observation),
    /// The server does not answer. If it is `gone`, so are its lanes.
    Away {
        gone: bool,
    },
    /// An operator has scaled the pool.
    Scaled(Bounds),
    /// The server is not where the processes dial it any more.
    Moved,
    /// A process, and all that it had started, is no more.
    Ended {
        process: ProcessId,
        end: End,
    },
    /// All processes are to go.
    Stop,
    /// Time has passed.
    Tick,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) success: bool,
    /// For the operator.
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// `place` is the lowest number that no process has.
    Start { process: ProcessId, place: usize },
    /// The server is to send no more jobs to this lane.
    Drain { worker: u64 },
    /// It hangs and is replaced: for whoever reads the log.
    GiveUp { process: ProcessId, why: Hang },
    /// SIGTERM.
    Terminate { process: ProcessId },
    /// SIGKILL.
    Kill { process: ProcessId },
}

/// What shows that a process hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hang {
    /// No lane of it is heard.
    Silent,
    /// It does not give back the slot of a void run.
    Void,
    /// It has no lane any more, and lives.
    Gone,
}

/// How many processes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All.
    pub(crate) processes: usize,
    /// Those that have not had a lane yet.
    pub(crate) starting: usize,
    /// Those that are on their way out.
    pub(crate) stopping: usize,
}
