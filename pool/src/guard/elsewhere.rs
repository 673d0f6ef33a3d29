//! A process group where the system has nothing to hold on to but its number.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

pub(super) struct Held(Pid);

impl Held {
    pub(super) fn of(group: Pid) -> Option<Self> {
        Some(Self(group))
    }

    pub(super) fn begin(&mut self) {}

    pub(super) fn send(&mut self, signal: Signal) {
        // An error says that it is gone already.
        _ = kill_process_group(self.0, signal);
    }

    pub(super) fn is_there(&mut self) -> bool {
        test_kill_process_group(self.0).is_ok()
    }
}
