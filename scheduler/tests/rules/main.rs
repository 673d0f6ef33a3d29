//! The scheduler's rules, each as a short conversation through its public interface.

#![expect(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod absence;
mod admission;
mod adoption;
mod batches;
mod claims;
mod dead_letters;
mod delivery;
mod endings;
mod keys;
mod leases;
mod lookup;
mod operators;
mod patience;
mod recovery;
mod resubmission;
mod retries;
mod scene;
mod shares;
mod slots;
mod suspicion;
mod traces;
mod turns;
mod watching;
