//! What ends the processes of a pool that was killed: a process of its own, which hears of each of
//! them, and of the pool's end by the end of its standard input.
//!
//! It signals none but these: a number may by then be that of somebody else's process or group.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

use std::collections::HashMap;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

#[cfg(not(target_os = "linux"))]
use self::elsewhere::Held;
#[cfg(target_os = "linux")]
use self::linux::Held;

/// From one look to the next whether the processes are gone.
const LOOK_TIME: Duration = Duration::from_millis(20);

/// The pool's end of it.
pub(crate) struct Guard {
    to: Option<ChildStdin>,
    child: Child,
}

impl Guard {
    /// Starts the process that is the guard.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for the pool.
            .process_group(0)
            .spawn()?;
        Ok(Self { to: child.stdin.take(), child })
    }

    /// From now on the process group goes with the pool.
    pub(crate) fn add(&mut self, group: i32) {
        self.tell(&format!("+{group}\n"));
    }

    /// The process group is no more, and its number is still nobody else's.
    pub(crate) fn remove(&mut self, group: i32) {
        self.tell(&format!("-{group}\n"));
    }

    fn tell(&mut self, what: &str) {
        if let Some(to) = &mut self.to
            && let Err(error) = to.write_all(what.as_bytes())
        {
            tracing::warn!(%error, "the guard is gone: if the pool is killed, its processes stay");
            self.to = None;
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // It ends with its input; there is nothing left for it to do.
        self.to = None;
        _ = self.child.wait();
    }
}

/// Is the guard of a pool that has started this process: reads standard input until it ends with the
/// pool, and then ends the pool's processes, by SIGTERM and after `grace` by SIGKILL.
pub fn run(grace: Duration) {
    let mut groups: HashMap<Pid, Held> = HashMap::new();
    for line in io::stdin().lock().lines() {
        // The pool writes nothing else, and an error is an end as well.
        let Ok(line) = line else { break };
        let Some((sign, pid)) = line.split_at_checked(1) else { continue };
        let Some(group) = pid.parse().ok().and_then(Pid::from_raw) else { continue };
        if sign == "+" {
            // One that is gone already needs no guard.
            groups.extend(Held::of(group).map(|held| (group, held)));
        } else {
            groups.remove(&group);
        }
    }
    groups.values_mut().for_each(Held::begin);
    groups.values_mut().for_each(|held| held.send(Signal::TERM));
    let until = Instant::now() + grace;
    while Instant::now() < until && groups.values_mut().any(Held::is_there) {
        std::thread::sleep(LOOK_TIME);
    }
    groups.values_mut().for_each(|held| held.send(Signal::KILL));
}
