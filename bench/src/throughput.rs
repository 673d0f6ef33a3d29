//! Jobs a second, their latency and their cost, alone or beside the echo server.

use std::time::Duration;

use super::compare::{Comparison, Measurement, in_turn};
use super::load::Load;
use super::options::Options;
use super::report;
use super::system::{System, Workers};

/// How long a measurement takes, unless told otherwise.
const TIME: Duration = Duration::from_secs(5);
/// How long one of several rounds takes, unless told otherwise.
pub(crate) const ROUND_TIME: Duration = Duration::from_secs(2);

/// What is compared with the echo server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gateway {
    Acequia,
    Naive,
}

/// One line of the suite.
#[derive(Clone, Copy)]
struct Case {
    gateway: Gateway,
    /// Whether the echo server has the settings that the library has by default. Those cost it
    /// most where each message comes alone: a large buffer is cleared for each.
    plain_echo: bool,
    packed: bool,
    in_flight: u32,
}

impl Case {
    fn of(options: &Options) -> Self {
        let (gateway, plain_echo) = (Gateway::Acequia, false);
        Self { gateway, plain_echo, packed: options.packed, in_flight: options.in_flight }
    }

    fn name(self) -> String {
        let packing = match self.gateway {
            Gateway::Naive => "a naive gateway",
            Gateway::Acequia if self.packed => "packed",
            Gateway::Acequia => "one message at a time",
        };
        let beside = if self.plain_echo { ", beside a plain echo server" } else { "" };
        format!("{packing}, {} in flight{beside}", self.in_flight)
    }
}

/// Acequia alone.
pub(crate) async fn single(options: &Options) -> anyhow::Result<()> {
    let case = Case::of(options);
    let system = System::acequia(options, workers(options, case)).await?;
    let load = load(options, case.in_flight, TIME);
    let tally = load.run(&system, load.jobs(&options.queue, &load.payload()?)).await?;
    let measured = Measurement::new(&system, &tally)?;
    report::single(options.json, &load, &measured)
}

/// Acequia beside the echo server.
pub(crate) async fn echo(options: &Options) -> anyhow::Result<()> {
    let case = Case::of(options);
    let comparison = compare(options, case).await?;
    report::comparisons(
        options.json,
        &load(options, case.in_flight, ROUND_TIME),
        options.rounds,
        &[comparison],
    )
}

/// The comparison for packed and single messages, and for one job in flight a connection; and what
/// a naive gateway does where it can be compared.
pub(crate) async fn suite(options: &Options) -> anyhow::Result<()> {
    let many = Case::of(options);
    let one = Case { packed: true, in_flight: 1, ..many };
    let cases = [
        Case { packed: true, ..many },
        Case { packed: false, ..many },
        Case { gateway: Gateway::Naive, packed: false, ..many },
        one,
        Case { plain_echo: true, ..one },
        Case { gateway: Gateway::Naive, packed: false, ..one },
    ];
    let mut comparisons = Vec::new();
    for case in cases {
        comparisons.push(compare(options, case).await?);
    }
    report::comparisons(
        options.json,
        &load(options, options.in_flight, ROUND_TIME),
        options.rounds,
        &comparisons,
    )
}

async fn compare(options: &Options, case: Case) -> anyhow::Result<Comparison> {
    let load = load(options, case.in_flight, ROUND_TIME);
    let workers = workers(options, case);
    let (name, mut gateway) = match case.gateway {
        Gateway::Acequia => ("acequia", System::acequia(options, workers).await?),
        Gateway::Naive => ("naive", System::naive(options, workers).await?),
    };
    let mut bare =
        if case.plain_echo { System::plain_echo().await? } else { System::echo().await? };
    let jobs = load.jobs(&options.queue, &load.payload()?);
    let systems = [(&mut bare, load.echoes()?), (&mut gateway, jobs)];
    let measured = in_turn(&load, options.rounds, systems).await?;
    Ok(Comparison { case: case.name(), names: ["echo", name], measured })
}

fn workers(options: &Options, case: Case) -> Workers {
    Workers { packed: case.packed, ..Workers::of(options) }
}

/// The load that the arguments ask for, with so many jobs in flight a connection; for `time`
/// unless they say how long.
pub(crate) fn load(options: &Options, in_flight: u32, time: Duration) -> Load {
    Load {
        connections: options.connections,
        in_flight,
        payload: options.payload,
        encoding: options.encoding,
        warmup: options.warmup,
        time: options.time.unwrap_or(time),
    }
}
