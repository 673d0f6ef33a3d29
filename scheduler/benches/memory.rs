//! What a waiting job takes beside its payload, with the allocator of the server.
//!
//! Run by hand: `cargo bench -p acequia-scheduler --bench memory`. A million jobs of one session
//! wait, with integers for ids and payloads of 128 bytes, all of them durable, so that the journal
//! holds none of them any more. What is told is the memory of the process before and after.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, or stops")]

use std::sync::Arc;

use acequia_scheduler::{ClientId, Config, Event, Scheduler, SessionId, Ticket, Time};
use acequia_wire::client::{OnDisconnect, Submit};
use acequia_wire::{ContentType, CorrelationId, JobId, Limits, Payload, QueueName};
use bytes::Bytes;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const JOBS: u32 = 1_000_000;
const PAYLOAD_BYTES: usize = 128;

fn main() {
    // Without it, as `cargo test` runs it, there is nothing to do.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let jobs = usize::try_from(JOBS).unwrap();
    let limits =
        Limits { client_jobs: jobs, waiting_jobs: jobs, queue_jobs: jobs, ..Limits::default() };
    let mut scheduler = Scheduler::new(Config { limits, ..Config::default() });
    let (session, client) = (SessionId(1), ClientId(1));
    let mut out = Vec::new();
    scheduler.handle(Time::default(), Event::SessionOpened { session, client }, &mut out);
    let before = resident();
    for id in 1..=JOBS {
        let spec = Submit {
            id: CorrelationId::Int(id.into()),
            payload: payload(),
            queue: QueueName::default(),
            priority: 4,
            delay_ms: 0,
            timeout_ms: Some(30_000),
            ttl_ms: None,
            attempts: 3,
            key: None,
            on_disconnect: OnDisconnect::Keep,
            batch: None,
            traceparent: None,
        };
        let submit = Event::Submit { session, job: JobId::now(), spec: Arc::new(spec) };
        let now = Time::from_micros(id.into());
        scheduler.handle(now, submit, &mut out);
        if id.is_multiple_of(64) {
            // The journal has written them.
            out.clear();
            scheduler.handle(now, Event::Durable { up_to: Ticket(id.into()) }, &mut out);
        }
    }
    let taken = resident() - before;
    let waiting = scheduler.stats(Time::default()).queues[0].waiting;
    assert_eq!(waiting, jobs);
    println!("{} bytes a waiting job beside its payload", taken / jobs - PAYLOAD_BYTES);
}

/// As the ventilator copies it out of a message.
fn payload() -> Payload {
    let bytes = Bytes::copy_from_slice(&[b'p'; PAYLOAD_BYTES]);
    Payload::new(ContentType::Octets, bytes).unwrap()
}

/// Memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}
