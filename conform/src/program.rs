//! The program under test: started, listened to, and ended with all that it has started.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::{mpsc, watch};

/// The lines of output that are kept for a report.
const KEPT_LINES: usize = 2_000;

/// How to start it.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// What stands for `{name}` in an argument.
    pub(crate) places: Vec<(&'static str, String)>,
    /// The variables that it gets beside the caller's own.
    pub(crate) environment: Vec<(&'static str, OsString)>,
}

/// What a program has to say.
pub(crate) enum Says {
    Line(String),
    Ended(String),
}

/// A running program. It leads a process group of its own, which ends when this is dropped.
pub(crate) struct Program {
    pid: Option<Pid>,
    stdin: Option<ChildStdin>,
    output: Arc<Mutex<VecDeque<String>>>,
    lines: mpsc::UnboundedReceiver<String>,
    ended: watch::Receiver<Option<String>>,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(start: &Start) -> anyhow::Result<Self> {
        let (program, arguments) = start.command.split_first().context("no program to start")?;
        let mut command = Command::new(program);
        command
            .args(arguments.iter().map(|argument| filled_in(argument, &start.places)))
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
        let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let output = Arc::new(Mutex::new(VecDeque::new()));
        let (told, lines) = mpsc::unbounded_channel();
        let stdout = child
            .stdout
            .take()
            .map(|pipe| tokio::spawn(read(pipe, Arc::clone(&output), Some(told))));
        let stderr =
            child.stderr.take().map(|pipe| tokio::spawn(read(pipe, Arc::clone(&output), None)));
        let stdin = child.stdin.take();
        let (end, ended) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await;
            // What a child that lives on holds open is not waited for.
            let rest = async {
                for pipe in [stdout, stderr].into_iter().flatten() {
                    _ = pipe.await;
                }
            };
            _ = tokio::time::timeout(std::time::Duration::from_millis(200), rest).await;
            end.send_replace(Some(status.map_or_else(|error| error.to_string(), said)));
        });
        Ok(Self { pid, stdin, output, lines, ended })
    }

    /// How it ended, once it has: a few words. May be cancelled.
    pub(crate) async fn ended(&mut self) -> String {
        match self.ended.wait_for(Option::is_some).await.map(|said| said.clone()) {
            Ok(Some(said)) => said,
            // The task that waits for it does not end before it has said so.
            _ => std::future::pending().await,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// The next line of its standard output, or, after the last, how it ended. May be cancelled.
    pub(crate) async fn says(&mut self) -> Says {
        match self.lines.recv().await {
            Some(line) => Says::Line(line),
            None => Says::Ended(self.ended().await),
        }
    }

    /// Writes a line to its standard input.
    pub(crate) async fn tell(&mut self, line: &str) {
        if let Some(stdin) = &mut self.stdin {
            let told = async {
                stdin.write_all(line.as_bytes()).await?;
                stdin.write_all(b"\n").await?;
                stdin.flush().await
            };
            // A program that does not listen does not answer either, which is what is judged.
            _ = told.await;
        }
    }

    /// Asks it to end, as an operator would.
    pub(crate) fn terminate(&self) {
        if let Some(pid) = self.pid.filter(|_| !self.has_ended()) {
            _ = kill_process(pid, Signal::TERM);
        }
    }

    /// The last lines that it has printed, to be added to a sentence; nothing if there are none.
    pub(crate) fn last_words(&self) -> String {
        let printed = self.printed();
        let last = &printed[printed.len().saturating_sub(3)..];
        if last.is_empty() {
            String::new()
        } else {
            format!(", and its last words are: {}", last.join(" / "))
        }
    }

    /// All that it has printed that is kept.
    pub(crate) fn printed(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Also if the program itself has ended: others of its group may live on, and while one of them
        // does, no other group can have the number. The program itself was waited for if it has ended
        // and left nobody; then there is no such group.
        if let Some(pid) = self.pid {
            _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

async fn read(
    pipe: impl AsyncRead + Unpin,
    output: Arc<Mutex<VecDeque<String>>>,
    told: Option<mpsc::UnboundedSender<String>>,
) {
    let mut lines = BufReader::new(pipe).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            if output.len() == KEPT_LINES {
                output.pop_front();
            }
            output.push_back(line.chars().take(1_000).collect());
        }
        if let Some(told) = &told {
            _ = told.send(line);
        }
    }
}

fn said(status: ExitStatus) -> String {
    status.to_string()
}

/// The argument, with what is known in the place of `{name}`.
fn filled_in(argument: &OsString, places: &[(&'static str, String)]) -> OsString {
    let Some(text) = argument.to_str() else { return argument.clone() };
    let fill =
        |text: String, (name, value): &(&str, String)| text.replace(&format!("{{{name}}}"), value);
    places.iter().fold(text.to_owned(), fill).into()
}
