//! A process group whose processes are held on to, each by a descriptor that stays its own.
//!
//! The number of a group is nobody else's as long as one process of it has not been waited for. So
//! whatever has that number is of the group if, after it was seen to have it, another of the group still
//! holds its own number; or if it is older than the news of the pool's end, for up to then the pool has
//! the first one held, and that number is no other's now.

use std::os::fd::{AsRawFd as _, OwnedFd};

use procfs::process::{Process, Stat};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::group::members;

/// New processes may come while the others are killed; as often they are looked for.
const ROUNDS: u32 = 20;

pub(super) struct Held {
    group: Pid,
    /// The first is the one that the pool has started.
    members: Vec<Member>,
    /// When the pool's end was heard of, in ticks since the system began.
    heard: Option<u64>,
}

/// A process.
struct Member {
    pid: Pid,
    /// When it began, which tells it from others that had its number.
    start: u64,
    /// Not to be had from old systems.
    fd: Option<OwnedFd>,
}

impl Held {
    /// The group of this process, which leads it.
    pub(super) fn of(group: Pid) -> Option<Self> {
        let leader = Member::of(group)?;
        Some(Self { group, members: vec![leader], heard: None })
    }

    /// The pool has ended just now.
    pub(super) fn begin(&mut self) {
        self.heard = now();
        self.look();
    }

    /// Sends a signal to all of them.
    pub(super) fn send(&mut self, signal: Signal) {
        // Each gets it once: to many programs a second one means something else.
        let mut told = 0;
        for _ in 0..ROUNDS {
            self.members[told..].iter().for_each(|member| member.send(signal));
            told = self.members.len();
            if self.look() == 0 {
                return;
            }
        }
    }

    /// Whether one of them runs.
    pub(super) fn is_there(&mut self) -> bool {
        self.look();
        self.members.iter().any(Member::runs)
    }

    /// Takes in those that are new; how many are.
    fn look(&mut self) -> usize {
        let is_known = |stat: &Stat| {
            let same = |member: &Member| member.is(stat);
            self.members.iter().any(same)
        };
        // Whoever leads a group has its number.
        let leader = stat(self.group);
        let is_anothers = leader.is_some_and(|leader| !self.members[0].is(&leader));
        let mut new = Vec::new();
        for stat in members(self.group).iter().filter(|stat| !is_known(stat)) {
            let pid = Pid::from_raw(stat.pid);
            let Some(member) = pid.and_then(Member::of).filter(|member| member.is(stat)) else {
                continue;
            };
            let is_of_group = || member.stat().is_some_and(|stat| stat.pgrp == raw(self.group));
            let is_older = !is_anothers && self.heard.is_some_and(|heard| member.start < heard);
            if is_of_group() && (is_older || self.members.iter().any(Member::is_held)) {
                new.push(member);
            }
        }
        let count = new.len();
        self.members.append(&mut new);
        count
    }
}

impl Member {
    /// The process that has this number now.
    fn of(pid: Pid) -> Option<Self> {
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok();
        let start = stat(pid)?.starttime;
        let member = Self { pid, start, fd };
        // Else the number went to another between the two.
        member.is_held().then_some(member)
    }

    fn is(&self, stat: &Stat) -> bool {
        stat.pid == raw(self.pid) && stat.starttime == self.start
    }

    /// What is told of it, if the number is still its own.
    fn stat(&self) -> Option<Stat> {
        stat(self.pid).filter(|stat| self.is(stat))
    }

    /// Whether it runs, or at least keeps its number.
    fn is_held(&self) -> bool {
        let Some(fd) = &self.fd else { return self.stat().is_some() };
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()));
        let pid = info
            .as_ref()
            .ok()
            .and_then(|info| info.lines().find_map(|line| line.strip_prefix("Pid:")));
        pid.is_some_and(|pid| pid.trim().parse() == Ok(raw(self.pid)))
    }

    fn runs(&self) -> bool {
        self.stat().is_some_and(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// Signals it, and nobody else.
    fn send(&self, signal: Signal) {
        // An error says that it is gone already.
        _ = match &self.fd {
            Some(fd) => pidfd_send_signal(fd, signal),
            None if self.is_held() => kill_process(self.pid, signal),
            None => Ok(()),
        };
    }
}

fn stat(pid: Pid) -> Option<Stat> {
    Process::new(raw(pid)).ok()?.stat().ok()
}

fn raw(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

/// The ticks since the system began.
fn now() -> Option<u64> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, rest) = uptime.split_once('.')?;
    let hundredths = rest.get(..2)?.parse::<u64>().ok()?;
    let ticks = procfs::ticks_per_second();
    Some(seconds.parse::<u64>().ok()? * ticks + hundredths * ticks / 100)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Child, Command, Stdio};

    use super::*;

    fn start(script: &str) -> (Child, Pid) {
        let mut command = Command::new("sh");
        let child = command.args(["-c", script]).process_group(0).stdout(Stdio::piped()).spawn();
        let child = child.expect("sh");
        let pid = Pid::from_raw(child.id().cast_signed()).expect("a pid");
        (child, pid)
    }

    #[test]
    fn all_of_the_group_get_it_and_none_is_left() {
        let (mut child, pid) = start("sleep 60 & sleep 60 & echo; wait");
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("a line");
        let mut held = Held::of(pid).expect("it is there");
        held.begin();
        assert_eq!(held.members.len(), 3);
        held.send(Signal::KILL);
        assert_eq!(child.wait().expect("its end").signal(), Some(9));
        // The pipe ends with the last that has it.
        let mut rest = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut rest).expect("its end");
    }

    #[test]
    fn who_has_the_number_later_is_nobody_of_the_group() {
        let (mut first, pid) = start("exec sleep 60");
        let mut held = Held::of(pid).expect("it is there");
        assert!(held.members[0].is_held() && held.is_there());
        first.kill().and_then(|()| first.wait()).expect("its end");
        assert!(!held.members[0].is_held() && !held.is_there());
        // As if the system had given the number to another by now, who leads a group of it.
        let (mut other, number) = start("exec sleep 60");
        held.group = number;
        held.members[0].pid = number;
        held.send(Signal::KILL);
        assert_eq!(held.members.len(), 1, "a stranger was taken in");
        assert!(other.try_wait().expect("a look").is_none(), "a stranger was signalled");
        other.kill().and_then(|()| other.wait()).expect("its end");
    }
}
