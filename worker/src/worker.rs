//! The builder of a worker, and the loop that keeps it connected.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::QueueName;
use acequia_wire::limits::{PACK_MAX, QUEUES_PER_WORKER_MAX, SLOTS_MAX};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use crate::async_handler::AsyncHandler;
use crate::backoff::Backoff;
use crate::config::{Config, Stop};
use crate::connection::{Connection, End};
use crate::error::WorkerError;
use crate::failure::Failure;
use crate::handler::{BlockingHandler, Handler, Running};
use crate::job::Job;
use crate::reply::Reply;
use crate::{endpoint, sockets};

/// How long a worker finishes what it holds after it was told to stop, unless told otherwise.
pub const GRACE: Duration = Duration::from_secs(30);
/// The longest silence of a worker that holds jobs, unless told otherwise.
pub const BEAT: Duration = Duration::from_secs(5);
/// Messages that a worker takes in one ZeroMQ message, unless told otherwise.
pub const PACK: u32 = 256;
/// How long a stopped worker waits for handlers that were told to give up, such as those that end
/// a child process.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(6);

const _: () = assert!(PACK <= PACK_MAX);

/// A worker: where its server is, and what it does for which queue.
///
/// ```no_run
/// # use acequia_worker::{Job, Reply, Worker};
/// # #[tokio::main]
/// # async fn main() -> Result<(), acequia_worker::WorkerError> {
/// Worker::new("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558")
///     .name("shouter")
///     .slots(4)
///     .queue("shout", async |job: Job| {
///         let text: String = job.json()?;
///         Reply::json(&text.to_uppercase())
///     })
///     .run(async { drop(tokio::signal::ctrl_c().await) })
///     .await
/// # }
/// ```
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {
    jobs: String,
    results: String,
    name: String,
    slots: u32,
    pack: u32,
    token: Token,
    beat: Duration,
    grace: Duration,
    queues: Vec<(String, MakeHandler)>,
}

/// Where the worker token is.
enum Token {
    None,
    Here(Vec<u8>),
    File(PathBuf),
}

/// Makes a handler once the number of slots is known.
type MakeHandler = Box<dyn FnOnce(&Arc<Semaphore>) -> Box<dyn Handler> + Send>;

impl Worker {
    /// A worker of one slot that dials the server's jobs and results endpoints, each
    /// `tcp://HOST:PORT` or `ipc://PATH`.
    pub fn new(jobs: impl Into<String>, results: impl Into<String>) -> Self {
        Self {
            jobs: jobs.into(),
            results: results.into(),
            name: default_name(),
            slots: 1,
            pack: PACK,
            token: Token::None,
            beat: BEAT,
            grace: GRACE,
            queues: Vec::new(),
        }
    }

    /// What people call the worker: the program's name and process id, unless set. The server
    /// cuts it to 64 bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How many jobs the worker is willing to hold, 1 to 65,536, over all its queues. For work
    /// that computes, the number of processors; for work that waits, as many as may wait.
    pub fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    /// The worker token, for a server that asks for one. Of a file, without the line end: the
    /// server drops white space around its own.
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Self {
        self.token = Token::Here(token.into());
        self
    }

    /// The same, from a file, which is read when the worker is run. White space around it does not
    /// count.
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.token = Token::File(file.into());
        self
    }

    /// How long to go on with what is held once told to stop ([`GRACE`] unless set). What is not
    /// done by then the server gives to another worker.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The longest silence while jobs are held ([`BEAT`] unless set), after which the worker says
    /// that it lives. Must be shorter than the server's lease.
    pub fn beat(mut self, beat: Duration) -> Self {
        self.beat = beat;
        self
    }

    /// Serves a queue with an async function. Each job is a task of its own, so it must not
    /// block: what computes for long or waits without `await` belongs into a
    /// [`blocking_queue`](Self::blocking_queue).
    ///
    /// A panic fails the job with code `worker_panic`, and the worker goes on.
    pub fn queue<H, F>(mut self, name: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Job) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Reply, Failure>> + Send + 'static,
    {
        self.queues.push((name.into(), Box::new(|_| Box::new(AsyncHandler::new(handler)))));
        self
    }

    /// Serves a queue with a function that computes or blocks. It runs on the runtime's threads
    /// for blocking work, at most as many as there are slots.
    ///
    /// A panic fails the job with code `worker_panic`, and the worker goes on. Nothing can stop
    /// such a function from outside, so one that runs long should look at
    /// [`Job::is_cancelled`] now and then. A runtime that is dropped waits for it.
    pub fn blocking_queue<H>(mut self, name: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Job) -> Result<Reply, Failure> + Send + Sync + 'static,
    {
        let make: MakeHandler =
            Box::new(|threads| Box::new(BlockingHandler::new(handler, Arc::clone(threads))));
        self.queues.push((name.into(), make));
        self
    }

    /// Works until `shutdown` resolves: then it takes no more jobs, finishes those that it holds
    /// within the [grace time](Self::grace), and returns when their results are written.
    ///
    /// A server that is not there or goes is dialled again for ever, after pauses of at most 5
    /// seconds. What was held when the connection went is void: the handlers are told
    /// [`cancelled`](Job::cancelled), what they return is dropped, and the server gives their
    /// jobs out again.
    ///
    /// Dropping the returned future is the same as a shutdown that nobody waits for.
    ///
    /// # Errors
    /// Only if the worker's options are wrong, before anything is dialled.
    ///
    /// # Panics
    /// If it is not called in a tokio runtime with IO and time.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), WorkerError> {
        let config = self.check()?;
        let (tell, stop) = Stop::new();
        // A task, so that the runtime's own threads read and send, not the one that waits here.
        let mut serving = tokio::spawn(serve(config, stop));
        tokio::select! {
            () = shutdown => {}
            _ = &mut serving => return Ok(()),
        }
        tell.send_replace(true);
        if let Err(error) = serving.await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
        Ok(())
    }

    fn check(self) -> Result<Config, WorkerError> {
        endpoint::check("jobs", &self.jobs)?;
        endpoint::check("results", &self.results)?;
        if self.slots == 0 || self.slots > SLOTS_MAX {
            return Err(WorkerError::Slots(self.slots));
        }
        if self.queues.is_empty() || self.queues.len() > QUEUES_PER_WORKER_MAX {
            return Err(WorkerError::Queues(self.queues.len()));
        }
        let threads = Arc::new(Semaphore::new(self.slots as usize));
        let mut handlers = HashMap::new();
        for (name, make) in self.queues {
            let queue: QueueName =
                name.parse().map_err(|why| WorkerError::QueueName { name: name.clone(), why })?;
            if handlers.insert(queue, make(&threads)).is_some() {
                return Err(WorkerError::DuplicateQueue(name));
            }
        }
        Ok(Config {
            jobs: self.jobs,
            results: self.results,
            name: self.name,
            slots: self.slots,
            pack: self.pack,
            token: self.token.read()?,
            beat: self.beat,
            grace: self.grace,
            handlers,
        })
    }
}

impl Token {
    fn read(self) -> Result<Option<Vec<u8>>, WorkerError> {
        let file = match self {
            Self::None => return Ok(None),
            Self::Here(token) => return Ok(Some(token)),
            Self::File(file) => file,
        };
        let bad = |why: String| WorkerError::TokenFile { file: file.clone(), why };
        let token = std::fs::read(&file).map_err(|error| bad(error.to_string()))?;
        match token.trim_ascii() {
            [] => Err(bad("there is nothing in it".to_owned())),
            token => Ok(Some(token.to_vec())),
        }
    }
}

fn default_name() -> String {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(|path| path.file_name());
    let program = program.map_or_else(|| "worker".into(), |name| name.to_string_lossy());
    format!("{program}-{}", std::process::id())
}

/// Keeps the worker connected until it is told to stop.
async fn serve(config: Config, mut stop: Stop) {
    let (running, ended) = Running::new();
    let mut backoff = Backoff::default();
    loop {
        let dialled = tokio::select! {
            biased;
            () = stop.told() => break,
            dialled = sockets::dial(&config.jobs, &config.results, backoff.dial_time()) => dialled,
        };
        let why = match dialled {
            Err(error) => format!("cannot connect: {error}"),
            Ok((pull, push)) => {
                let connection = Connection::new(&config, running.clone(), pull, push);
                match connection.run(&mut stop).await {
                    End::Stopped => break,
                    End::Lost { why, greeted } => {
                        if greeted {
                            backoff.reset();
                        }
                        why
                    }
                }
            }
        };
        let pause = backoff.pause();
        tracing::warn!(
            jobs = config.jobs,
            results = config.results,
            ?pause,
            "{why}; dialling again"
        );
        tokio::select! {
            () = stop.told() => break,
            () = sleep(pause) => {}
        }
    }
    wait_for_handlers(running, ended).await;
}

/// Gives those handlers a moment whose jobs are void, so that they leave nothing behind.
async fn wait_for_handlers(running: Running, mut ended: mpsc::Receiver<()>) {
    drop(running);
    if timeout(CANCEL_TIME_MAX, ended.recv()).await.is_err() {
        tracing::warn!("some handlers still run that were told {CANCEL_TIME_MAX:?} ago to give up");
    }
}
