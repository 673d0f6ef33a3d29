//! The registry: every rule that a worker or a client library can break.

mod client;
mod worker;

pub(crate) use client::CLIENT;
pub(crate) use worker::WORKER;
