//! How a pool is set up.

use std::io;
use std::process::Command;
use std::time::Duration;

use acequia_gate::Endpoint;
use anyhow::bail;
use tokio::sync::{mpsc, oneshot};

use crate::program::Program;
use crate::sizer::{Bounds, Rules};

/// How long processes have to be too many, by default.
pub const IDLE: Duration = Duration::from_secs(10);
/// How long they may take to end, by default.
pub const GRACE: Duration = Duration::from_secs(30);
/// Processes that a pool may have at most.
const PROCESSES_MAX: usize = 1_000;

/// How the process is started that guards the others: one that calls [`guard`](crate::guard) with
/// this grace period.
pub type GuardCommand = fn(Duration) -> io::Result<Command>;

/// All that a pool is told.
#[derive(Debug)]
pub struct Setup {
    /// Its processes are NAME-1, NAME-2 and so on.
    pub name: String,
    /// What decides how many processes there are.
    pub rules: Rules,
    /// What they run.
    pub program: Program,
    /// Where the processes fetch jobs, if not where the server says.
    pub jobs: Option<Endpoint>,
    /// Where they bring results, if not where the server says.
    pub results: Option<Endpoint>,
    /// What ends the processes if this one is killed. Those that see it by themselves need none.
    pub guard: Option<GuardCommand>,
    /// Who wants a process killed, to see what becomes of its jobs. That is the one that has served
    /// longest; its name is sent, or the sender dropped if none serves. With `None` nobody does.
    pub kills: Option<mpsc::Receiver<oneshot::Sender<String>>>,
}

impl Bounds {
    /// From `min` to `max` processes.
    ///
    /// # Errors
    /// If there is no such number, or none that a pool may have.
    pub fn new(min: usize, max: usize) -> anyhow::Result<Self> {
        if max == 0 || max > PROCESSES_MAX {
            bail!("at most {max} processes: that is 1 to {PROCESSES_MAX}, by --max");
        }
        if min > max {
            bail!("--min {min} --max {max}: the minimum must not exceed the maximum");
        }
        Ok(Self { min, max })
    }
}
