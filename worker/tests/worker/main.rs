//! The worker against a scripted server made of real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is to panic")]

mod demo;
mod exec;
mod lanes;
mod running;
mod server;
mod stopping;
