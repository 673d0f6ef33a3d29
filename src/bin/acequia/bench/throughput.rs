//! Jobs a second, their latency and their cost, alone or beside the echo server.

use super::Args;
use super::compare::{Comparison, Measurement, in_turn};
use super::load::Load;
use super::report;
use super::roles::Role;
use super::system::{System, Workers};

/// Seconds of a measurement, unless told otherwise.
const SECONDS: f64 = 5.0;
/// Seconds of one of several rounds, unless told otherwise.
pub(super) const ROUND_SECONDS: f64 = 2.0;

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
    fn of(args: &Args) -> Self {
        let (gateway, plain_echo) = (Gateway::Acequia, false);
        Self { gateway, plain_echo, packed: !args.no_pack, in_flight: args.in_flight }
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
pub(super) async fn single(args: &Args) -> anyhow::Result<()> {
    let case = Case::of(args);
    let system = System::acequia(args, workers(args, case)).await?;
    let load = load(args, case.in_flight, SECONDS)?;
    let tally = load.run(&system, load.jobs(&args.queue, &load.payload()?)).await?;
    let measured = Measurement::new(&system, &tally)?;
    report::single(args.json, &load, &measured)
}

/// Acequia beside the echo server.
pub(super) async fn echo(args: &Args) -> anyhow::Result<()> {
    let case = Case::of(args);
    let comparison = compare(args, case).await?;
    report::comparisons(
        args.json,
        &load(args, case.in_flight, ROUND_SECONDS)?,
        args.rounds,
        &[comparison],
    )
}

/// The comparison for packed and single messages, and for one job in flight a connection; and what
/// a naive gateway does where it can be compared.
pub(super) async fn suite(args: &Args) -> anyhow::Result<()> {
    let many = Case::of(args);
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
        comparisons.push(compare(args, case).await?);
    }
    report::comparisons(
        args.json,
        &load(args, args.in_flight, ROUND_SECONDS)?,
        args.rounds,
        &comparisons,
    )
}

async fn compare(args: &Args, case: Case) -> anyhow::Result<Comparison> {
    let load = load(args, case.in_flight, ROUND_SECONDS)?;
    let workers = workers(args, case);
    let (name, mut gateway) = match case.gateway {
        Gateway::Acequia => ("acequia", System::acequia(args, workers).await?),
        Gateway::Naive => ("naive", System::naive(args, workers).await?),
    };
    let mut bare =
        if case.plain_echo { System::plain_echo().await? } else { System::echo().await? };
    let jobs = load.jobs(&args.queue, &load.payload()?);
    let systems = [(&mut bare, load.echoes()?), (&mut gateway, jobs)];
    let measured = in_turn(&load, args.rounds, systems).await?;
    Ok(Comparison { case: case.name(), names: ["echo", name], measured })
}

fn workers(args: &Args, case: Case) -> Workers {
    Workers {
        role: Role::Worker,
        count: args.workers,
        slots: args.slots,
        packed: case.packed,
        together: false,
    }
}

/// The load that the arguments ask for, with so many jobs in flight a connection; `seconds` unless
/// they say how long.
pub(super) fn load(args: &Args, in_flight: u32, seconds: f64) -> anyhow::Result<Load> {
    Ok(Load {
        connections: args.connections,
        in_flight,
        payload: args.payload,
        encoding: args.encoding(),
        warmup: args.warmup()?,
        time: args.time(seconds)?,
    })
}
