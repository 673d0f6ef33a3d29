//! A part of the life of a traced job.

use std::sync::Arc;

use acequia_wire::code::FailCode;
use acequia_wire::{JobId, QueueName, TraceParent};

use crate::outcome::Outcome;
use crate::time::Time;

/// A part of a job's life that is over.
#[derive(Debug, PartialEq)]
pub struct Span {
    /// The job.
    pub job: JobId,
    /// Its queue.
    pub queue: QueueName,
    /// The job's own span: the one of its whole life, below which are those of the parts.
    pub of: TraceParent,
    /// When the part began.
    pub began: Time,
    /// When it was over.
    pub ended: Time,
    /// Which part.
    pub part: Part,
}

/// Which part of a job's life a span is of.
#[derive(Debug, PartialEq)]
pub enum Part {
    /// All of it, from its submit to its outcome.
    Whole {
        /// The span that this one is below, if the trace did not begin here.
        parent: Option<TraceParent>,
        /// How it ended.
        outcome: Outcome,
        /// Why it failed, if it did.
        error: Option<FailCode>,
        /// Its priority.
        priority: u8,
        /// The length of its payload.
        payload_bytes: usize,
        /// Runs begun.
        runs: u32,
    },
    /// From when it could run until it did.
    Waiting {
        /// The run that it waited for, from 1.
        attempt: u32,
    },
    /// With a worker, until that had its say or was not waited for any more.
    Running {
        /// Which run, from 1.
        attempt: u32,
        /// What people call the worker.
        worker: Arc<str>,
        /// Why it is void or has failed, if it is or has; a job that was cancelled has no code.
        error: Option<FailCode>,
    },
}
