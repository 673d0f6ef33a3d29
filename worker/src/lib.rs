//! The Rust SDK for workers of Acequia, and the worker that runs any command.
//!
//! Acequia takes jobs from web pages and pushes them, over ZeroMQ, to workers; what a worker
//! returns flows back, live, to the page that asked. A worker in Rust is this:
//!
//! ```no_run
//! use acequia_worker::{Failure, Job, Reply, Worker};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), acequia_worker::WorkerError> {
//!     Worker::new("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558")
//!         .name("librarian")
//!         .slots(4)
//!         .queue("fetch", async |job: Job| {
//!             let path: String = job.json()?;
//!             Ok(Reply::bytes(tokio::fs::read(path).await?))
//!         })
//!         .blocking_queue("sum", |job: Job| {
//!             let numbers: Vec<f64> = job.json()?;
//!             let mut sum = 0.0;
//!             for (n, number) in numbers.iter().enumerate() {
//!                 if job.is_cancelled() {
//!                     return Err(Failure::cancelled());
//!                 }
//!                 sum += number;
//!                 job.progress(n as f64, numbers.len() as f64, "adding");
//!             }
//!             Reply::json(&sum)
//!         })
//!         .run(async { drop(tokio::signal::ctrl_c().await) })
//!         .await
//! }
//! ```
//!
//! The worker dials the server, and dials again for ever when it goes; both may start in any
//! order. A handler gets a [`Job`] and returns a [`Reply`] or a [`Failure`]. Execution is
//! at-least-once: a job whose worker or connection is lost is given out again, so a handler
//! should bear to be run twice.
//!
//! [`exec`] runs any command as a worker, without a line of Rust for the work itself. With the
//! feature `demo`, the module `demo` has the handlers of `acequia demo`.
//!
//! # Inside
//!
//! ```text
//! server ──▶ PULL ──▶ connection ──start──▶ a task for each job ──▶ outbox ──▶ sender ──▶ PUSH ──▶ server
//!                        │                         │                             │
//!                        └────────── lane: the jobs that are held ───────────────┘
//! ```
//!
//! One task owns the PULL and the lane's life, one the PUSH. Handlers never touch a socket, and
//! whatever waits in the outbox at one time leaves in one ZeroMQ message.

mod async_handler;
mod auth;
mod backoff;
mod config;
mod connection;
#[cfg(feature = "demo")]
pub mod demo;
mod endpoint;
mod error;
#[cfg(unix)]
pub mod exec;
mod failure;
mod finish;
mod handler;
mod job;
mod lane;
mod line;
mod outbox;
mod reply;
mod sender;
mod signal;
mod sockets;
mod worker;

pub use acequia_wire::{ContentType, JobId, QueueName};
pub use error::WorkerError;
pub use failure::Failure;
pub use job::Job;
pub use reply::Reply;
pub use worker::{BEAT, GRACE, PACK, Worker};
