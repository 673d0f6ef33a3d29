//! Jobs a second, their latency and their cost, alone or beside the echo server.

use anyhow::ensure;

use super::Args;
use super::load::{Load, Tally};
use super::process::memory;
use super::report::{self, Comparison, Measurement};
use super::roles::Role;
use super::system::{System, Workers};

/// Seconds of a measurement, unless told otherwise.
const SECONDS: f64 = 5.0;
/// Seconds of one of several rounds, unless told otherwise.
const ROUND_SECONDS: f64 = 2.0;

/// One line of the suite.
#[derive(Clone, Copy)]
struct Case {
    packed: bool,
    in_flight: u32,
}

impl Case {
    fn of(args: &Args) -> Self {
        Self { packed: !args.no_pack, in_flight: args.in_flight }
    }

    fn name(self) -> String {
        let packing = if self.packed { "packed" } else { "one message at a time" };
        format!("{packing}, {} in flight", self.in_flight)
    }
}

/// Acequia alone.
pub(super) async fn single(args: &Args) -> anyhow::Result<()> {
    let case = Case::of(args);
    let system = System::acequia(args, workers(args, case)).await?;
    let load = load(args, case, SECONDS)?;
    let tally = load.run(&system, load.jobs(&args.queue)?).await?;
    let measured = measurement(&system, &tally)?;
    report::single(args.json, &load, &measured)
}

/// Acequia beside the echo server.
pub(super) async fn echo(args: &Args) -> anyhow::Result<()> {
    let case = Case::of(args);
    let comparison = compare(args, case).await?;
    report::comparisons(args.json, &load(args, case, ROUND_SECONDS)?, args.rounds, &[comparison])
}

/// The comparison for packed and single messages, and for one job in flight a connection.
pub(super) async fn suite(args: &Args) -> anyhow::Result<()> {
    let cases = [
        Case { packed: true, in_flight: args.in_flight },
        Case { packed: false, in_flight: args.in_flight },
        Case { packed: true, in_flight: 1 },
    ];
    let mut comparisons = Vec::new();
    for case in cases {
        comparisons.push(compare(args, case).await?);
    }
    report::comparisons(args.json, &load(args, cases[0], ROUND_SECONDS)?, args.rounds, &comparisons)
}

/// Loads both in turn, since what else the machine does changes by the second.
async fn compare(args: &Args, case: Case) -> anyhow::Result<Comparison> {
    let load = load(args, case, ROUND_SECONDS)?;
    let acequia = System::acequia(args, workers(args, case)).await?;
    let bare = System::echo().await?;
    let (mut echoes, mut jobs) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let tally = load.run(&bare, load.echoes()?).await?;
        echoes.push(measurement(&bare, &tally)?);
        let tally = load.run(&acequia, load.jobs(&args.queue)?).await?;
        jobs.push(measurement(&acequia, &tally)?);
    }
    Ok(Comparison::new(case.name(), &echoes, &jobs))
}

fn workers(args: &Args, case: Case) -> Workers {
    Workers { role: Role::Worker, count: args.workers, slots: args.slots, packed: case.packed }
}

fn load(args: &Args, case: Case, seconds: f64) -> anyhow::Result<Load> {
    Ok(Load {
        connections: args.connections,
        in_flight: case.in_flight,
        payload: args.payload,
        encoding: args.encoding(),
        warmup: args.warmup()?,
        time: args.time(seconds)?,
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of seconds, far below 2^52")]
fn measurement(system: &System, tally: &Tally) -> anyhow::Result<Measurement> {
    ensure!(tally.done > 0, "no job was done while measuring; {} failed", tally.failed);
    let done = tally.done as f64;
    let a_job_us = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e6 / done;
    let quantile = |q| tally.latency.value_at_quantile(q) as f64;
    Ok(Measurement {
        jobs_per_s: done / tally.time.as_secs_f64(),
        p50_us: quantile(0.50),
        p90_us: quantile(0.90),
        p99_us: quantile(0.99),
        max_us: tally.latency.max() as f64,
        server_cpu_us: tally.cpu.server.map(a_job_us),
        worker_cpu_us: tally.cpu.workers.map(a_job_us),
        events_per_job: tally.events as f64 / done,
        failed: tally.failed,
        memory: system.server.map(memory).transpose()?,
    })
}
