//! Which lanes are those of the pool's own processes.
//!
//! A worker is any program and need not say whose it is. Over TCP its end of the jobs connection
//! shows it: the socket belongs to the process or to one that it has started; over `ipc://` the
//! server knows the process. Where neither can be seen, across NAT for instance, its name does, if
//! it is the one that the pool gave it.

mod ends;
#[cfg(target_os = "linux")]
mod linux;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use serde::Deserialize;

pub(crate) use self::ends::Child;
use self::ends::End;
use super::sizer::{Lane, LaneState, ProcessId};

/// A worker as the server shows it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Worker {
    pub(crate) worker: u64,
    name: String,
    slots: u32,
    busy: u32,
    state: State,
    address: Option<SocketAddr>,
    pid: Option<i32>,
    done: u64,
    failed: u64,
    /// Slots that it has not given back although their runs are void. A server that is a little older
    /// does not tell them.
    #[serde(default)]
    slots_held: u32,
    /// These, the longest first.
    #[serde(default)]
    held: Vec<Held>,
}

/// A void run that still has its slot.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Held {
    since_ms: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ready,
    Draining,
    Silent,
}

/// How often a lane is looked for before it is somebody else's for good. A table of sockets that
/// changes while it is read may lack some.
const LOOKS_MAX: u32 = 20;

/// Remembers whose each lane is: neither a lane's connection nor its process ever changes.
#[derive(Debug, Default)]
pub(crate) struct Kin {
    lanes: HashMap<u64, Known>,
}

#[derive(Clone, Copy, Debug)]
enum Known {
    Own(ProcessId),
    /// Looked for in vain so often.
    Unseen(u32),
}

impl Kin {
    /// The lanes of these children among all workers. Blocks for some milliseconds if there are
    /// new ones.
    pub(crate) fn lanes(&mut self, workers: &[Worker], children: &[Child]) -> Vec<Lane> {
        let there: HashSet<u64> = workers.iter().map(|worker| worker.worker).collect();
        self.lanes.retain(|lane, _| there.contains(lane));
        if !children.is_empty() {
            self.look_for(workers, children);
        }
        let found = |worker: &Worker| match self.lanes.get(&worker.worker) {
            Some(Known::Own(process)) => Some(*process),
            _ => None,
        };
        let seen: HashSet<ProcessId> = workers.iter().filter_map(found).collect();
        // A process that was seen to have a lane needs no name to be known by.
        let unseen = children.iter().filter(|child| !seen.contains(&child.process));
        let named: HashMap<&str, ProcessId> =
            unseen.map(|child| (&*child.name, child.process)).collect();
        let own = |worker: &Worker| {
            let process = found(worker).or_else(|| named.get(&*worker.name).copied())?;
            Some(worker.as_lane_of(process))
        };
        workers.iter().filter_map(own).collect()
    }

    fn look_for(&mut self, workers: &[Worker], children: &[Child]) {
        let mut ends = HashMap::new();
        for worker in workers {
            let known = self.lanes.entry(worker.worker).or_insert(Known::Unseen(0));
            if let (Known::Unseen(looks), Some(end)) = (known, worker.end())
                && *looks < LOOKS_MAX
            {
                *looks += 1;
                ends.insert(end, worker.worker);
            }
        }
        if ends.is_empty() {
            return;
        }
        for (end, process) in owners(&ends.keys().copied().collect(), children) {
            self.lanes.insert(ends[&end], Known::Own(process));
        }
    }
}

impl Worker {
    fn end(&self) -> Option<End> {
        self.address.map(End::Address).or(self.pid.map(End::Pid))
    }

    fn as_lane_of(&self, process: ProcessId) -> Lane {
        Lane {
            process,
            worker: self.worker,
            slots: self.slots,
            busy: self.busy,
            void: self.slots_held,
            void_since: self.held.iter().map(|run| run.since_ms).min(),
            ended: self.done + self.failed,
            state: match self.state {
                State::Ready => LaneState::Ready,
                State::Draining => LaneState::Draining,
                State::Silent => LaneState::Silent,
            },
        }
    }
}

/// Whose these ends are, of those that belong to the children or to what they have started.
#[cfg(target_os = "linux")]
fn owners(ends: &HashSet<End>, children: &[Child]) -> HashMap<End, ProcessId> {
    linux::owners(ends, children)
}

/// Elsewhere only a child that is the worker itself is known, and only over `ipc://`.
#[cfg(not(target_os = "linux"))]
fn owners(ends: &HashSet<End>, children: &[Child]) -> HashMap<End, ProcessId> {
    let own = children.iter().map(|child| (End::Pid(child.pid), child.process));
    own.filter(|(end, _)| ends.contains(end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(worker: u64, name: &str, address: Option<SocketAddr>, pid: Option<i32>) -> Worker {
        let state = State::Ready;
        Worker {
            worker,
            name: name.to_owned(),
            slots: 2,
            busy: 1,
            state,
            address,
            pid,
            done: 3,
            failed: 1,
            slots_held: 1,
            held: vec![Held { since_ms: 7 }],
        }
    }

    fn child(n: u64, pid: i32) -> Child {
        Child { process: ProcessId(n), pid, name: format!("pool-{n}") }
    }

    fn own(kin: &mut Kin, workers: &[Worker], children: &[Child]) -> Vec<(u64, u64)> {
        let lanes = kin.lanes(workers, children);
        lanes.iter().map(|lane| (lane.worker, lane.process.0)).collect()
    }

    /// A process with nothing but its group in common with this one.
    fn sleeper() -> (std::process::Child, i32) {
        use std::os::unix::process::CommandExt as _;
        let command = &mut std::process::Command::new("sleep");
        let child = command.arg("60").process_group(0).spawn().expect("sleep");
        let pid = child.id().cast_signed();
        (child, pid)
    }

    #[test]
    fn what_cannot_be_seen_is_known_by_its_name() {
        let mut kin = Kin::default();
        let address = "192.0.2.1:40000".parse().ok();
        let workers = [worker(1, "pool-7", address, None), worker(2, "pool-70", None, None)];
        assert_eq!(own(&mut kin, &workers, &[child(7, i32::MAX), child(8, i32::MAX)]), [(1, 7)]);
        let lane = kin.lanes(&workers, &[child(7, i32::MAX)])[0];
        assert_eq!((lane.slots, lane.busy, lane.ended), (2, 1, 4));
        assert_eq!((lane.void, lane.void_since), (1, Some(7)));
    }

    #[test]
    fn who_is_seen_is_not_taken_for_a_namesake() {
        let (mut process, pid) = sleeper();
        let mut kin = Kin::default();
        // Another pool of that name has a process of that name.
        let workers = [worker(1, "pool-7", None, Some(pid)), worker(2, "pool-7", None, None)];
        let children = [child(7, pid)];
        assert_eq!(own(&mut kin, &workers, &children), [(1, 7)]);
        assert_eq!(own(&mut kin, &workers[1..], &[]), []);
        process.kill().and_then(|()| process.wait()).expect("its end");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sockets_show_whose_they_are_also_of_what_a_child_has_started() {
        use std::io::Read as _;
        use std::os::unix::process::CommandExt as _;
        let listener = std::net::TcpListener::bind("[::]:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // bash dials, and a process below it in another group keeps the socket.
        let script =
            format!("exec 3<>/dev/tcp/127.0.0.1/{port}; set -m; sleep 60 & exec 3<&-; echo; wait");
        let mut command = std::process::Command::new("bash");
        command.args(["-c", &script]).process_group(0).stdout(std::process::Stdio::piped());
        let mut process = command.spawn().expect("bash");
        let (stream, address) = listener.accept().expect("a connection");
        // Only once the shell has closed its own end does nothing move any more.
        process.stdout.take().expect("a pipe").read_exact(&mut [0]).expect("a line");
        let mut kin = Kin::default();
        let children = [child(7, process.id().cast_signed())];
        let workers = [
            worker(1, "other", Some(address), None),
            worker(2, "x", stream.local_addr().ok(), None),
        ];
        assert_eq!(own(&mut kin, &workers, &children), [(1, 7)]);
        let group = rustix::process::Pid::from_raw(process.id().cast_signed()).expect("a pid");
        let below = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", process.id()));
        for pid in below.expect("its children").split_whitespace() {
            let pid = rustix::process::Pid::from_raw(pid.parse().expect("a pid")).expect("a pid");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
        }
        // It may have ended with the other one.
        _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        process.wait().expect("its end");
    }
}
