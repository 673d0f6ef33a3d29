//! How a command hears that it is to end.
//!
//! Signals are caught from the start of the process on, for what a container starts has no other
//! answer to them than its own. So whatever takes its time has to look whether it is to end.

use std::process::ExitCode;
use std::sync::OnceLock;

use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;

/// What has come, for all who wait for it. There is one process, and so there are these once.
static FIRST: OnceLock<watch::Receiver<Option<Signal>>> = OnceLock::new();

/// The exit code of a process that was told a second time.
const AT_ONCE: i32 = 130;

/// What says that the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// Whoever looks after processes.
    Terminate,
    /// The terminal is closed.
    Hangup,
}

impl Signal {
    /// As shells say it of a process that a signal has ended.
    pub(crate) fn code(self) -> u8 {
        128 + match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Terminate => 15,
        }
    }
}

/// Catches SIGINT and SIGTERM from now on, and SIGHUP if it `hears_hangup` and nobody has said that it
/// is to live on (`nohup`). A second SIGINT or SIGTERM ends the process at once.
pub(crate) fn catch(hears_hangup: bool) -> std::io::Result<()> {
    let mut interrupt = unix::signal(SignalKind::interrupt())?;
    let mut terminate = unix::signal(SignalKind::terminate())?;
    let hears_hangup = hears_hangup && !is_hangup_ignored();
    let mut hangup = hears_hangup.then(|| unix::signal(SignalKind::hangup())).transpose()?;
    let (first, all) = watch::channel(None);
    // A second call finds all caught.
    _ = FIRST.set(all);
    // A task: the first thread may be at work without a look at anything else.
    tokio::spawn(async move {
        let mut next = async || {
            let hangs_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
                _ = hangs_up => Signal::Hangup,
            }
        };
        first.send_replace(Some(next().await));
        // A shell and its terminal may both say that it is closed.
        while next().await == Signal::Hangup {}
        std::process::exit(AT_ONCE);
    });
    Ok(())
}

/// Resolves with the first signal, also if it came before the call.
pub(crate) fn first() -> impl Future<Output = Signal> + Send + 'static {
    let all = FIRST.get().cloned();
    async move {
        let Some(mut all) = all else { return std::future::pending().await };
        match all.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // The task lives as long as the process, but for its very end.
            _ => std::future::pending().await,
        }
    }
}

/// The same, for whom it is all one which it was.
pub(crate) fn signal() -> impl Future<Output = ()> + Send + 'static {
    let first = first();
    async move {
        first.await;
    }
}

/// Works until that is done, or a signal comes: then there is its exit code.
pub(crate) async fn unless_stopped<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Result<T, ExitCode>> {
    tokio::select! {
        done = work => done.map(Ok),
        signal = first() => Ok(Err(signal.code().into())),
    }
}

/// Whether whoever started this process has it live on without a terminal.
fn is_hangup_ignored() -> bool {
    const BIT: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & BIT != 0)
}
