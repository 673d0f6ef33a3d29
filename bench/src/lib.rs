//! Load over WebSocket, and what a job costs.
//!
//! The bench is a client only. Servers and workers are processes of their own, so that what the
//! system says about a process is what the server or the worker cost. Those that the bench starts
//! are the program that it is part of: the command `acequia`, as `acequia serve` or in a [`Role`],
//! which it hands to [`play`]. They end with the bench.
//!
//! | module | its one noun |
//! |---|---|
//! | `options` | what a bench is to do |
//! | `system` | what is loaded: a server with its workers, or one to compare with |
//! | `role`, `roles` | what a process is that the bench starts, and how it is played |
//! | `naive`, `peer` | servers to compare with, and what they share |
//! | `load`, `jobs`, `glance` | the load: jobs, and a quick look at what is said of them |
//! | `process`, `metrics` | what the system, and what the server, say of a process |
//! | `compare`, `aim`, `report` | measurements side by side, what was aimed at, how both are printed |
//! | `throughput`, `calls`, `cluster`, `durable`, `measures`, `idle`, `mixed`, `hostile`, `scale` | the modes |
//!
//! The server's crates may not be known here: it is measured from outside. Only the naive gateway
//! encodes events as the sink does, for it is to differ in what it does, not in how it writes.

mod aim;
mod calls;
mod cluster;
mod compare;
mod durable;
mod glance;
mod hostile;
mod idle;
mod jobs;
mod load;
mod measures;
mod metrics;
mod mixed;
mod naive;
mod options;
mod peer;
mod process;
mod report;
mod role;
mod roles;
mod scale;
mod system;
mod throughput;

pub use options::{Mode, Options, Running, Sizes};
pub use role::Role;
pub use roles::{Part, play};

/// Measures, and prints what was measured to standard output. If it is dropped before, the processes
/// that it has started end.
///
/// # Errors
/// If something does not go as it is to be measured: a process that does not start, a job that is not
/// done.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    match options.mode {
        Mode::Single => throughput::single(options).await,
        Mode::Echo => throughput::echo(options).await,
        Mode::Suite => throughput::suite(options).await,
        Mode::Durable => durable::run(options).await,
        Mode::Cluster => cluster::run(options).await,
        Mode::Measures => measures::run(options).await,
        Mode::Idle(sessions) => idle::run(options, sessions).await,
        Mode::Mixed => mixed::run(options).await,
        Mode::Http => calls::run(options).await,
        Mode::Hostile => hostile::run(options).await,
        Mode::Scale => scale::run(options).await,
    }
}
