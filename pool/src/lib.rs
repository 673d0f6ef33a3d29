//! As many worker processes as there is work for.
//!
//! A pool looks at a server by admin calls, starts processes of any worker program when jobs wait and
//! no slot is free, and stops those that have been idle. None that holds a job is stopped.
//!
//! ```no_run
//! use acequia_client::AdminClient;
//! use acequia_pool::Setup;
//!
//! # async fn run() -> anyhow::Result<()> {
//! let setup = Setup::of_line("thumbs: 0..8 queue=thumb -- python3 worker.py", None, None)?;
//! let client = AdminClient::new("http://127.0.0.1:8080".parse()?);
//! acequia_pool::run(setup, client, async { _ = tokio::signal::ctrl_c().await }).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | its one noun |
//! |---|---|
//! | `sizer` | the state machine that decides how many processes there are; no IO, no clock |
//! | `engine` | one pool at work: the sizer, and around it the others and the clock |
//! | `server`, `errands` | what is asked of the server, one errand at a time |
//! | `kin` | which of the server's lanes are those of the pool's own processes |
//! | `program`, `output` | a process of the program, and what it says |
//! | `group` | what there is of a process group |
//! | `guard` | what ends the processes of a pool that was killed |
//! | `setup`, `line`, `name`, `place` | what a pool is told, also in one line; where it is |
//!
//! How arguments of a command are called may not live here, but for what errors name as the remedy.

mod engine;
mod errands;
mod group;
mod guard;
mod kin;
mod line;
mod name;
mod output;
mod place;
mod program;
mod run;
mod server;
mod setup;
mod sizer;

pub use guard::run as guard;
pub use name::PoolName;
pub use program::Program;
pub use run::{run, run_within};
pub use setup::{GRACE, GuardCommand, IDLE, Setup};
pub use sizer::{Bounds, Rules};
