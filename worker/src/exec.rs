//! The worker that runs any command: a child process for each job, its payload on standard input,
//! its result from standard output.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use acequia_worker::{Worker, exec::Exec};
//!
//! let count = Exec::new("wc", ["-w"]).into_handler()?;
//! Worker::new("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558")
//!     .slots(4)
//!     .queue("words", count)
//!     .run(async { drop(tokio::signal::ctrl_c().await) })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! **Input.** The payload as the worker got it, byte for byte, with one exception: a JSON payload
//! that is a string arrives as its text, without quotes and escapes, so that `wc -w` counts the
//! words that someone typed into a page. Any other JSON arrives as JSON. [`Exec::raw`] turns the
//! exception off. A command need not read its input.
//!
//! **Output.** All of standard output, byte for byte: text (`text/plain`) if it is UTF-8, else
//! `application/octet-stream`, unless [`Exec::content_type`] says otherwise. The job lasts until
//! standard output and standard error are closed and the command has ended; a process that it
//! leaves in the background with one of them open is waited for.
//!
//! **Failure.** Another exit code than 0 fails the job with code `exit_<code>`, a death by a
//! signal with `signal_<number>`, each with the end of standard error as its message. A job over
//! its time has code `timeout`, a command that cannot be started `spawn_failed`, an output over
//! the server's limit `bad_result`.
//!
//! **Environment.** That of the worker, and `ACEQUIA_JOB`, `ACEQUIA_QUEUE`, `ACEQUIA_ATTEMPT`,
//! `ACEQUIA_TYPE` (of the payload), `ACEQUIA_TIMEOUT_MS` (if there is one) and `ACEQUIA_META_<KEY>`
//! for each key of the job's meta, in upper case, with `_` for what is no letter or digit. If the
//! job is part of a trace there is also `TRACEPARENT`, where programs that trace look for it.
//! Nothing of the payload is ever part of an argument, and no shell is involved.
//!
//! **End.** A job that is cancelled, void or over its time gets SIGTERM, and after 5 seconds
//! SIGKILL. Each command runs in a process group of its own, and both signals go to all of it.

mod child;
mod error;
mod input;
mod output;

use std::ffi::OsString;
use std::process::ExitStatus;
use std::sync::Arc;

use acequia_wire::ContentType;
use acequia_wire::code::ServerFailCode;
use futures_util::future::BoxFuture;

pub use error::{ExecError, check_program};

use self::child::{Child, Ended, Pipes};
use self::output::{Output, Tail};
use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;

/// A command that runs jobs, and how.
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is a worker's handler"]
pub struct Exec {
    program: OsString,
    args: Vec<OsString>,
    stream: bool,
    content_type: Option<String>,
    raw: bool,
    show_stderr: bool,
}

impl Exec {
    /// A command and its arguments. A program without a slash is looked for in `PATH`.
    pub fn new<A>(program: impl Into<OsString>, args: impl IntoIterator<Item = A>) -> Self
    where
        A: Into<OsString>,
    {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            stream: false,
            content_type: None,
            raw: false,
            show_stderr: false,
        }
    }

    /// Whether each line of the output is sent as a chunk as soon as it is there. The chunks, put
    /// together, are the output, byte for byte: each line has its end, whichever that is, and the
    /// last has none if it had none. A line that is longer than the largest chunk goes in parts. The
    /// result is then an empty text.
    pub fn stream(mut self, stream: bool) -> Self {
        self.stream = stream;
        self
    }

    /// The media type of the output, such as `image/png`, at most 128 bytes.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Whether a JSON string is passed on as the JSON that it is, quotes and all.
    pub fn raw(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// Whether each line of the command's standard error goes to the log as well. Its end is the
    /// message of a failure in any case.
    pub fn show_stderr(mut self, show_stderr: bool) -> Self {
        self.show_stderr = show_stderr;
        self
    }

    /// The command as a handler for [`Worker::queue`](crate::Worker::queue), after a check that
    /// there is such a program. A clone of it serves another queue.
    ///
    /// # Errors
    /// If the program cannot be found or not be run, or the content type is too long.
    pub fn into_handler(
        self,
    ) -> Result<
        impl Fn(Job) -> BoxFuture<'static, Result<Reply, Failure>> + Clone + Send + Sync + 'static,
        ExecError,
    > {
        check_program(&self.program)?;
        let content_type = match &self.content_type {
            Some(name) => {
                Some(ContentType::parse(name).ok_or_else(|| ExecError::ContentType(name.clone()))?)
            }
            None => None,
        };
        let command = Arc::new(Command { exec: self, content_type });
        Ok(move |job: Job| -> BoxFuture<'static, Result<Reply, Failure>> {
            let command = Arc::clone(&command);
            Box::pin(async move { command.run(&job).await })
        })
    }
}

/// A command that was checked.
struct Command {
    exec: Exec,
    content_type: Option<ContentType>,
}

impl Command {
    async fn run(&self, job: &Job) -> Result<Reply, Failure> {
        let (child, Pipes { stdin, stdout, stderr }) =
            Child::spawn(&self.exec.program, &self.exec.args, job)?;
        let mut output = Output::new(job, self.content_type.as_ref(), self.exec.stream);
        let mut tail = Tail::new(self.exec.show_stderr.then_some(job));
        let payload = input::payload(job, self.exec.raw);
        let work = async {
            let feed = async {
                input::feed(stdin, &payload).await;
                Ok(())
            };
            let errors = async {
                tail.read(stderr).await;
                Ok(())
            };
            tokio::try_join!(feed, output.read(stdout), errors).map(drop)
        };
        match child.run(work, job).await {
            Ended::Itself(status) if status.success() => Ok(output.into_reply()),
            Ended::Itself(status) => Err(self.failed(status, &tail)),
            Ended::Stopped(failure) => Err(failure),
        }
    }

    fn failed(&self, status: ExitStatus, tail: &Tail) -> Failure {
        use std::os::unix::process::ExitStatusExt;

        let (code, what) = match (status.code(), status.signal()) {
            (Some(code), _) => (format!("exit_{code}"), format!("ended with exit code {code}")),
            (None, Some(signal)) => {
                (format!("signal_{signal}"), format!("was killed by signal {signal}"))
            }
            (None, None) => (ServerFailCode::WorkerError.to_string(), status.to_string()),
        };
        let said = tail.text();
        if said.is_empty() {
            let program = self.exec.program.display();
            return Failure::new(code, format_args!("`{program}` {what} and said nothing"));
        }
        Failure::new(code, said)
    }
}
