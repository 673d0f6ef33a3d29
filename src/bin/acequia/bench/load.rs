//! The load generator: connections that each keep a number of jobs in flight.
//!
//! It shares the processors with what it measures, so it is light: messages are encoded once,
//! and writes are gathered. The echo server gets the same load from the same code; what comes
//! back from it is an event, because an event was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use acequia::client::{Client, Frame, ServerUrl};
use acequia_wire::client::{Encoding, Event, JobEvent};
use acequia_wire::{ContentType, CorrelationId, JobId, Payload, QueueName};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::system::{CpuTimes, System, outcome, submit};

/// How long the last jobs may take once the load stops.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// Connections that are opened at one time.
const OPENING_MAX: usize = 64;
/// The longest latency that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

const WARMING_UP: u8 = 0;
const MEASURING: u8 = 1;
const STOPPING: u8 = 2;

/// How a server is loaded.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) connections: u32,
    pub(super) in_flight: u32,
    pub(super) payload: usize,
    pub(super) encoding: Encoding,
    pub(super) warmup: Duration,
    pub(super) time: Duration,
}

/// What was seen while measuring.
pub(super) struct Tally {
    pub(super) done: u64,
    /// Jobs that were rejected or failed.
    pub(super) failed: u64,
    /// Messages of the server.
    pub(super) events: u64,
    /// In microseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) time: Duration,
    pub(super) cpu: CpuTimes,
}

/// What one connection saw.
struct Seen {
    done: u64,
    failed: u64,
    events: u64,
    latency: Histogram<u64>,
}

impl Seen {
    fn new() -> anyhow::Result<Self> {
        let latency = Histogram::new_with_max(LATENCY_US_MAX, 3)?;
        Ok(Self { done: 0, failed: 0, events: 0, latency })
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.done += other.done;
        self.failed += other.failed;
        self.events += other.events;
        Ok(self.latency.add(&other.latency)?)
    }
}

impl Load {
    /// The messages of one connection, a job each. All connections send the same.
    pub(super) fn jobs(&self, queue: &QueueName) -> anyhow::Result<Vec<Frame>> {
        let payload = self.payload()?;
        let op = |id| submit(id, queue, payload.clone());
        Ok(self.ids().map(|id| Frame::op(&op(id), self.encoding)).collect())
    }

    /// Messages that, sent back, are the events that end those jobs.
    pub(super) fn echoes(&self) -> anyhow::Result<Vec<Frame>> {
        let payload = self.payload()?;
        let frame = |id| {
            let event = Event::Job {
                id: CorrelationId::Int(id),
                job: JobId::now(),
                what: JobEvent::Done { result: payload.clone() },
            };
            let bytes = match self.encoding {
                Encoding::MsgPack => event.encode_msgpack(None),
                Encoding::Json => {
                    let mut text = String::new();
                    event.encode_json(None, &mut text);
                    text.into_bytes()
                }
            };
            Frame::raw(bytes.into(), self.encoding)
        };
        Ok(self.ids().map(frame).collect())
    }

    fn ids(&self) -> impl Iterator<Item = i64> {
        0..i64::from(self.in_flight)
    }

    /// As many bytes as asked for: a string in JSON, bytes in MessagePack.
    fn payload(&self) -> anyhow::Result<Payload> {
        let mut bytes = vec![b'x'; self.payload];
        let content_type = match self.encoding {
            Encoding::MsgPack => ContentType::Octets,
            Encoding::Json => {
                let [first, .., last] = &mut *bytes else {
                    bail!("--payload {}: JSON has at least 2 bytes", self.payload);
                };
                (*first, *last) = (b'"', b'"');
                ContentType::Json
            }
        };
        Ok(Payload::new(content_type, bytes.into())?)
    }

    /// Loads `system` with these messages, and says what came of it.
    pub(super) async fn run(&self, system: &System, frames: Vec<Frame>) -> anyhow::Result<Tally> {
        let phase = Arc::new(AtomicU8::new(WARMING_UP));
        let frames: Arc<[Frame]> = frames.into();
        let mut connections = JoinSet::new();
        for client in open(&system.url, self.encoding, self.connections).await? {
            let (frames, phase) = (frames.clone(), phase.clone());
            connections.spawn(drive(client, self.encoding, frames, phase));
        }
        tokio::time::sleep(self.warmup).await;
        let (before, begun) = (system.cpu()?, Instant::now());
        phase.store(MEASURING, Ordering::Relaxed);
        tokio::time::sleep(self.time).await;
        phase.store(STOPPING, Ordering::Relaxed);
        let (after, time) = (system.cpu()?, begun.elapsed());
        let mut all = Seen::new()?;
        let gather = async {
            while let Some(seen) = connections.join_next().await {
                all.add(&seen??)?;
            }
            anyhow::Ok(())
        };
        timeout(DRAIN_TIME_MAX, gather)
            .await
            .with_context(|| format!("the last jobs were not done within {DRAIN_TIME_MAX:?}"))??;
        Ok(Tally {
            done: all.done,
            failed: all.failed,
            events: all.events,
            latency: all.latency,
            time,
            cpu: after.since(before),
        })
    }
}

/// Opens so many sessions.
async fn open(url: &ServerUrl, encoding: Encoding, count: u32) -> anyhow::Result<Vec<Client>> {
    let mut opening = JoinSet::new();
    let mut clients = Vec::new();
    for _ in 0..count {
        if opening.len() >= OPENING_MAX
            && let Some(client) = opening.join_next().await
        {
            clients.push(client??);
        }
        let url = url.clone();
        opening.spawn(async move { Client::connect(&url, encoding).await });
    }
    while let Some(client) = opening.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// Keeps one job of each frame in flight until told to stop.
async fn drive(
    mut client: Client,
    encoding: Encoding,
    frames: Arc<[Frame]>,
    phase: Arc<AtomicU8>,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::new()?;
    let mut live = frames.len();
    let mut sent = vec![Instant::now(); live];
    for frame in frames.iter() {
        client.feed(frame.clone()).await?;
    }
    client.flush().await?;
    while live > 0 {
        let mut next = Some(client.recv_raw().await);
        while let Some(message) = next {
            let now = Instant::now();
            let phase = phase.load(Ordering::Relaxed);
            let ended = ended(encoding, &message?)?;
            if phase == MEASURING {
                seen.events += 1;
            }
            if let Some((slot, is_done)) = ended {
                let frame = frames.get(slot).context("an event of a job that is none of ours")?;
                if phase == MEASURING {
                    count(&mut seen, is_done, now - sent[slot]);
                }
                if phase == STOPPING {
                    live -= 1;
                } else {
                    sent[slot] = now;
                    client.feed(frame.clone()).await?;
                }
            }
            next = client.try_recv_raw();
        }
        client.flush().await?;
    }
    client.close().await;
    Ok(seen)
}

/// The slot of the job that the message ends, and whether it is done.
///
/// To decode each event would cost about as much as an echo server does, so a glance at its first
/// keys must do for what comes by the hundred thousand; all else is decoded.
fn ended(encoding: Encoding, message: &Bytes) -> anyhow::Result<Option<(usize, bool)>> {
    match glance(encoding, message) {
        Some(Glance::Done(slot)) => Ok(Some((slot, true))),
        Some(Glance::OnItsWay) => Ok(None),
        None => outcome(&Event::decode(encoding, message)?.0),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Glance {
    Done(usize),
    /// `accepted` or `started`.
    OnItsWay,
}

/// Reads as much as is needed of an event whose first keys are `ev` and `id`.
fn glance(encoding: Encoding, message: &[u8]) -> Option<Glance> {
    let (done, on_their_way): (&[u8], [&[u8]; 2]) = match encoding {
        Encoding::Json => (b"\"done\",\"id\":", [b"\"accepted\"", b"\"started\""]),
        Encoding::MsgPack => (b"\xa4done\xa2id", [b"\xa8accepted", b"\xa7started"]),
    };
    let after_ev = match encoding {
        Encoding::Json => message.strip_prefix(b"{\"ev\":"),
        // The first byte is the map's, and says how many keys it has.
        Encoding::MsgPack => message.get(1..)?.strip_prefix(b"\xa2ev"),
    }?;
    if on_their_way.iter().any(|ev| after_ev.starts_with(ev)) {
        return Some(Glance::OnItsWay);
    }
    let id = after_ev.strip_prefix(done)?;
    let slot = match (encoding, id) {
        (Encoding::MsgPack, [n @ 0..0x80, ..] | [0xcc, n, ..]) => usize::from(*n),
        (Encoding::MsgPack, [0xcd, high, low, ..]) => u16::from_be_bytes([*high, *low]).into(),
        (Encoding::MsgPack, _) => return None,
        (Encoding::Json, digits) => {
            let len = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
            std::str::from_utf8(&digits[..len]).ok()?.parse().ok()?
        }
    };
    Some(Glance::Done(slot))
}

fn count(seen: &mut Seen, is_done: bool, latency: Duration) {
    if is_done {
        seen.done += 1;
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // What is longer than can be told apart counts as the longest.
        seen.latency.saturating_record(us);
    } else {
        seen.failed += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn seen(encoding: Encoding, id: i64, what: JobEvent) -> Option<Glance> {
        let event = Event::Job { id: CorrelationId::Int(id), job: JobId::now(), what };
        let mut text = String::new();
        event.encode_json(None, &mut text);
        match encoding {
            Encoding::Json => glance(encoding, text.as_bytes()),
            Encoding::MsgPack => glance(encoding, &event.encode_msgpack(None)),
        }
    }

    #[test]
    fn a_glance_knows_what_comes_often_as_the_server_writes_it() {
        let payload = Payload::new(ContentType::Json, Bytes::from_static(b"1")).expect("JSON");
        let started = || JobEvent::Started { attempt: 1, worker: Arc::from("w") };
        for encoding in Encoding::ALL {
            for id in [0, 7, 127, 128, 300, 65_535] {
                let done = JobEvent::Done { result: payload.clone() };
                let slot = usize::try_from(id).expect("small");
                assert_eq!(seen(encoding, id, done), Some(Glance::Done(slot)));
            }
            assert_eq!(seen(encoding, 1, JobEvent::Accepted), Some(Glance::OnItsWay));
            assert_eq!(seen(encoding, 1, started()), Some(Glance::OnItsWay));
            assert_eq!(seen(encoding, 1, JobEvent::Cancelled), None, "to be decoded");
        }
    }
}
