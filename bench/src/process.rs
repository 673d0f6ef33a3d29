//! Processes: those that the bench starts, and what the system says about any.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::time::timeout;

/// How long a process may take until it is ready.
const READY_TIME_MAX: Duration = Duration::from_secs(10);

/// This program in another role. It is killed when this is dropped.
pub(crate) struct Child {
    process: tokio::process::Child,
    /// Kept open: a process that writes to a closed one might end by it.
    stdout: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this program with these arguments.
    pub(crate) fn start(args: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut process = Command::new(&program)
            .args(["--log", "warn", "--config", "none"])
            .args(args)
            // The caller's is for a server of the caller's; one of the bench's own leaves its token.
            .env_remove("ACEQUIA_ADMIN_TOKEN_FILE")
            // A role ends when its standard input does, so that even a killed bench leaves none.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = process.stdout.take().context("a child without standard output")?;
        Ok(Self { process, stdout: BufReader::new(stdout) })
    }

    /// The first line that it prints, which is that it is ready.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        match timeout(READY_TIME_MAX, self.stdout.read_line(&mut line)).await {
            Ok(Ok(0)) => bail!("a process of the bench ended before it was ready"),
            Ok(read) => read.context("cannot read from a process of the bench")?,
            Err(_) => bail!("a process of the bench was not ready within {READY_TIME_MAX:?}"),
        };
        Ok(line)
    }

    /// Says one byte to its standard input.
    pub(crate) async fn tell(&mut self, word: u8) -> anyhow::Result<()> {
        let stdin = self.process.stdin.as_mut().context("a child without standard input")?;
        stdin.write_all(&[word]).await.context("a process of the bench does not listen")?;
        Ok(stdin.flush().await?)
    }

    pub(crate) fn pid(&self) -> anyhow::Result<u32> {
        self.process.id().context("a process of the bench has ended")
    }
}

/// The value of `key=value` in a line of such.
pub(crate) fn value<'a>(line: &'a str, key: &str) -> anyhow::Result<&'a str> {
    line.split_whitespace()
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(k, value)| (k == key).then_some(value))
        .with_context(|| format!("no {key}= in {line:?}"))
}

/// The CPU time that the process has used, in user and kernel, all threads together.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let file = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    // The second field is the name, in brackets and with anything in it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (Some(Ok(user)), Some(Ok(kernel))) = (times.next(), times.next()) else {
        bail!("{file} is not as expected");
    };
    let ticks_per_s = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_nanos((user + kernel) * (1_000_000_000 / ticks_per_s)))
}

/// Resident memory, in KiB.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) rss_kib: u64,
    /// The most there ever was.
    pub(crate) peak_kib: u64,
}

pub(crate) fn memory(pid: u32) -> anyhow::Result<Memory> {
    let file = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let kib = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.trim().strip_suffix(" kB"))
            .and_then(|n| n.parse().ok())
            .with_context(|| format!("no {key} in {file}"))
    };
    Ok(Memory { rss_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
}

/// Lets this process, and those that it starts from now on, open so many files.
pub(crate) fn allow_files(wanted: u64) -> anyhow::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // No limit at all is `None`.
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = maximum.map(|maximum| maximum.max(wanted));
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).with_context(|| {
        format!(
            "cannot open {wanted} files; allow that with `ulimit -Hn {wanted}` as root, or ask for \
             less"
        )
    })
}
