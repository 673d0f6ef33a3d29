//! What `/proc` tells of processes and their sockets.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use procfs::net::TcpNetEntry;
use procfs::process::{FDTarget, Process, all_processes};

use super::ends::{Child, End};
use crate::sizer::ProcessId;

/// Whose these ends are. What cannot be read belongs to nobody: a process that has just ended, or
/// one of another user.
pub(super) fn owners(ends: &HashSet<End>, children: &[Child]) -> HashMap<End, ProcessId> {
    let inodes = inodes(ends);
    let mut owners = HashMap::new();
    for (process, owner) in family(children) {
        let pid = End::Pid(process.pid());
        if ends.contains(&pid) {
            owners.insert(pid, owner);
        }
        if inodes.is_empty() {
            continue;
        }
        for fd in process.fd().into_iter().flatten().flatten() {
            if let FDTarget::Socket(inode) = fd.target
                && let Some(end) = inodes.get(&inode)
            {
                owners.insert(*end, owner);
            }
        }
    }
    owners
}

/// The sockets of this machine with these addresses.
fn inodes(ends: &HashSet<End>) -> HashMap<u64, End> {
    let wanted: HashMap<SocketAddr, End> = ends.iter().filter_map(|end| end.by_address()).collect();
    if wanted.is_empty() {
        return HashMap::new();
    }
    let Ok(own) = Process::myself() else { return HashMap::new() };
    let sockets = [own.tcp(), own.tcp6()].into_iter().flatten().flatten();
    let found =
        |socket: TcpNetEntry| Some((socket.inode, *wanted.get(&canonical(socket.local_address))?));
    sockets.filter_map(found).collect()
}

impl End {
    fn by_address(&self) -> Option<(SocketAddr, Self)> {
        match self {
            Self::Address(address) => Some((canonical(*address), *self)),
            Self::Pid(_) => None,
        }
    }
}

/// An address of IPv4 has two forms.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The children, and all that are of their groups or have one of them above them.
fn family(children: &[Child]) -> Vec<(Process, ProcessId)> {
    let mut owners: HashMap<i32, ProcessId> =
        children.iter().map(|child| (child.pid, child.process)).collect();
    let processes = all_processes().into_iter().flatten().flatten();
    let mut rest: Vec<_> =
        processes.filter_map(|it| it.stat().ok().map(|stat| (it, stat))).collect();
    let mut family = Vec::new();
    loop {
        let (kin, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, stat)| {
            [stat.pid, stat.pgrp, stat.ppid].iter().any(|pid| owners.contains_key(pid))
        });
        if kin.is_empty() {
            return family;
        }
        for (process, stat) in kin {
            let owner = [stat.pid, stat.pgrp, stat.ppid].iter().find_map(|pid| owners.get(pid));
            if let Some(owner) = owner.copied() {
                owners.insert(stat.pid, owner);
                family.push((process, owner));
            }
        }
        rest = others;
    }
}
