//! The gate against real `zeromq` peers and against hostile ones. One binary, so that it links
//! once.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod ends;
mod exchange;
mod harness;
mod hostile;
mod limits;
mod listen;
mod turned_away;
