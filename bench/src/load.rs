//! The load generator: connections that each keep a number of jobs in flight.
//!
//! It shares the processors with what it measures, so it is light: messages are encoded once,
//! and writes are gathered. The echo server gets the same load from the same code; what comes
//! back from it is an event, because an event was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use acequia_client::{Client, Frame, ServerUrl};
use acequia_wire::client::{Encoding, Event, JobEvent, Op};
use acequia_wire::{ContentType, CorrelationId, JobId, Payload, QueueName};
use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::glance::{self, News};
use super::jobs::submit;
use super::system::{System, Used};

/// How long the last jobs may take once the load stops.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// Connections that are opened at one time.
const OPENING_MAX: usize = 64;
/// The longest latency that is told apart, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

const WARMING_UP: u8 = 0;
pub(crate) const MEASURING: u8 = 1;
pub(crate) const STOPPING: u8 = 2;

/// How a server is loaded.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) in_flight: u32,
    pub(crate) payload: usize,
    pub(crate) encoding: Encoding,
    pub(crate) warmup: Duration,
    pub(crate) time: Duration,
}

/// What was seen while measuring.
pub(crate) struct Tally {
    pub(crate) done: u64,
    /// Jobs that were rejected or failed.
    pub(crate) failed: u64,
    /// Messages of the server.
    pub(crate) events: u64,
    /// Those of them that say that a job is durable.
    pub(crate) accepted: u64,
    /// In microseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) used: Used,
}

/// What one connection saw.
pub(crate) struct Seen {
    done: u64,
    failed: u64,
    events: u64,
    accepted: u64,
    latency: Histogram<u64>,
}

impl Seen {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let latency = Histogram::new_with_max(LATENCY_US_MAX, 3)?;
        Ok(Self { done: 0, failed: 0, events: 0, accepted: 0, latency })
    }

    fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.done += other.done;
        self.failed += other.failed;
        self.events += other.events;
        self.accepted += other.accepted;
        Ok(self.latency.add(&other.latency)?)
    }
}

impl Load {
    /// The messages of one connection, a job each. All connections send the same.
    pub(crate) fn jobs(&self, queue: &QueueName, payload: &Payload) -> Vec<Frame> {
        let op = |id| Op::Submit(submit(id, queue, payload.clone()));
        self.ids().map(|id| Frame::op(&op(id), self.encoding)).collect()
    }

    /// Messages that, sent back, are the events that end those jobs.
    pub(crate) fn echoes(&self) -> anyhow::Result<Vec<Frame>> {
        let payload = self.payload()?;
        let frame = |id| {
            let event = Event::Job {
                id: CorrelationId::Int(id),
                job: JobId::now(),
                what: JobEvent::Done { result: payload.clone() },
                traceparent: None,
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
    pub(crate) fn payload(&self) -> anyhow::Result<Payload> {
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
    pub(crate) async fn run(&self, system: &System, frames: Vec<Frame>) -> anyhow::Result<Tally> {
        let phase = self.begin();
        let frames: Arc<[Frame]> = frames.into();
        let mut connections = JoinSet::new();
        for client in open(&system.url, self.encoding, self.connections).await? {
            let (frames, phase) = (frames.clone(), phase.clone());
            connections.spawn(drive(client, self.encoding, frames, phase));
        }
        self.measure(system, connections, &phase).await
    }

    /// Nothing is counted yet.
    pub(crate) fn begin(&self) -> Arc<AtomicU8> {
        Arc::new(AtomicU8::new(WARMING_UP))
    }

    /// Measures what these connections do, and has them stop.
    pub(crate) async fn measure(
        &self,
        system: &System,
        mut connections: JoinSet<anyhow::Result<Seen>>,
        phase: &AtomicU8,
    ) -> anyhow::Result<Tally> {
        tokio::time::sleep(self.warmup).await;
        let before = system.usage().await?;
        phase.store(MEASURING, Ordering::Relaxed);
        tokio::time::sleep(self.time).await;
        let after = system.usage().await?;
        phase.store(STOPPING, Ordering::Relaxed);
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
            accepted: all.accepted,
            latency: all.latency,
            used: after.since(before),
        })
    }
}

/// Opens so many sessions.
pub(crate) async fn open(
    url: &ServerUrl,
    encoding: Encoding,
    count: u32,
) -> anyhow::Result<Vec<Client>> {
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
            let news = glance::read(encoding, &message?)?;
            if phase == MEASURING {
                seen.events += 1;
                seen.accepted += u64::from(news == News::Accepted);
            }
            if let News::Ended { job, is_done } = news {
                let frame = frames.get(job).context("an event of a job that is none of ours")?;
                if phase == MEASURING {
                    count(&mut seen, is_done, now - sent[job]);
                }
                if phase == STOPPING {
                    live -= 1;
                } else {
                    sent[job] = now;
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

/// One more job has ended.
pub(crate) fn count(seen: &mut Seen, is_done: bool, latency: Duration) {
    if is_done {
        seen.done += 1;
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        // What is longer than can be told apart counts as the longest.
        seen.latency.saturating_record(us);
    } else {
        seen.failed += 1;
    }
}
