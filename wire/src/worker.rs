//! The worker protocol, version 1, over ZeroMQ.
//!
//! A ZeroMQ message is one protocol message of up to four frames (`kind`, `id`, `head`, `body`),
//! or several in a row, four frames each. [`ToWorker`] is what the server says, [`FromWorker`]
//! what a worker says; both encode and decode, since the SDK needs the other half of each.

mod bad_message;
mod frames;
mod from_worker;
mod head;
mod to_worker;
mod word;

pub use bad_message::{About, BadMessage};
pub use frames::{Malformed, Packer};
pub use from_worker::{FromWorker, Progress, Ready};
pub use to_worker::{Hello, JobMessage, ToWorker, VERSION};
pub use word::Word;
