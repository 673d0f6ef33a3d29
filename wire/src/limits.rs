//! Every bound of both protocols, as named constants with their relations asserted.

/// Largest payload of a job, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Largest result or chunk of a job, in bytes.
pub const RESULT_BYTES_MAX: usize = 8 << 20;
/// Largest message of a client, in bytes: room for several payloads in one array of ops.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Most ops in one message of a client.
pub const OPS_PER_MESSAGE_MAX: usize = 10_000;
/// Deepest nesting of arrays and maps in a payload or a result that is JSON or MessagePack.
pub const NESTING_MAX: usize = 128;
/// Longest correlation id, in bytes of UTF-8.
pub const CORRELATION_ID_BYTES_MAX: usize = 128;
/// Longest idempotency key, in bytes of UTF-8.
pub const KEY_BYTES_MAX: usize = 128;
/// Longest queue name, in bytes.
pub const QUEUE_NAME_BYTES_MAX: usize = 64;
/// Longest topic, in bytes of UTF-8.
pub const TOPIC_BYTES_MAX: usize = 128;
/// Longest content type, in bytes.
pub const CONTENT_TYPE_BYTES_MAX: usize = 128;
/// Highest priority; 0 is the lowest.
pub const PRIORITY_MAX: u8 = 9;
/// Priority of a job that names none.
pub const PRIORITY_DEFAULT: u8 = 4;
/// Most attempts that a job may ask for.
pub const ATTEMPTS_MAX: u32 = 100;
/// Longest delay, run limit or time to live, in milliseconds: thirty days.
pub const DURATION_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;
/// Live jobs of one client.
pub const CLIENT_JOBS_MAX: usize = 10_000;
/// Submits with the same key that are told about one job.
pub const WATCHERS_MAX: usize = 100;
/// Waiting jobs in all.
pub const WAITING_JOBS_MAX: usize = 1_000_000;
/// Live jobs of one queue.
pub const QUEUE_JOBS_MAX: usize = 1_000_000;
/// Payload bytes of all live jobs.
pub const PAYLOADS_BYTES_MAX: usize = 1 << 30;
/// Queue names in use at one time, beside those that workers serve or an operator has paused.
pub const QUEUES_MAX: usize = 10_000;
/// Sessions at one time.
pub const SESSIONS_MAX: usize = 100_000;
/// Connections to the HTTP port from one address at one time. Many browsers may be behind one, and
/// all of them are behind one proxy that is not trusted to name them.
pub const ADDRESS_CONNECTIONS_MAX: usize = 20_000;
/// Ops of one client in a second, beyond those that it has saved up in the second before.
pub const OPS_PER_S_MAX: usize = 100_000;
/// Seconds until a connection must have brought a request's head, and its `hello` where one is
/// needed.
pub const HANDSHAKE_S_MAX: usize = 10;
/// Seconds for which a connection may bring nothing, not even the answer to a ping.
pub const IDLE_S_MAX: usize = 120;
/// Topics that one session may subscribe to.
pub const TOPICS_PER_SESSION_MAX: usize = 64;
/// Events that wait for a session before progress, chunks and messages are given up.
pub const MAILBOX_EVENTS_MAX: usize = 1_000;
/// Bytes that wait for a session before progress, chunks and messages are given up.
pub const MAILBOX_BYTES_MAX: usize = 1 << 20;
/// Slots that one worker may announce.
pub const SLOTS_MAX: u32 = 65_536;
/// Messages that one worker may announce to take in one ZeroMQ message.
pub const PACK_MAX: u32 = 1_024;
/// Queues that one worker may serve.
pub const QUEUES_PER_WORKER_MAX: usize = 64;
/// Longest worker name, in bytes of UTF-8; the rest is cut off.
pub const WORKER_NAME_BYTES_MAX: usize = 64;
/// Largest head of a worker message, in bytes: room for a stack trace however long, of which
/// [`TEXT_BYTES_MAX`] are kept.
pub const HEAD_BYTES_MAX: usize = 1 << 20;
/// Longest note, code message or the like from a worker, in bytes; the rest is cut off.
pub const TEXT_BYTES_MAX: usize = 4 << 10;
/// Longest failure code from a worker, in bytes; the rest is cut off.
pub const FAIL_CODE_BYTES_MAX: usize = 64;
/// Runs that a job may lose with their workers and still be redelivered.
pub const LOSSES_MAX: u32 = 3;

const _: () = assert!(PAYLOAD_BYTES_MAX < MESSAGE_BYTES_MAX);
const _: () = assert!(PAYLOAD_BYTES_MAX <= RESULT_BYTES_MAX);
const _: () = assert!(CLIENT_JOBS_MAX <= OPS_PER_S_MAX);
// One client alone may hold half of what all share: enough for all of its jobs, and for many of the
// largest payloads.
const _: () = assert!(CLIENT_JOBS_MAX <= WAITING_JOBS_MAX / 2);
const _: () = assert!(CLIENT_JOBS_MAX <= QUEUE_JOBS_MAX / 2);
const _: () = assert!(100 * PAYLOAD_BYTES_MAX <= PAYLOADS_BYTES_MAX / 2);
const _: () = assert!(QUEUES_PER_WORKER_MAX <= QUEUES_MAX / 2);
const _: () = assert!(ADDRESS_CONNECTIONS_MAX <= SESSIONS_MAX);
const _: () = assert!(HANDSHAKE_S_MAX < IDLE_S_MAX);
const _: () = assert!(PRIORITY_DEFAULT <= PRIORITY_MAX);
const _: () = assert!(TEXT_BYTES_MAX < HEAD_BYTES_MAX);
const _: () = assert!(
    QUEUES_PER_WORKER_MAX * (QUEUE_NAME_BYTES_MAX + 2) + WORKER_NAME_BYTES_MAX + 256
        < HEAD_BYTES_MAX
);

/// The limits that an operator may set and a client is told in `welcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct Limits {
    /// Largest payload of a job, in bytes.
    pub payload_bytes: usize,
    /// Largest result of a job, in bytes.
    pub result_bytes: usize,
    /// Largest message of a client, in bytes.
    pub message_bytes: usize,
    /// Live jobs of one client.
    pub client_jobs: usize,
    /// Live jobs of one queue.
    pub queue_jobs: usize,
    /// Waiting jobs in all.
    pub waiting_jobs: usize,
    /// Payload bytes of all live jobs.
    pub payloads_bytes: usize,
    /// Sessions at one time.
    pub sessions: usize,
    /// Connections to the HTTP port from one address at one time.
    pub address_connections: usize,
    /// Ops of one client in a second.
    pub ops_per_s: usize,
    /// Seconds until a connection must have brought a request's head.
    pub handshake_s: usize,
    /// Seconds for which a connection may bring nothing, not even the answer to a ping.
    pub idle_s: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: PAYLOAD_BYTES_MAX,
            result_bytes: RESULT_BYTES_MAX,
            message_bytes: MESSAGE_BYTES_MAX,
            client_jobs: CLIENT_JOBS_MAX,
            queue_jobs: QUEUE_JOBS_MAX,
            waiting_jobs: WAITING_JOBS_MAX,
            payloads_bytes: PAYLOADS_BYTES_MAX,
            sessions: SESSIONS_MAX,
            address_connections: ADDRESS_CONNECTIONS_MAX,
            ops_per_s: OPS_PER_S_MAX,
            handshake_s: HANDSHAKE_S_MAX,
            idle_s: IDLE_S_MAX,
        }
    }
}
