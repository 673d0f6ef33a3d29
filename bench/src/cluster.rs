//! What doors cost, and what they save: an owner whose clients are all at one door and whose workers are all
//! at another, beside one server that has both.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::aim::{self, Aim};
use super::compare::{Comparison, in_turn};
use super::load::Load;
use super::options::Options;
use super::report;
use super::system::{System, Workers};
use super::throughput;

/// The owner's CPU for a job beside that of one server, with many in flight.
const CPU_MAX: f64 = 0.5;
/// What two more hops may add to a job that travels alone, in microseconds.
const ADDED_US_MAX: f64 = 150.0;

/// The token of a cluster of the bench's own, as a file that is gone with this.
struct Token(PathBuf);

impl Token {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("acequia-bench-token-{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path)?;
        let token = Self(path);
        file.set_permissions(Permissions::from_mode(0o600))?;
        // It is for processes of this bench, which listen on this machine alone.
        let word: u128 = u128::from(std::process::id()) ^ now_ns();
        file.write_all(format!("{word:064x}").as_bytes())?;
        Ok(token)
    }

    fn path(&self) -> anyhow::Result<&str> {
        self.0.to_str().context("the path of temporary files is not UTF-8")
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

fn now_ns() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos())
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let token = Token::make()?;
    let many = throughput::load(options, options.in_flight, throughput::ROUND_TIME);
    let alone = Load { connections: 1, in_flight: 1, ..many.clone() };
    let mut comparisons = Vec::new();
    for load in [&many, &alone] {
        comparisons.push(compare(options, load, token.path()?).await?);
    }
    print(options, &[many, alone], &comparisons)
}

async fn compare(options: &Options, load: &Load, token: &str) -> anyhow::Result<Comparison> {
    let workers = Workers::of(options);
    let flags = ["--journal", &options.journal];
    let mut one = System::own(options, &flags, workers).await?;
    let mut cluster = System::behind_doors(options, &flags, token, workers).await?;
    let jobs = load.jobs(&options.queue, &load.payload()?);
    let systems = [(&mut one, jobs.clone()), (&mut cluster, jobs)];
    let measured = in_turn(load, options.rounds, systems).await?;
    let case = format!("{} in flight", load.connections * load.in_flight);
    Ok(Comparison { case, names: ["one server", "doors"], measured })
}

fn aims([many, alone]: &[Comparison; 2]) -> Vec<Aim> {
    let mut aims = Vec::new();
    if let Some(cpu) = many.server_cpu_ratio() {
        aims.push(Aim::at_most("the owner's CPU a job, beside that of one server", cpu, CPU_MAX));
    }
    aims.push(Aim::none("jobs a second, beside one server", many.rate_ratio()));
    let [one, doors] = &alone.measured;
    let added = doors.p50_us - one.p50_us;
    aims.push(Aim::at_most("added to a job that travels alone, at p50 (µs)", added, ADDED_US_MAX));
    aims
}

fn print(options: &Options, loads: &[Load; 2], comparisons: &[Comparison]) -> anyhow::Result<()> {
    let Ok(comparisons) = <&[Comparison; 2]>::try_from(comparisons) else { return Ok(()) };
    let aims = aims(comparisons);
    if options.json {
        let cases = comparisons.iter().zip(loads).map(|(comparison, load)| {
            let mut json = comparison.json();
            json["load"] = report::describe_json(load);
            json
        });
        let cases: Vec<Value> = cases.collect();
        let report = json!({ "rounds": options.rounds, "cases": cases, "aims": aims });
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines = vec![
        format!(
            "One server beside an owner with all clients at one door and all workers at another; medians of \
             {} rounds in turn, {} bytes. CPU is that of the server, and of the owner",
            options.rounds, options.payload
        ),
        String::new(),
        report::header(),
    ];
    lines.extend(comparisons.iter().flat_map(report::comparison));
    lines.push(String::new());
    lines.extend(aim::lines(&aims));
    report::print(&lines.join("\n"))
}
