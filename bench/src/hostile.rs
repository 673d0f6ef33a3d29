//! What one client's jobs take while others do their worst: each attack is something that a client may
//! do, at the limits that it has by default.
//!
//! Attackers run on threads of their own, so that what they do with the answers is not measured as
//! the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acequia_client::{Client, Frame, ServerUrl};
use acequia_wire::QueueName;
use acequia_wire::client::{Encoding, Event, HelloOp, Op, Resume};
use acequia_wire::limits::OPS_PER_MESSAGE_MAX;
use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::aim::{self, Aim};
use super::compare::quantile;
use super::jobs::{number, one_job, outcome, submit};
use super::options::Options;
use super::report::{self, time};
use super::role::Role;
use super::system::{System, Workers};

/// What another client's job may take beside any attack, in milliseconds: the 99th of a hundred.
const P99_MS_MAX: f64 = 20.0;
const TIME: Duration = Duration::from_secs(5);
/// From one job of the client that is measured to its next.
const PAUSE: Duration = Duration::from_millis(5);

/// Something that clients do to a server.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// Messages with as many `hello`s as fit.
    Hellos,
    /// Many connections with messages of as many ops as fit.
    Arrays,
    /// A session that resumes with all its outcomes, again and again, and does not read them.
    Replays,
    /// Many connections that ask for the metrics.
    Scrapes,
}

impl Attack {
    const ALL: [Self; 4] = [Self::Hellos, Self::Arrays, Self::Replays, Self::Scrapes];

    fn what(self) -> &'static str {
        match self {
            Self::Hellos => "2 clients with messages of 10,000 hellos",
            Self::Arrays => "50 clients with messages of 10,000 ops",
            Self::Replays => "a client that resumes with 9,000 outcomes, again and again",
            Self::Scrapes => "50 connections that ask for the metrics",
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::Hellos => 2,
            Self::Arrays | Self::Scrapes => 50,
            Self::Replays => 1,
        }
    }

    async fn play(self, url: ServerUrl, queue: QueueName) -> anyhow::Result<()> {
        match self {
            Self::Hellos => repeat(url, r#"{"op":"hello"}"#).await,
            Self::Arrays => repeat(url, r#"{"op":"cancel","id":"nobody"}"#).await,
            Self::Replays => resume_for_ever(url, queue).await,
            Self::Scrapes => scrape(url).await,
        }
    }
}

/// Latencies of the client that is measured, in microseconds.
#[derive(Debug, Serialize)]
struct Seen {
    what: &'static str,
    jobs: usize,
    p50_us: f64,
    p99_us: f64,
    max_us: f64,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let workers =
        Workers { role: Role::Worker, count: 1, slots: 512, packed: true, together: false };
    let system = System::acequia(options, workers).await?;
    let mut seen = vec![watch(options, &system, "nobody").await?];
    for attack in Attack::ALL {
        let over = Arc::new(AtomicBool::new(false));
        let attackers = begin(attack, &system.url, &options.queue, &over);
        sleep(options.warmup).await;
        let watched = watch(options, &system, attack.what()).await;
        over.store(true, Ordering::Relaxed);
        attackers.await.context("an attacker")??;
        seen.push(watched?);
    }
    print(options, &seen)
}

/// Has attackers go on until it is over.
fn begin(
    attack: Attack,
    url: &ServerUrl,
    queue: &QueueName,
    over: &Arc<AtomicBool>,
) -> tokio::task::JoinHandle<anyhow::Result<()>> {
    let (url, queue, over) = (url.clone(), queue.clone(), over.clone());
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut attackers = JoinSet::new();
            for _ in 0..attack.connections() {
                attackers.spawn(attack.play(url.clone(), queue.clone()));
            }
            while !over.load(Ordering::Relaxed) {
                sleep(Duration::from_millis(20)).await;
                if let Some(Ok(Err(error))) = attackers.try_join_next() {
                    return Err(error.context("an attacker was stopped"));
                }
            }
            Ok(())
        })
    })
}

/// One client with one job after the other.
async fn watch(options: &Options, system: &System, what: &'static str) -> anyhow::Result<Seen> {
    let mut client = Client::connect(&system.url, options.encoding).await?;
    let until = Instant::now() + options.time.unwrap_or(TIME);
    let mut took = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        one_job(&mut client, &options.queue, options.encoding).await?;
        took.push(begun.elapsed().as_secs_f64() * 1e6);
        sleep(PAUSE).await;
    }
    client.close().await;
    took.sort_by(f64::total_cmp);
    Ok(Seen {
        what,
        jobs: took.len(),
        p50_us: quantile(&took, 0.5),
        p99_us: quantile(&took, 0.99),
        max_us: quantile(&took, 1.0),
    })
}

/// Sends messages full of an op, each once the one before is dealt with.
async fn repeat(url: ServerUrl, op: &str) -> anyhow::Result<()> {
    let message = format!("[{}]", vec![op; OPS_PER_MESSAGE_MAX].join(","));
    let message = Frame::raw(Bytes::from(message), Encoding::Json);
    let marker = Frame::raw(Bytes::from_static(br#"{"op":"submit","id":"end"}"#), Encoding::Json);
    let mut client = Client::connect(&url, Encoding::Json).await?;
    loop {
        client.feed(message.clone()).await?;
        client.feed(marker.clone()).await?;
        client.flush().await?;
        // Its refusal is the last answer.
        while !is_marker(&client.recv_raw().await?) {}
    }
}

fn is_marker(message: &[u8]) -> bool {
    message.windows(5).any(|part| part == b"\"end\"")
}

/// Gathers outcomes that are never acknowledged, and resumes from the first on.
async fn resume_for_ever(url: ServerUrl, queue: QueueName) -> anyhow::Result<()> {
    const OUTCOMES: usize = 9_000;
    let mut client = Client::connect(&url, Encoding::Json).await?;
    let hello = |resume| Op::Hello(HelloOp { resume: Some(resume), ..HelloOp::default() });
    client.send(&hello(Resume::New)).await?;
    let Event::Welcome(welcome) = client.recv().await? else { bail!("no welcome") };
    let secret = welcome.session.context("no session")?;
    for nth in 0..OUTCOMES {
        let job = submit(i64::try_from(nth)?, &queue, number(0, Encoding::Json)?);
        client.feed(Frame::op(&Op::Submit(job), Encoding::Json)).await?;
    }
    client.flush().await?;
    let mut ended = 0;
    while ended < OUTCOMES {
        ended += usize::from(outcome(&client.recv().await?)?.is_some());
    }
    let mut before = client;
    loop {
        let mut next = Client::connect(&url, Encoding::Json).await?;
        let resume = Resume::Session { secret: secret.clone(), last: 0 };
        next.send(&hello(resume)).await?;
        next.recv_raw().await?;
        // The one before is cut off with all that waits for it.
        drop(std::mem::replace(&mut before, next));
        sleep(Duration::from_millis(2)).await;
    }
}

async fn scrape(url: ServerUrl) -> anyhow::Result<()> {
    let authority = url.authority();
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!("HEAD /metrics HTTP/1.1\r\nHost: {authority}\r\n\r\n");
    let mut buffer = vec![0; 4 << 10];
    loop {
        stream.write_all(request.as_bytes()).await?;
        if stream.read(&mut buffer).await? == 0 {
            bail!("the server has closed the connection");
        }
    }
}

fn print(options: &Options, seen: &[Seen]) -> anyhow::Result<()> {
    let of = |seen: &Seen| {
        let what = format!("p99 in ms of another client's job beside {}", seen.what);
        Aim::at_most(what, seen.p99_us / 1e3, P99_MS_MAX)
    };
    let aims: Vec<Aim> = seen.iter().map(of).collect();
    if options.json {
        let report = json!({ "seen": seen, "aims": aims });
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines = vec![
        "What a job of another client takes beside those who do their worst".to_owned(),
        String::new(),
    ];
    for Seen { what, jobs, p50_us, p99_us, max_us } in seen {
        let (p50, p99, max) = (time(*p50_us), time(*p99_us), time(*max_us));
        lines.push(format!("{what}: p50 {p50}, p99 {p99}, at most {max} ({jobs} jobs)"));
    }
    lines.push(String::new());
    lines.extend(aim::lines(&aims));
    report::print(&lines.join("\n"))
}
