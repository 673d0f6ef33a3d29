//! The limits of a gate: named defaults, and their relations checked at compile time.

use std::time::Duration;

use crate::frames::{FRAME_OVERHEAD_BYTES, Limits};

/// Largest frame of a connection that is ready, in bytes: a result of 8 MiB and some room.
pub const FRAME_BYTES_MAX: u64 = 8 * 1024 * 1024 + 4096;
/// Largest message of a connection that is ready, in bytes, its frames in sum and
/// [`FRAME_OVERHEAD_BYTES`] for each: room for a packed message of several results.
pub const MESSAGE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Most frames in one message of a connection that is ready.
pub const MESSAGE_FRAMES_MAX: u32 = 4096;
/// Largest frame before [`promote`](crate::ConnectionHandle::promote), in bytes.
pub const NOT_READY_FRAME_BYTES_MAX: u64 = 64 * 1024;
/// Largest message before [`promote`](crate::ConnectionHandle::promote), in bytes.
pub const NOT_READY_MESSAGE_BYTES_MAX: u64 = 128 * 1024;
/// Most frames in one message before [`promote`](crate::ConnectionHandle::promote).
pub const NOT_READY_MESSAGE_FRAMES_MAX: u32 = 16;
/// Longest time from accept to the end of the ZMTP handshake.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);
/// Most connections of one gate, ready or not.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Most connections of one gate that are not ready.
pub const NOT_READY_MAX: usize = 1_024;
/// How many connections above the limit may be on their way out at once. Beyond that a newcomer
/// is refused rather than traded for one more eviction, so that open files stay bounded even if
/// the owner of the evicted is slow to let go.
pub const EVICTIONS_UNDER_WAY_MAX: usize = 64;
/// How many connections the kernel keeps until they are accepted; it may allow fewer.
pub(crate) const BACKLOG: u32 = 1024;
/// How long a TCP connection is silent before the kernel probes it.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
/// Time between two such probes.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
/// How long the kernel waits for an acknowledgement before it calls the host dead.
pub const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections whose worker did something wrong are held open at once, so that it is not
/// back at once.
pub const HELD_MAX: usize = 64;
/// How often a worker is sent a ZMTP PING, if it speaks a version that has them. It says how long
/// the worker may hear nothing, so that an idle one finds out that the server's host is gone
/// although nobody told its library to look.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// How soon after a message there is another PING. What libzmq was told by the last one it forgets
/// with the first thing that it hears after that.
pub const PING_AFTER: Duration = Duration::from_secs(1);
/// How long a worker may hear nothing. Long enough for a server that is stopped for a while.
pub const PING_TTL: Duration = Duration::from_secs(50);

const _: () = assert!(NOT_READY_FRAME_BYTES_MAX <= FRAME_BYTES_MAX);
const _: () = assert!(NOT_READY_MESSAGE_BYTES_MAX <= MESSAGE_BYTES_MAX);
const _: () = assert!(NOT_READY_MESSAGE_FRAMES_MAX <= MESSAGE_FRAMES_MAX);
const _: () = assert!(FRAME_BYTES_MAX + FRAME_OVERHEAD_BYTES <= MESSAGE_BYTES_MAX);
const _: () =
    assert!(NOT_READY_FRAME_BYTES_MAX + FRAME_OVERHEAD_BYTES <= NOT_READY_MESSAGE_BYTES_MAX);
const _: () = assert!(MESSAGE_FRAMES_MAX as u64 * FRAME_OVERHEAD_BYTES <= MESSAGE_BYTES_MAX);
const _: () = assert!(NOT_READY_MAX <= CONNECTIONS_MAX);
const _: () = assert!(PING_AFTER.as_millis() < PING_EVERY.as_millis());
const _: () = assert!(2 * PING_EVERY.as_millis() <= PING_TTL.as_millis());
const _: () = assert!(
    PING_TTL.as_millis() / 100 <= u16::MAX as u128,
    "a PING counts in tenths of a second, in 16 bits"
);
const _: () = assert!(
    KEEPALIVE_IDLE.as_millis() + KEEPALIVE_INTERVAL.as_millis() <= TCP_USER_TIMEOUT.as_millis(),
    "the first probe must be able to fail before the host is called dead"
);

/// The limits of one gate. [`Default`] takes the constants of this crate.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// What a connection may send once it is ready.
    pub limits: Limits,
    /// What a connection may send before.
    pub not_ready_limits: Limits,
    /// Longest time from accept to the end of the ZMTP handshake.
    pub handshake_time_max: Duration,
    /// Most connections in all. At the limit the oldest that is not ready is evicted for a
    /// newcomer; if all are ready, the newcomer is refused.
    pub connections_max: usize,
    /// Most connections that are not ready; the oldest is evicted for a newcomer.
    pub not_ready_max: usize,
    /// How often a worker is sent a PING.
    pub ping_every: Duration,
    /// How soon after a message at the latest.
    pub ping_after: Duration,
    /// How long a TCP connection is silent before the kernel probes it.
    pub keepalive_idle: Duration,
    /// Time between two such probes.
    pub keepalive_interval: Duration,
    /// How long the kernel waits for an acknowledgement before it calls the host dead. It also
    /// ends a connection whose receive window stays shut for that long.
    pub tcp_user_timeout: Duration,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            limits: Limits {
                frame_bytes_max: FRAME_BYTES_MAX,
                message_bytes_max: MESSAGE_BYTES_MAX,
                message_frames_max: MESSAGE_FRAMES_MAX,
            },
            not_ready_limits: Limits {
                frame_bytes_max: NOT_READY_FRAME_BYTES_MAX,
                message_bytes_max: NOT_READY_MESSAGE_BYTES_MAX,
                message_frames_max: NOT_READY_MESSAGE_FRAMES_MAX,
            },
            handshake_time_max: HANDSHAKE_TIME_MAX,
            connections_max: CONNECTIONS_MAX,
            not_ready_max: NOT_READY_MAX,
            ping_every: PING_EVERY,
            ping_after: PING_AFTER,
            keepalive_idle: KEEPALIVE_IDLE,
            keepalive_interval: KEEPALIVE_INTERVAL,
            tcp_user_timeout: TCP_USER_TIMEOUT,
        }
    }
}
