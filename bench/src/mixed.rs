//! Short jobs beside long ones: how long a short one waits.
//!
//! Jobs come at random over two workers of one slot, and one in twenty takes long. Where a job
//! waits for a free slot, a short one rarely waits for a long one; where jobs are dealt out in
//! turn, each tenth short one stands behind a long one while the other worker has nothing to do.
//! What both would do with the very same jobs, each of which takes as long as it took here, and
//! with no time lost between two of them, is computed beside what was measured.

use std::time::Duration;

use acequia_client::{Client, Frame};
use acequia_wire::client::{Event, JobEvent, Op};
use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::compare::quantile;
use super::jobs::{number, outcome, submit};
use super::options::Options;
use super::report::{self, time};
use super::role::Role;
use super::system::{System, Workers};

const TIME: Duration = Duration::from_secs(30);
const JOBS_PER_S: f64 = 400.0;
const WORKERS: u32 = 2;
/// One job in so many is long.
const LONG_ONE_IN: u32 = 20;
const LONG_MS: u64 = 50;
/// How long the last jobs may take.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// Where the random numbers start, so that each run has the same jobs.
const SEED: u64 = 0xACE0;

/// One job, and what became of it; times in seconds since the start.
struct Run {
    sent: f64,
    is_long: bool,
    latency: Option<f64>,
    /// How long its worker took.
    took: f64,
}

/// Latency of the short jobs.
#[derive(Debug, Serialize)]
struct Short {
    p50_us: f64,
    p99_us: f64,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let workers =
        Workers { role: Role::Sleeper, count: WORKERS, slots: 1, packed: true, together: false };
    let system = System::acequia(options, workers).await?;
    // Both workers must be there.
    tokio::time::sleep(options.warmup).await;
    let mut client = Client::connect(&system.url, options.encoding).await?;
    let jobs = play(options, &mut client).await?;
    client.close().await;

    let measured = jobs.iter().filter(|job| !job.is_long).filter_map(|job| job.latency);
    let measured = Short::of(measured.collect());
    let shared = Short::of(simulate(&jobs, |_, free| usize::from(free[1] < free[0])));
    let in_turn = Short::of(simulate(&jobs, |nth, _| nth % 2));
    print(options.json, jobs.len(), &measured, &shared, &in_turn)
}

/// Submits jobs at random instants and waits for the end of all.
async fn play(options: &Options, client: &mut Client) -> anyhow::Result<Vec<Run>> {
    let encoding = options.encoding;
    let mut random = fastrand::Rng::with_seed(SEED);
    let begun = Instant::now();
    let time = options.time.unwrap_or(TIME).as_secs_f64();
    let (mut jobs, mut live) = (Vec::<Run>::new(), 0_usize);
    let mut next = begun;
    let mut until = None;
    while until.is_none() || live > 0 {
        tokio::select! {
            () = sleep_until(next), if until.is_none() => {
                let is_long = random.u32(0..LONG_ONE_IN) == 0;
                let payload = number(if is_long { LONG_MS } else { 0 }, encoding)?;
                let job = submit(i64::try_from(jobs.len())?, &options.queue, payload);
                client.feed(Frame::op(&Op::Submit(job), encoding)).await?;
                client.flush().await?;
                let sent = begun.elapsed().as_secs_f64();
                jobs.push(Run { sent, is_long, latency: None, took: 0.0 });
                live += 1;
                next += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / JOBS_PER_S);
                if begun.elapsed().as_secs_f64() >= time {
                    until = Some(Instant::now() + DRAIN_TIME_MAX);
                }
            }
            event = timeout_at(until.unwrap_or(begun + DRAIN_TIME_MAX * 1000), client.recv()) => {
                let event = event.context("the last jobs were not done in time")??;
                if let Some((nth, is_done)) = outcome(&event)? {
                    let job = jobs.get_mut(nth).context("an event of a job that is none of ours")?;
                    if !is_done {
                        bail!("a job failed or was rejected: {event:?}");
                    }
                    job.latency = Some(begun.elapsed().as_secs_f64() - job.sent);
                    job.took = took(&event)?;
                    live -= 1;
                }
            }
        }
    }
    Ok(jobs)
}

/// The seconds that the worker took, as it says in its result.
fn took(event: &Event) -> anyhow::Result<f64> {
    let Event::Job { what: JobEvent::Done { result }, .. } = event else {
        bail!("not the end of a job that is done: {event:?}");
    };
    let us: f64 = std::str::from_utf8(result.bytes())?.parse()?;
    Ok(us / 1e6)
}

/// The latencies of the short jobs if each goes to the worker that `choose` says, which is told
/// the job's number and when each worker is free.
fn simulate(jobs: &[Run], choose: fn(usize, [f64; 2]) -> usize) -> Vec<f64> {
    let mut free = [0.0_f64; WORKERS as usize];
    let mut latencies = Vec::new();
    for (nth, job) in jobs.iter().enumerate() {
        let worker = choose(nth, free);
        let begins = free[worker].max(job.sent);
        free[worker] = begins + job.took;
        if !job.is_long {
            latencies.push(free[worker] - job.sent);
        }
    }
    latencies
}

impl Short {
    fn of(mut latencies_s: Vec<f64>) -> Self {
        latencies_s.sort_by(f64::total_cmp);
        let us = |q| quantile(&latencies_s, q) * 1e6;
        Self { p50_us: us(0.50), p99_us: us(0.99) }
    }
}

fn print(
    as_json: bool,
    jobs: usize,
    measured: &Short,
    shared: &Short,
    in_turn: &Short,
) -> anyhow::Result<()> {
    if as_json {
        let report = json!({
            "jobs": jobs, "acequia": measured, "computed_shared_queue": shared,
            "computed_round_robin": in_turn,
        });
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    let line = |name: &str, short: &Short| {
        format!("{name:<36} {:>10} {:>10}\n", time(short.p50_us), time(short.p99_us))
    };
    report::print(&format!(
        "{jobs} jobs, {JOBS_PER_S} a second at random, on {WORKERS} workers of one slot; one in \
         {LONG_ONE_IN} takes {LONG_MS} ms\n\n{:<36} {:>10} {:>10}\n{}{}{}",
        "how long the short ones take",
        "p50",
        "p99",
        line("acequia, measured", measured),
        line("one shared queue, computed", shared),
        line("round robin, computed", in_turn),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_robin_waits_where_a_shared_queue_does_not() {
        let job = |sent, is_long| Run {
            sent,
            is_long,
            latency: None,
            took: if is_long { 0.050 } else { 0.0 },
        };
        let jobs = [job(0.0, true), job(0.001, false), job(0.002, false)];
        let shared = simulate(&jobs, |_, free| usize::from(free[1] < free[0]));
        assert!(shared.iter().all(|latency| *latency == 0.0));
        let in_turn = simulate(&jobs, |nth, _| nth % 2);
        assert!(in_turn[0] == 0.0 && (in_turn[1] - 0.048).abs() < 1e-9);
    }
}
