//! The worker against a scripted server made of real sockets.

mod demo;
mod exec;
mod lanes;
mod running;
mod server;
mod stopping;
