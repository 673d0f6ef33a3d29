//! What is wrong with how a worker was set up.

use std::path::PathBuf;

use acequia_wire::BadQueueName;
use acequia_wire::limits::{QUEUES_PER_WORKER_MAX, SLOTS_MAX};

/// A worker that cannot start. It is always its options that are at fault: a server that is not
/// there, or goes, is no error, for the worker dials it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// An endpoint that is none.
    #[error(
        "the {name} endpoint `{url}` cannot be used: {why}; expected is tcp://HOST:PORT or \
         ipc://PATH, such as tcp://127.0.0.1:5557 or ipc:///run/acequia/jobs"
    )]
    Endpoint {
        /// Which of the two, `jobs` or `results`.
        name: &'static str,
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A name that no queue can have.
    #[error("`{name}` cannot be the name of a queue: {why}")]
    QueueName {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: BadQueueName,
    },
    /// Two handlers for one queue.
    #[error("the queue `{0}` has two handlers; give each queue one")]
    DuplicateQueue(String),
    /// No handler at all, or more than a worker may have.
    #[error("a worker serves 1 to {QUEUES_PER_WORKER_MAX} queues, this one has {0}")]
    Queues(usize),
    /// A token file that holds no token.
    #[error(
        "the worker token cannot be read from {}: {why}; it is the file that the server has as \
         --worker-token-file", .file.display()
    )]
    TokenFile {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A number of slots that the server would not accept.
    #[error("a worker has 1 to {SLOTS_MAX} slots, this one has {0}")]
    Slots(u32),
}
