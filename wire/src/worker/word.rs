//! What a worker says once it is known which lane it speaks for.

use super::from_worker::Progress;
use crate::content::Body;
use crate::id::JobId;

/// One thing that a worker says, or that its lane says for it.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The job's result; frees its slot.
    Done {
        /// The job.
        job: JobId,
        /// The result.
        body: Body,
    },
    /// The job failed; frees its slot.
    Fail {
        /// The job.
        job: JobId,
        /// The worker's own code.
        code: Option<String>,
        /// What happened, for people.
        message: String,
        /// Whether another attempt may help.
        retry: bool,
    },
    /// How far a job is.
    Progress {
        /// The job.
        job: JobId,
        /// How far.
        progress: Progress,
    },
    /// A part of the result.
    Chunk {
        /// The job.
        job: JobId,
        /// The part.
        body: Body,
    },
    /// Something of a job that cannot be understood: it fails.
    Bad {
        /// The job.
        job: JobId,
        /// Whether it was the last word of the job, which frees the slot.
        last: bool,
        /// What is wrong with it, for people.
        message: String,
    },
    /// To every session that subscribed to the topic.
    Publish {
        /// The topic.
        topic: String,
        /// What is published; without a declared type, JSON.
        body: Body,
    },
    /// It lives, and with it the jobs of its lane.
    Beat,
    /// It lives; what it said is of no use.
    Heard,
    /// No more jobs, please.
    Bye,
}
