//! Jobs over HTTP beside the same jobs over WebSocket: one connection, one call at a time, each waiting
//! for its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use acequia_wire::{Payload, QueueName};
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::compare::{Comparison, Measurement};
use super::load::{Load, MEASURING, STOPPING, Seen, Tally, count};
use super::options::Options;
use super::report;
use super::system::{System, Workers};
use super::throughput::{ROUND_TIME, load};

/// Both on one server, in turn.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let system = System::acequia(options, Workers::of(options)).await?;
    let load = load(options, 1, ROUND_TIME);
    let payload = load.payload()?;
    let frames = load.jobs(&options.queue, &payload);
    let (mut by_socket, mut by_calls) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let tally = load.run(&system, frames.clone()).await?;
        by_socket.push(Measurement::new(&system, &tally)?);
        let tally = call(&load, &system, &options.queue, &payload).await?;
        by_calls.push(Measurement::new(&system, &tally)?);
    }
    let measured = [&by_socket, &by_calls].map(|rounds| Measurement::medians(rounds));
    let case = "one job in flight on each connection".to_owned();
    let comparison = Comparison { case, names: ["websocket", "http"], measured };
    report::comparisons(options.json, &load, options.rounds, &[comparison])
}

/// Loads a server with calls.
async fn call(
    load: &Load,
    system: &System,
    queue: &QueueName,
    payload: &Payload,
) -> anyhow::Result<Tally> {
    let mut connections = JoinSet::new();
    let phase = load.begin();
    for _ in 0..load.connections {
        let stream = TcpStream::connect(system.url.authority()).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with its sender.
        tokio::spawn(connection);
        let request = Call { queue: queue.clone(), payload: payload.clone() };
        let (authority, phase) = (system.url.authority().to_owned(), phase.clone());
        connections.spawn(async move { request.repeat(sender, &authority, phase).await });
    }
    load.measure(system, connections, &phase).await
}

/// What is asked for again and again.
struct Call {
    queue: QueueName,
    payload: Payload,
}

impl Call {
    /// Calls, one after the other, until told to stop.
    async fn repeat(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        authority: &str,
        phase: Arc<AtomicU8>,
    ) -> anyhow::Result<Seen> {
        let mut seen = Seen::new()?;
        loop {
            let request = Request::post(format!("/v1/queues/{}/jobs", self.queue))
                .header(HOST, authority)
                .header(CONTENT_TYPE, self.payload.content_type().as_str())
                .header("prefer", "wait=60")
                .body(Full::new(self.payload.bytes().clone()))?;
            let sent = Instant::now();
            let answer = sender.send_request(request).await.context("a call broke off")?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            let is_done = status == StatusCode::OK;
            ensure!(is_done || status.is_server_error(), "{status}: {body:?}");
            match phase.load(Ordering::Relaxed) {
                MEASURING => count(&mut seen, is_done, sent.elapsed()),
                STOPPING => return Ok(seen),
                _ => {}
            }
        }
    }
}
