//! The scheduler: which job runs where, and what becomes of it.
//!
//! A pure state machine. [`Scheduler::handle`] takes the time and an [`Event`] and appends
//! [`Action`]s to a buffer; there is no IO here, no clock, thread, lock or source of randomness,
//! so a test can live a million hours in a minute and live them again from the same seed.
//!
//! # The life of a job
//!
//! ```text
//!              submit
//!                │
//!     delay_ms   ▼            a slot is free
//!  ┌──────── admitted ────────────────────────────┐
//!  ▼             │ none is                        ▼
//! Delayed ────▶ Waiting ──────────────────────▶ Running ──▶ done
//!  ▲   its time │  ▲  a slot is free             │ │ │
//!  │            │  └─── the worker was lost ─────┘ │ │
//!  │            │       (at most three times)      │ │
//!  └────────────┼── fail, timeout: attempts left ──┘ │
//!               │                                    │
//!               ▼                                    ▼
//!      cancelled, failed: expired      cancelled, failed: the worker's code,
//!                                      timeout, worker_lost, bad_result
//! ```
//!
//! A run whose job has moved on without it (cancelled, timed out, lost in a worker's silence) is
//! *void*: its slot stays taken until the worker reports on it or the lane ends, and what the
//! worker says of it is dropped.
//!
//! # Leases
//!
//! The jobs of a worker that beats are on a lease: all that is heard from it renews it. If it runs
//! out while the worker holds jobs, their runs are lost as if the lane had ended, and void, since it
//! has not. The lane is *silent* then, and gets no job until its worker is heard again.
//!
//! # Keys
//!
//! A submit with the key of a live job of its client begins no job: it *watches* that one, and is
//! told all that follows. The outcome of a job with a key answers to the key for a while; that of
//! one that was cancelled does not, since nobody wanted it.
//!
//! # Outcomes
//!
//! The outcome of a job that was accepted, was redriven, has a key or will be asked for is kept for
//! a while, for whoever asks what became of it: [`Scheduler::find`] tells of any job by its id, live
//! or ended.
//! Another job that ended before it was accepted leaves no outcome behind.
//!
//! # Dead letters
//!
//! A job that failed, for whatever reason, is kept as a dead letter beside its outcome, and for
//! longer: until an operator has it run again or drops it, or newer ones take its room. It runs
//! again as a new job, at once and with all its attempts; nobody watches it until a submit names
//! its key, which is the new job's from then on. Its old id still leads to the outcome that was.
//! The letter leaves the journal with the group in which the new job comes into it.
//!
//! # Batches
//!
//! The live jobs of a client under one name are a batch. When the last of them has ended, each
//! session that submitted to it is told what became of all; a submit under the name then begins
//! another.
//!
//! # Adoption
//!
//! When another server takes over, workers may live on and still have their runs, since they are
//! connected to somebody else. Then the jobs that the journal kept wait, for as long as
//! [`Config::adoption`] says or until all workers have spoken, for whoever says that it has them
//! ([`LaneOffer::holds`]): the first who does goes on with the run, and is sent nothing. Its timeout and
//! its lease count from then on. It is that run's job, unless the journal knows that the run is over,
//! or another has begun since; what a worker has beside is void. A job that nobody has goes on when the
//! wait is over, before all that came meanwhile, as if it had come back only then.
//!
//! A submit that is said again to the next server, by whoever does not know whether it was written,
//! has the name of the job that it began, and is told of that one. If the journal did not have the job,
//! and a worker has its run from before, the run is *unclaimed*, for as long as there is the wait: the
//! submit begins the job as that run's, and the worker's last word, if it came before, counts then.
//!
//! # Turns
//!
//! In a queue, the highest priority goes first; within a priority the clients take turns, a job
//! each; within a client the oldest goes first. One job in sixteen is that which has waited
//! longest, whatever its priority, so that the lowest moves too. A lane that serves several queues
//! takes from them in turn. A job goes to the least loaded free lane. No job of a queue that an
//! operator has paused begins.
//!
//! # Where what is
//!
//! [`Event`] goes in and [`Action`] comes out. `state/` is what the scheduler keeps, in pieces that
//! do not know it; `scheduler.rs` puts them together; `rules/` is what it does with them, a file a
//! rule; `views/` is what can be asked of it.

mod action;
mod config;
mod event;
mod ids;
mod outcome;
mod records;
mod rules;
mod scheduler;
#[cfg(test)]
mod simulation;
#[cfg(feature = "spans")]
mod span;
mod state;
mod time;
mod views;
mod void;

pub use action::{Action, Dropped, Measure};
pub use config::Config;
pub use event::{Event, Hold, LaneOffer, Sight};
pub use ids::{ClientId, LaneKey, SessionId, Ticket};
pub use outcome::Outcome;
pub use records::{DeadLetter, Past, Recovered, Retained, Tally};
pub use rules::redrive::NotRedriven;
pub use scheduler::Scheduler;
#[cfg(feature = "spans")]
pub use span::{Part, Span};
pub use time::Time;
pub use views::inspect::{
    Held, JobCursor, JobFilter, JobPage, JobState, LaneDetails, PageLost, RUNS_TOLD, Run,
};
pub use views::lookup::{Found, LiveJob, LiveState};
pub use views::stats::{LaneStats, QueueStats, Stats, Totals};
pub use void::VoidReason;
