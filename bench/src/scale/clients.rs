//! Ten thousand clients with a job each beside one that has queued a hundred thousand.

use std::sync::Arc;
use std::time::Duration;

use acequia_client::{Client, Frame};
use acequia_wire::client::{Event, JobEvent, Op};
use acequia_wire::limits::PRIORITY_DEFAULT;
use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::crowd::Crowd;
use super::part::Part;
use crate::aim::Aim;
use crate::compare::quantile;
use crate::jobs::{number, submit};
use crate::load::open;
use crate::options::Options;
use crate::report::time;
use crate::role::{COUNTER_TIME, Role};
use crate::system::{System, Workers};

/// Jobs of the one client for each of the others.
const HEAVY_JOBS_PER_CLIENT: u32 = 10;
/// Slots of the worker: few, so that turns matter.
const SLOTS: u32 = 8;
/// How long the jobs of the many may take in all.
const TIME_MAX: Duration = Duration::from_secs(60);
/// One in so many jobs goes by its age, and the oldest are those of the one client.
const AGEING_TAKES: f64 = 16.0;
/// Turns of the one client for each of the others: it has one each time that all who wait have
/// had theirs, and at first few do.
const TURNS_PER_CLIENT: f64 = 0.01;

/// A job of one of the many.
struct Served {
    latency: Duration,
    /// How many jobs the worker began before it.
    nth: u64,
}

pub(super) async fn run(options: &Options) -> anyhow::Result<Part> {
    let count = options.sizes.many_clients;
    let heavy_jobs = count * HEAVY_JOBS_PER_CLIENT;
    let client_jobs = heavy_jobs.to_string();
    let flags = ["--journal", "none", "--client-jobs", &client_jobs];
    let mut system = System::without_workers(&flags).await?;
    let many = open(&system.url, options.encoding, count).await?;
    let mut heavy = Client::connect(&system.url, options.encoding).await?;
    let crowd = Crowd {
        jobs: heavy_jobs,
        queue: options.queue.clone(),
        priority: PRIORITY_DEFAULT,
        payload: number(0, options.encoding)?,
        encoding: options.encoding,
    };
    crowd.queue_up(&mut heavy).await?;
    let workers =
        Workers { role: Role::Counter, count: 1, slots: SLOTS, packed: true, together: false };
    system.add_workers(options, workers)?;
    let started = Arc::new(Notify::new());
    let heavy = tokio::spawn(listen(heavy, started.clone()));
    timeout(TIME_MAX, started.notified()).await.context("no worker came")?;

    let served = timeout(TIME_MAX, submit_all(options, many)).await;
    let (served, mut failed) =
        served.with_context(|| format!("not all were done within {TIME_MAX:?}"))??;
    failed += u32::from(heavy.is_finished());
    heavy.abort();
    Ok(part(heavy_jobs, &served, failed))
}

/// Reads what the one client is told, and says when that begins.
async fn listen(mut heavy: Client, started: Arc<Notify>) {
    while heavy.recv_raw().await.is_ok() {
        started.notify_one();
    }
}

/// Has each client submit its job at once, and waits until all are done. Returns also how many
/// sessions failed.
async fn submit_all(options: &Options, clients: Vec<Client>) -> anyhow::Result<(Vec<Served>, u32)> {
    let encoding = options.encoding;
    let job = Op::Submit(submit(0, &options.queue, number(0, encoding)?));
    let job = Frame::op(&job, encoding);
    let mut serving = JoinSet::new();
    for client in clients {
        serving.spawn(serve(client, job.clone()));
    }
    let (mut served, mut failed) = (Vec::new(), 0);
    while let Some(one) = serving.join_next().await {
        match one? {
            Ok(one) => served.push(one),
            Err(error) => {
                tracing::warn!("a session failed: {error:#}");
                failed += 1;
            }
        }
    }
    Ok((served, failed))
}

async fn serve(mut client: Client, job: Frame) -> anyhow::Result<Served> {
    let sent = Instant::now();
    client.feed(job).await?;
    client.flush().await?;
    loop {
        match client.recv().await? {
            Event::Job { what: JobEvent::Done { result }, .. } => {
                let nth = std::str::from_utf8(result.bytes())?.parse()?;
                return Ok(Served { latency: sent.elapsed(), nth });
            }
            Event::Job { what, .. } if !what.is_outcome() => {}
            other => bail!("its job was not done: {other:?}"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of thousands")]
fn part(heavy_jobs: u32, served: &[Served], failed: u32) -> Part {
    let mut latencies: Vec<f64> =
        served.iter().map(|served| served.latency.as_secs_f64() * 1e6).collect();
    latencies.sort_by(f64::total_cmp);
    let (p50, p99) = (quantile(&latencies, 0.50), quantile(&latencies, 0.99));
    let begun = served.iter().map(|served| served.nth);
    let span = begun.clone().max().zip(begun.min()).map_or(0, |(last, first)| last - first + 1);
    let count = served.len() as f64;
    let heavy_between = span as f64 - count;
    let fair = count / (AGEING_TAKES - 1.0) + count * TURNS_PER_CLIENT + f64::from(SLOTS);
    let aims = vec![
        Aim::at_most("jobs of the one that ran among those of the many", heavy_between, fair),
        Aim::none("ms until half of the many had theirs", p50 / 1e3),
        Aim::none("ms until 99 % had", p99 / 1e3),
        Aim::at_most("sessions that failed", failed.into(), 0.0),
    ];
    let lines = vec![
        format!(
            "{} clients with a job each beside one with {heavy_jobs}, on {SLOTS} slots; a job \
             takes {}",
            served.len(),
            time(COUNTER_TIME.as_secs_f64() * 1e6),
        ),
        "the one has a turn whenever all who wait had theirs, and each sixteenth job goes by its \
         age, which is one of its; in a single line all of its jobs would go first"
            .to_owned(),
    ];
    let json = json!({
        "clients": served.len(), "heavy_jobs": heavy_jobs, "slots": SLOTS, "p50_us": p50,
        "p99_us": p99, "heavy_jobs_between": heavy_between, "sessions_failed": failed,
    });
    Part { key: "clients", json, lines, aims }
}
