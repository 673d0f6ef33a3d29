//! The program whose processes a pool has: how one is started, signalled and cleared away.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use acequia_wire::QueueName;
use acequia_wire::limits::QUEUES_PER_WORKER_MAX;
use acequia_worker::exec::check_program;
use anyhow::bail;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::group;
use super::output::{LastLine, Printer};
use super::server::Ports;
use super::sizer::End;

/// From one look to the next whether anything is left of a process.
const LOOK_TIME: Duration = Duration::from_millis(20);
/// How long the output of a process may take to end after it. What has left its group may have it.
const OUTPUT_TIME_MAX: Duration = Duration::from_secs(1);

/// As much of the last line of a process is told as the reason of its end.
const LAST_CHARS_MAX: usize = 200;

/// A program, and what its processes are told.
#[derive(Clone, Debug)]
pub struct Program {
    /// With its arguments; never empty.
    pub command: Vec<OsString>,
    /// The queues that it serves, whose jobs the pool looks at.
    pub queues: Vec<QueueName>,
    /// Whether its processes are told these.
    pub told_queues: bool,
    /// Slots that each process is to have, if it is told.
    pub slots: Option<u32>,
    /// The file of the worker token, if they are told of one.
    pub worker_token_file: Option<PathBuf>,
    /// From SIGTERM to SIGKILL, for what a process leaves behind.
    pub grace: Duration,
}

/// A process with all that it starts, the leader of a group of its own.
pub(crate) struct Running {
    pub(crate) pid: i32,
    signals: mpsc::UnboundedSender<Signal>,
}

impl Running {
    /// Sends a signal to the whole group.
    pub(crate) fn signal(&self, signal: Signal) {
        // If nobody takes it, it has ended.
        _ = self.signals.send(signal);
    }
}

impl Program {
    /// Looks whether it can be started, and whether a worker may serve its queues.
    ///
    /// # Errors
    /// If it is not there, or there are too many queues.
    pub fn check(&self) -> anyhow::Result<()> {
        check_program(&self.command[0])?;
        check_queues(&self.queues)
    }

    /// Starts a process. The future ends with it, and with all that it has started. Up to then its id,
    /// and that of its group, is its own: it is not waited for before its group has ended, and `released`
    /// is called before its id can be another's.
    pub(crate) fn start<R: FnOnce(i32) + Send + 'static>(
        &self,
        name: &str,
        ports: &Ports,
        printer: Printer,
        released: R,
    ) -> io::Result<(Running, impl Future<Output = End> + use<R>)> {
        let queues: Vec<&str> = self.queues.iter().map(QueueName::as_str).collect();
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .env("ACEQUIA_NAME", name)
            .env("ACEQUIA_JOBS", ports.jobs.to_string())
            .env("ACEQUIA_RESULTS", ports.results.to_string())
            .env_remove("ACEQUIA_QUEUE")
            // A worker needs no right over the server.
            .env_remove("ACEQUIA_ADMIN_TOKEN_FILE")
            // Open as long as this process lives, so that a worker can see that it is gone.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if self.told_queues {
            command.env("ACEQUIA_QUEUE", queues.join(","));
        }
        if let Some(slots) = self.slots {
            command.env("ACEQUIA_SLOTS", slots.to_string());
        }
        if let Some(file) = &self.worker_token_file {
            command.env("ACEQUIA_WORKER_TOKEN_FILE", file);
        }
        // Before the child is there, so that its end is not missed.
        let mut ends = signal(SignalKind::child())?;
        let mut child = command.spawn()?;
        // A child that was not waited for has its id.
        let pid = child.id().unwrap_or_default().cast_signed();
        let (signals, mut incoming) = mpsc::unbounded_channel();
        let (grace, name) = (self.grace, name.to_owned());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        // To wait for a child would close it.
        let leash = child.stdin.take();
        let last = LastLine::default();
        let output = {
            let last = last.clone();
            tokio::spawn(async move { printer.pass(&name, out, err, &last).await })
        };
        let ended = async move {
            let group = Pid::from_raw(pid);
            while !has_ended(group) {
                tokio::select! {
                    _ = ends.recv() => {}
                    Some(signal) = incoming.recv() => send(group, signal),
                }
            }
            clear(group, grace, incoming).await;
            released(pid);
            let status = child.wait().await;
            drop(leash);
            let abort = output.abort_handle();
            if timeout(OUTPUT_TIME_MAX, output).await.is_err() {
                abort.abort();
            }
            let last = last.lock().map(|last| last.clone()).unwrap_or_default();
            describe(status, &last)
        };
        Ok((Running { pid, signals }, ended))
    }
}

/// Whether a worker may serve so many queues.
pub(crate) fn check_queues(queues: &[QueueName]) -> anyhow::Result<()> {
    let count = queues.len();
    if count > QUEUES_PER_WORKER_MAX {
        bail!("{count} queues are too many: a worker serves {QUEUES_PER_WORKER_MAX} at most");
    }
    Ok(())
}

fn send(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // An error says that it is gone already.
        _ = kill_process_group(group, signal);
    }
}

/// Whether a child has ended. It is not waited for: nobody else gets its id before it is.
fn has_ended(child: Option<Pid>) -> bool {
    let Some(child) = child else { return true };
    let only_look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    // An error says that it is no child any more.
    waitid(WaitId::Pid(child), only_look).map_or(true, |ended| ended.is_some())
}

/// Ends what is left of a group whose leader has ended, and was not waited for.
async fn clear(group: Option<Pid>, grace: Duration, mut incoming: mpsc::UnboundedReceiver<Signal>) {
    let is_there = async || {
        let look = move || group.is_some_and(group::is_there);
        tokio::task::spawn_blocking(look).await.unwrap_or(false)
    };
    if !is_there().await {
        return;
    }
    send(group, Signal::TERM);
    let until = Instant::now() + grace;
    while is_there().await && Instant::now() < until {
        match timeout(LOOK_TIME, incoming.recv()).await {
            Ok(Some(Signal::KILL)) => break,
            // It has just got that one.
            Ok(Some(_)) => {}
            Ok(None) => sleep(LOOK_TIME).await,
            Err(_) => {}
        }
    }
    send(group, Signal::KILL);
}

fn describe(status: io::Result<ExitStatus>, last: &str) -> End {
    let success = status.as_ref().is_ok_and(ExitStatus::success);
    let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let last: String = last.chars().take(LAST_CHARS_MAX).collect();
    let why = if last.is_empty() { status } else { format!("{status}: {last}") };
    End { success, why }
}
