//! Both sides of what is looked for: processes of the pool, and ends of connections.

use std::net::SocketAddr;

use crate::sizer::ProcessId;

/// A process that the pool has started.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) process: ProcessId,
    /// Also the id of its process group.
    pub(crate) pid: i32,
    pub(crate) name: String,
}

/// Where the end of a connection is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Address(SocketAddr),
    Pid(i32),
}
