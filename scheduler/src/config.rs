//! What the operator decides.

use std::time::Duration;

use acequia_wire::limits::{PAYLOAD_BYTES_MAX, QUEUES_MAX, RESULT_BYTES_MAX};
use acequia_wire::{Limits, TraceRatio};

/// The scheduler's settings.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What clients may do.
    pub limits: Limits,
    /// How many names of queues clients may make up at one time, beside those that workers serve.
    pub queue_names: usize,
    /// How long a worker that beats may be silent while it holds jobs before they are taken to be
    /// lost.
    pub lease: Duration,
    /// How long a worker may keep a void run in a slot and say nothing until it is reminded.
    pub remind_after: Duration,
    /// How long it may go on saying nothing after that before its lane is ended.
    pub answer_within: Duration,
    /// The `timeout_ms` of jobs that come without one, if they are to have one.
    pub default_timeout_ms: Option<u32>,
    /// How long jobs that the journal kept wait for workers that still have their runs, and runs of
    /// jobs that it did not have for submits that are said again: from the first event on after those
    /// that bring back what was. Not at all, if it is 0.
    pub adoption: Duration,
    /// How long the outcome of a job with a key answers to that key.
    pub retention: Duration,
    /// How many such outcomes are kept. Where they are too many, the client with most of them gives
    /// way, and loses its oldest.
    pub retained_jobs: usize,
    /// How many bytes they may take. Where they take more, the client whose outcomes take most of
    /// them gives way.
    pub retained_bytes: usize,
    /// How many dead letters are kept; the client with most of them gives way, and loses its oldest.
    /// None is kept, if it is 0.
    pub dead_letters: usize,
    /// How many bytes they may take; the client whose letters take most of them gives way, and one
    /// that is larger by itself is not kept. None is, if it is 0.
    pub dead_letters_bytes: usize,
    /// Which of the jobs begin a trace that come without one.
    pub traces: TraceRatio,
    /// Whether traces that are sampled are told of, by [`Action::Span`](crate::Action::Span).
    #[cfg(feature = "spans")]
    pub spans: bool,
    /// Where the jitter of retries starts from.
    pub seed: u64,
}

impl Config {
    /// How long a worker may be silent by default: thrice the pause between two beats of one that
    /// keeps the protocol.
    pub const LEASE: Duration = Duration::from_secs(15);
    /// How long a worker may keep a void run and say nothing by default until it is reminded: longer
    /// than the pause between two beats.
    pub const REMIND_AFTER: Duration = Duration::from_secs(10);
    /// How long it may go on saying nothing by default: long enough for a worker that does one thing
    /// at a time and is nearly through.
    pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);
    /// How long outcomes answer to their keys by default.
    pub const RETENTION: Duration = Duration::from_secs(10 * 60);
    /// How many outcomes are kept for their keys by default.
    pub const RETAINED_JOBS: usize = 100_000;
    /// How many bytes they may take by default.
    pub const RETAINED_BYTES: usize = 64 << 20;
    /// How many dead letters are kept by default.
    pub const DEAD_LETTERS: usize = 10_000;
    /// How many bytes they may take by default.
    pub const DEAD_LETTERS_BYTES: usize = 64 << 20;
}

// The largest of one client leaves most of the room to all others.
const _: () = assert!(RESULT_BYTES_MAX < Config::RETAINED_BYTES / 2);
const _: () = assert!(PAYLOAD_BYTES_MAX < Config::DEAD_LETTERS_BYTES / 2);

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            queue_names: QUEUES_MAX,
            lease: Self::LEASE,
            remind_after: Self::REMIND_AFTER,
            answer_within: Self::ANSWER_WITHIN,
            default_timeout_ms: None,
            adoption: Duration::ZERO,
            retention: Self::RETENTION,
            retained_jobs: Self::RETAINED_JOBS,
            retained_bytes: Self::RETAINED_BYTES,
            dead_letters: Self::DEAD_LETTERS,
            dead_letters_bytes: Self::DEAD_LETTERS_BYTES,
            traces: TraceRatio::default(),
            #[cfg(feature = "spans")]
            spans: false,
            seed: 0,
        }
    }
}
