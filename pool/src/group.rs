//! What there is of a process group.

use rustix::process::Pid;

/// Whether a process of the group still runs. Blocks for some milliseconds.
#[cfg(target_os = "linux")]
pub(crate) fn is_there(group: Pid) -> bool {
    !members(group).is_empty()
}

/// Elsewhere one that has ended and was not waited for looks like one that runs; then it is given its
/// whole time.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_there(group: Pid) -> bool {
    rustix::process::test_kill_process_group(group).is_ok()
}

/// The processes of a group that run. What cannot be read has just ended.
#[cfg(target_os = "linux")]
pub(crate) fn members(group: Pid) -> Vec<procfs::process::Stat> {
    let processes = procfs::process::all_processes().into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| process.stat().ok());
    let of_group = |stat: &procfs::process::Stat| {
        stat.pgrp == group.as_raw_nonzero().get() && !matches!(stat.state, 'Z' | 'X')
    };
    stats.filter(of_group).collect()
}
