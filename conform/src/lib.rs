//! Judges a worker, or a client library, by the rules of its protocol.
//!
//! Each rule of the two protocol documents has a number, such as W12 or C3. Here is one
//! [registry](Rule) of them, a *scripted server* for each protocol that can do all that a server
//! may do, and *cases*: conversations that a program under test is led through. What comes out is
//! a [`Report`]: a verdict for each rule.
//!
//! [`worker::judge`] starts a worker program beside a server of two ZeroMQ ports,
//! [`client::judge`] a client program beside a server of one WebSocket.

mod case;
pub mod client;
mod findings;
mod program;
mod report;
mod rule;
mod rules;
pub mod worker;

pub use report::{Format, Report};
pub use rule::{Level, Rule, Side, Tested};
