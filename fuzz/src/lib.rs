//! What is fuzzed, a module a target: each takes any bytes and panics if something is wrong.
//!
//! The targets themselves are the programs in `fuzz_targets`; `tests/corpus.rs` gives the same
//! functions all that is in `corpus`, with a stable compiler.

pub mod client_event;
pub mod client_op;
pub mod gate_frames;
pub mod heap;
pub mod journal_records;
pub mod link_frames;
pub mod worker_frames;
