//! The handlers of `acequia demo`: small, real, and the same over every client.
//!
//! | queue | payload | result |
//! |---|---|---|
//! | [`echo`] | anything | the same, of the same type |
//! | [`upper`] | text, or JSON or MessagePack that holds some | the same in upper case |
//! | [`words`] | text, or a string of JSON or MessagePack | how many words it has; each is a chunk before |
//! | [`mandelbrot`] | a [`Tile`] | how long each of its points stays |
//! | [`thumbnail`] | a picture | a JPEG that fits 256 × 256 |
//!
//! Whatever is wrong with a payload fails the job at once, for no further attempt can mend it:
//! with code `bad_image` in `thumbnail`, with `bad_input` elsewhere.

mod bad_input;
mod mandelbrot;
mod text;
mod thumbnail;
mod upper;
mod value;
mod words;

pub use mandelbrot::{Tile, mandelbrot};
pub use thumbnail::thumbnail;
pub use upper::upper;
pub use words::words;

use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;
use crate::worker::Worker;

/// The names of the queues.
pub const QUEUES: [&str; 5] = ["echo", "upper", "words", "mandelbrot", "thumbnail"];

/// Adds all five queues to a worker.
///
/// ```no_run
/// # async fn run() -> Result<(), acequia_worker::WorkerError> {
/// use acequia_worker::{Worker, demo};
///
/// let worker = Worker::new("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558").slots(4);
/// demo::queues(worker).run(async { drop(tokio::signal::ctrl_c().await) }).await
/// # }
/// ```
pub fn queues(worker: Worker) -> Worker {
    let [in_echo, in_upper, in_words, in_mandelbrot, in_thumbnail] = QUEUES;
    worker
        .queue(in_echo, async |job: Job| echo(&job))
        .queue(in_upper, async |job: Job| upper(&job))
        .queue(in_words, async |job: Job| words(&job).await)
        .blocking_queue(in_mandelbrot, |job: Job| mandelbrot(&job))
        .blocking_queue(in_thumbnail, |job: Job| thumbnail(&job))
}

/// Gives the payload back.
///
/// # Errors
/// Never.
pub fn echo(job: &Job) -> Result<Reply, Failure> {
    Ok(Reply::same_type(job.payload().clone()))
}
