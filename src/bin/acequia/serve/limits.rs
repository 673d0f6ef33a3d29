//! The flags that say how much clients and workers may.

use std::ops::RangeInclusive;

use acequia::{Config, Limits};
use acequia_wire::limits;
use anyhow::bail;
use clap::builder::{RangedU64ValueParser, TypedValueParser as _};

/// Bytes that an operator may allow a payload or a result at most. More is better kept elsewhere,
/// and sent as its place.
const BODY_BYTES: RangeInclusive<u64> = 1_024..=32 << 20;
/// What an op may have beside its payload, in bytes.
const OP_BYTES: usize = 4_096;

#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// The largest payload of a job
    #[arg(long, env = "ACEQUIA_PAYLOAD_BYTES", default_value_t = limits::PAYLOAD_BYTES_MAX, value_name = "BYTES", value_parser = bytes())]
    payload_bytes: usize,

    /// The largest result, or chunk of one
    #[arg(long, env = "ACEQUIA_RESULT_BYTES", default_value_t = limits::RESULT_BYTES_MAX, value_name = "BYTES", value_parser = bytes())]
    result_bytes: usize,

    /// The largest message of a client, which may hold several ops
    #[arg(long, env = "ACEQUIA_MESSAGE_BYTES", default_value_t = limits::MESSAGE_BYTES_MAX, value_name = "BYTES", value_parser = bytes())]
    message_bytes: usize,

    /// Live jobs of one client
    #[arg(long, env = "ACEQUIA_CLIENT_JOBS", default_value_t = limits::CLIENT_JOBS_MAX, value_name = "N")]
    client_jobs: usize,

    /// Live jobs of one queue
    #[arg(long, env = "ACEQUIA_QUEUE_JOBS", default_value_t = limits::QUEUE_JOBS_MAX, value_name = "N")]
    queue_jobs: usize,

    /// Waiting jobs in all
    #[arg(long, env = "ACEQUIA_WAITING_JOBS", default_value_t = limits::WAITING_JOBS_MAX, value_name = "N")]
    waiting_jobs: usize,

    /// Payload bytes of all live jobs
    #[arg(long, env = "ACEQUIA_PAYLOADS_BYTES", default_value_t = limits::PAYLOADS_BYTES_MAX, value_name = "BYTES")]
    payloads_bytes: usize,

    /// Sessions at one time
    #[arg(long, env = "ACEQUIA_SESSIONS", default_value_t = limits::SESSIONS_MAX, value_name = "N")]
    sessions: usize,

    /// Connections from one address at one time. Those of a trusted proxy count for its clients;
    /// behind an untrusted one, all come from its address
    #[arg(long, env = "ACEQUIA_ADDRESS_CONNECTIONS", default_value_t = limits::ADDRESS_CONNECTIONS_MAX, value_name = "N")]
    address_connections: usize,

    /// Ops of one client per second; as many more may be saved up
    #[arg(long, env = "ACEQUIA_OPS_PER_S", default_value_t = limits::OPS_PER_S_MAX, value_name = "N", value_parser = at_least_one())]
    ops_per_s: usize,

    /// How long a connection may take to send its request
    #[arg(long, env = "ACEQUIA_HANDSHAKE_S", default_value_t = limits::HANDSHAKE_S_MAX, value_name = "SECONDS", value_parser = seconds())]
    handshake_s: usize,

    /// How long a client may send nothing, not even the answer to a ping
    #[arg(long, env = "ACEQUIA_IDLE_S", default_value_t = limits::IDLE_S_MAX, value_name = "SECONDS", value_parser = seconds())]
    idle_s: usize,

    /// Connections of workers; each worker has one to the jobs port and one to the results port
    #[arg(long, env = "ACEQUIA_WORKER_CONNECTIONS", default_value_t = Config::WORKER_CONNECTIONS, value_name = "N", value_parser = at_least_one())]
    pub(crate) worker_connections: usize,
}

impl LimitArgs {
    /// The limits, if they agree with each other.
    pub(crate) fn check(&self) -> anyhow::Result<Limits> {
        let need = self.payload_bytes + OP_BYTES;
        if self.message_bytes < need {
            bail!(
                "--message-bytes {}: a message with one payload of --payload-bytes {} may have \
                 {need} bytes; allow that much",
                self.message_bytes,
                self.payload_bytes
            );
        }
        Ok(Limits {
            payload_bytes: self.payload_bytes,
            result_bytes: self.result_bytes,
            message_bytes: self.message_bytes,
            client_jobs: self.client_jobs,
            queue_jobs: self.queue_jobs,
            waiting_jobs: self.waiting_jobs,
            payloads_bytes: self.payloads_bytes,
            sessions: self.sessions,
            address_connections: self.address_connections,
            ops_per_s: self.ops_per_s,
            handshake_s: self.handshake_s,
            idle_s: self.idle_s,
        })
    }
}

fn bytes() -> impl clap::builder::TypedValueParser<Value = usize> {
    within(BODY_BYTES)
}

/// A day is for ever to a connection.
fn seconds() -> impl clap::builder::TypedValueParser<Value = usize> {
    within(1..=86_400)
}

fn at_least_one() -> impl clap::builder::TypedValueParser<Value = usize> {
    within(1..=u64::from(u32::MAX))
}

fn within(range: RangeInclusive<u64>) -> impl clap::builder::TypedValueParser<Value = usize> {
    RangedU64ValueParser::<u64>::new().range(range).try_map(usize::try_from)
}
