//! A million jobs that wait: what each takes in memory, and whether they slow down the others.

use acequia_client::Client;
use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use super::crowd::Crowd;
use super::part::Part;
use crate::aim::Aim;
use crate::compare::{Comparison, Measurement, in_turn};
use crate::load::{Load, open};
use crate::options::Options;
use crate::process::{Memory, memory};
use crate::report::{self, mib};
use crate::role::Role;
use crate::system::{SETTLE, System, Workers};
use crate::throughput;

/// What one client may have live unless told otherwise.
const JOBS_PER_CLIENT: u32 = acequia_wire::limits::CLIENT_JOBS_MAX as u32;
/// So much more than elsewhere each connection of the load has in flight, and so many of its jobs
/// are there for each slot. Most of what is in flight is on its way at any time: were few to wait,
/// the backlog would fill every slot that the load leaves free for a moment.
const MORE_IN_FLIGHT: u32 = 4;
const JOBS_PER_SLOT: u32 = 16;
/// Jobs that may wait beside the backlog.
const OTHER_JOBS: u64 = 100_000;
/// Room for the payloads of those.
const OTHER_BYTES: u64 = 1 << 30;
const LOWEST_PRIORITY: u8 = 0;

/// Jobs a second, all that end, beside a server where nothing else waits.
const AIM_RATE: f64 = 0.9;
/// Bytes a waiting job beyond its payload.
const AIM_BYTES: f64 = 300.0;

pub(super) async fn run(options: &Options) -> anyhow::Result<Part> {
    let load =
        throughput::load(options, options.in_flight * MORE_IN_FLIGHT, throughput::ROUND_TIME);
    let jobs = u64::from(options.sizes.backlog);
    let waiting = (jobs + OTHER_JOBS).to_string();
    let bytes = (jobs * options.payload as u64 + OTHER_BYTES).to_string();
    let flags = ["--journal", "none", "--waiting-jobs", &waiting, "--queue-jobs", &waiting];
    let flags = [&flags[..], &["--payloads-bytes", &bytes]].concat();
    let mut empty = System::without_workers(&flags).await?;
    let mut full = System::without_workers(&flags).await?;

    let (sessions, [before, after]) = fill(options, &load, &full).await?;
    let mut sessions = listen(sessions);
    let measured = rates(options, &load, [&mut empty, &mut full]).await?;
    ensure!(sessions.try_join_next().is_none(), "a session of the backlog was closed");
    Ok(part(options, &measured, before, after))
}

/// Queues the backlog, and returns its sessions and the server's memory before and after.
async fn fill(
    options: &Options,
    load: &Load,
    system: &System,
) -> anyhow::Result<(Vec<Client>, [Memory; 2])> {
    let server = system.server.context("the server's process is not known")?;
    let clients = options.sizes.backlog.div_ceil(JOBS_PER_CLIENT);
    let clients = open(&system.url, load.encoding, clients).await?;
    tokio::time::sleep(SETTLE).await;
    let before = memory(server)?;
    let mut left = options.sizes.backlog;
    let mut filling = JoinSet::new();
    for mut client in clients {
        let crowd = Crowd {
            jobs: left.min(JOBS_PER_CLIENT),
            queue: options.queue.clone(),
            priority: LOWEST_PRIORITY,
            payload: load.payload()?,
            encoding: load.encoding,
        };
        left -= crowd.jobs;
        filling.spawn(async move { crowd.queue_up(&mut client).await.map(|()| client) });
    }
    let mut sessions = Vec::new();
    while let Some(client) = filling.join_next().await {
        sessions.push(client??);
    }
    tokio::time::sleep(SETTLE).await;
    Ok((sessions, [before, memory(server)?]))
}

/// Reads what the sessions of the backlog are told, for a client that does not read is closed. A
/// task ends only if its session does.
fn listen(sessions: Vec<Client>) -> JoinSet<()> {
    let mut listening = JoinSet::new();
    for mut client in sessions {
        listening.spawn(async move { while client.recv_raw().await.is_ok() {} });
    }
    listening
}

async fn rates(
    options: &Options,
    load: &Load,
    systems: [&mut System; 2],
) -> anyhow::Result<Comparison> {
    let workers = Workers {
        role: Role::Holder,
        count: 1,
        slots: (load.connections * load.in_flight).div_ceil(JOBS_PER_SLOT),
        packed: options.packed,
        together: false,
    };
    let [empty, full] = systems;
    for system in [&mut *empty, &mut *full] {
        system.add_workers(options, workers)?;
        system.release().await?;
        system.first_job(options).await?;
        system.hold().await?;
    }
    let jobs = load.jobs(&options.queue, &load.payload()?);
    let measured = in_turn(load, options.rounds, [(empty, jobs.clone()), (full, jobs)]).await?;
    let in_flight = load.connections * load.in_flight;
    let case = format!("{in_flight} in flight on {} slots", workers.slots);
    Ok(Comparison { case, names: ["empty", "backlog"], measured })
}

fn ended(measured: &Measurement) -> f64 {
    measured.ended_per_s.unwrap_or(measured.jobs_per_s)
}

/// Server CPU for each job that ended, whosever it was.
fn cpu(measured: &Measurement) -> Option<f64> {
    Some(measured.server_cpu_us? * measured.jobs_per_s / ended(measured))
}

#[expect(clippy::cast_precision_loss, reason = "memory of a machine, far below 2^52")]
fn part(options: &Options, measured: &Comparison, before: Memory, after: Memory) -> Part {
    let [empty, backlog] = &measured.measured;
    let jobs = options.sizes.backlog;
    let bytes = |kib: u64| {
        let grown = kib.saturating_sub(before.rss_kib) * 1024;
        grown as f64 / f64::from(jobs) - options.payload as f64
    };
    let rate = ended(backlog) / ended(empty);
    let of_backlog = 1.0 - backlog.jobs_per_s / ended(backlog);
    let cpu = cpu(backlog).zip(cpu(empty)).map(|(backlog, empty)| backlog / empty);
    let mut aims = vec![
        Aim::at_least("jobs ended a second, backlog beside empty queue", rate, AIM_RATE),
        Aim::none("share of them that the backlog had", of_backlog),
    ];
    aims.extend(cpu.map(|cpu| Aim::none("server CPU a job, backlog beside empty queue", cpu)));
    aims.push(Aim::at_most(
        "bytes of memory a waiting job beyond its payload",
        bytes(after.rss_kib),
        AIM_BYTES,
    ));
    aims.push(Aim::none("the same at the peak", bytes(after.peak_kib)));
    let mut lines = vec![
        format!(
            "{jobs} waiting jobs of {} clients, of the lowest priority and in the load's queue; \
             one job in sixteen goes by its age",
            jobs.div_ceil(JOBS_PER_CLIENT),
        ),
        format!(
            "server memory {} before, {} after, {} at the peak",
            mib(before.rss_kib),
            mib(after.rss_kib),
            mib(after.peak_kib)
        ),
        report::header(),
    ];
    lines.extend(report::comparison(measured));
    let json = json!({
        "jobs": jobs, "rates": measured.json(), "ended_ratio": rate,
        "share_of_backlog": of_backlog, "server_cpu_ratio": cpu, "before": before, "after": after,
        "bytes_per_job": bytes(after.rss_kib), "payload_bytes": options.payload,
    });
    Part { key: "backlog", json, lines, aims }
}
