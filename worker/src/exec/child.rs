//! A child process and its process group, from the start to the last signal.

use std::ffi::{OsStr, OsString};
use std::future::pending;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use acequia_wire::code::ServerFailCode;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{sleep, timeout};

use super::input;
use crate::failure::Failure;
use crate::job::Job;

/// From SIGTERM to SIGKILL.
const TERM_TIME: Duration = Duration::from_secs(5);
/// From one look to the next whether a command that has ended left something behind.
const LOOK_TIME: Duration = Duration::from_millis(20);

/// How a child ended.
pub(super) enum Ended {
    /// By itself.
    Itself(ExitStatus),
    /// By us, and why.
    Stopped(Failure),
}

/// A child process, the leader of a group of its own. Dropped before its end, the group is killed.
pub(super) struct Child {
    // Before the child, so that it is dropped before: then its id is the child's for certain.
    group: Group,
    child: tokio::process::Child,
}

/// Our ends of a child's pipes.
pub(super) struct Pipes {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl Child {
    /// Starts `program` for `job`.
    pub(super) fn spawn(
        program: &OsStr,
        args: &[OsString],
        job: &Job,
    ) -> Result<(Self, Pipes), Failure> {
        let mut command = Command::new(program);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        input::environment(&mut command, job);
        let failed = |error: &dyn std::fmt::Display| {
            let program = program.display();
            let message = format!("`{program}` could not be started: {error}");
            tracing::error!(job = %job.id(), queue = %job.queue(), "{message}");
            Failure::new("spawn_failed", message)
        };
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed(&"it has no pipes"));
        };
        Ok((Self { group, child }, Pipes { stdin, stdout, stderr }))
    }

    /// Lets `work` deal with the pipes, and waits for the child. If the work fails, or nobody
    /// waits for the job any more, or its time is over, the child is ended.
    pub(super) async fn run(
        mut self,
        work: impl Future<Output = Result<(), Failure>>,
        job: &Job,
    ) -> Ended {
        let stopped = {
            let work = async {
                work.await?;
                // Only after the pipes are closed: until the child is waited for, its id, and so
                // its group's, cannot become another's.
                let status = self.child.wait().await;
                Ok(status?)
            };
            tokio::select! {
                biased;
                ended = work => ended,
                failure = stop(job) => Err(failure),
            }
        };
        match stopped {
            Ok(status) => {
                self.group.ended();
                Ended::Itself(status)
            }
            Err(failure) => {
                self.terminate().await;
                Ended::Stopped(failure)
            }
        }
    }

    async fn terminate(mut self) {
        self.group.signal(Signal::TERM);
        let gone = async {
            let _ = self.child.wait().await;
            // What the command had started may need its time as well. The id of a group is not
            // given out again as long as the group has a member.
            while self.group.exists() {
                sleep(LOOK_TIME).await;
            }
        };
        if timeout(TERM_TIME, gone).await.is_err() {
            self.group.signal(Signal::KILL);
            // It cannot refuse that one.
            let _ = self.child.wait().await;
        }
        self.group.ended();
    }
}

/// Resolves when the job has to be stopped, and says why.
async fn stop(job: &Job) -> Failure {
    let over = async {
        match job.timeout() {
            Some(limit) => {
                sleep(limit).await;
                limit
            }
            None => pending().await,
        }
    };
    tokio::select! {
        () = job.cancelled() => Failure::cancelled(),
        limit = over => Failure::new(
            ServerFailCode::Timeout.as_str(),
            format_args!("the command was stopped after its {} ms", limit.as_millis()),
        ),
    }
}

/// The process group of a child.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error says that it is gone already.
            let _ = kill_process_group(group, signal);
        }
    }

    fn exists(&self) -> bool {
        self.0.is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    /// Nothing is to be signalled any more; the id may become another's from now on.
    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
