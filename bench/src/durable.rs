//! What a journal costs: a server that keeps its jobs in a file beside a server that does not; or one that
//! keeps them in PostgreSQL beside one that does so in a file.

use std::fs;
use std::path::{Path, PathBuf};

use acequia_wire::Payload;
use anyhow::Context as _;
use serde_json::{Value, json};

use super::aim::{self, Aim};
use super::compare::{Comparison, in_turn};
use super::jobs::number;
use super::load::Load;
use super::options::Options;
use super::report;
use super::role::Role;
use super::system::{System, Workers};
use super::throughput;

/// Longer than it takes until a job is durable on most disks, so that nearly each is written.
const JOB_MS: u64 = 20;
/// How much more the last case has in flight, in connections and for each.
const MORE_CONNECTIONS: u32 = 2;
const MORE_IN_FLIGHT: u32 = 4;
/// The rate beside that of a server without a journal; and in PostgreSQL beside one with a file.
const AIM_AT_ONCE: f64 = 0.8;
const AIM_WRITTEN: f64 = 0.5;

/// How a URL of PostgreSQL begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// One load of both servers.
struct Case {
    job_ms: Option<u64>,
    load: Load,
    aim: f64,
}

/// What came of it.
struct Outcome {
    case: Case,
    comparison: Comparison,
    /// What keeps the jobs that are compared.
    kept: &'static str,
}

/// The folder of the journals: on the disk that a journal would be on, and gone with this.
struct Folder(PathBuf);

impl Folder {
    fn beside(journal: &str) -> anyhow::Result<Self> {
        let parent = match Path::new(journal).parent() {
            Some(parent) if journal != "none" && !is_database(journal) => parent,
            _ => Path::new(""),
        };
        let folder = parent.join(format!(".acequia-bench-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    fn journal(&self, nth: usize) -> anyhow::Result<String> {
        let file = self.0.join(format!("{nth}.redb"));
        file.into_os_string().into_string().ok().context("the journal's path is not UTF-8")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "{} stays behind", self.0.display());
        }
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let folder = Folder::beside(&options.journal)?;
    let mut outcomes = Vec::new();
    for (nth, case) in cases(options)?.into_iter().enumerate() {
        let file = folder.journal(nth)?;
        let outcome = if is_database(&options.journal) {
            // Nobody else's: what is left there of an earlier one is not to be read.
            let name = format!("bench-{}-{nth}", std::process::id());
            let flags = ["--journal", &options.journal, "--cluster-name", &name];
            compare(options, case, ("file", &["--journal", &file]), ("PostgreSQL", &flags)).await?
        } else {
            let flags = ["--journal", &file];
            compare(options, case, ("memory", &["--journal", "none"]), ("journal", &flags)).await?
        };
        outcomes.push(outcome);
    }
    print(options, &outcomes)
}

fn is_database(journal: &str) -> bool {
    SCHEMES.iter().any(|scheme| journal.starts_with(scheme))
}

fn cases(options: &Options) -> anyhow::Result<[Case; 3]> {
    let load = throughput::load(options, options.in_flight, throughput::ROUND_TIME);
    let more = Load {
        connections: load.connections * MORE_CONNECTIONS,
        in_flight: load.in_flight * MORE_IN_FLIGHT,
        ..load.clone()
    };
    Ok([
        Case { job_ms: None, load: load.clone(), aim: AIM_AT_ONCE },
        Case { job_ms: Some(JOB_MS), load, aim: AIM_WRITTEN },
        Case { job_ms: Some(JOB_MS), load: more, aim: AIM_WRITTEN },
    ])
}

/// Two servers by their names, started with these flags.
async fn compare(
    options: &Options,
    case: Case,
    (before, flags_before): (&'static str, &[&str]),
    (kept, flags): (&'static str, &[&str]),
) -> anyhow::Result<Outcome> {
    let workers = Workers {
        role: if case.job_ms.is_some() { Role::Sleeper } else { Role::Worker },
        count: 1,
        slots: case.in_flight(),
        packed: options.packed,
        together: false,
    };
    let mut memory = System::own(options, flags_before, workers).await?;
    let mut disk = System::own(options, flags, workers).await?;
    let jobs = case.load.jobs(&options.queue, &case.payload()?);
    let systems = [(&mut memory, jobs.clone()), (&mut disk, jobs)];
    let measured = in_turn(&case.load, options.rounds, systems).await?;
    let comparison = Comparison { case: case.name(), names: [before, kept], measured };
    Ok(Outcome { case, comparison, kept })
}

impl Case {
    fn in_flight(&self) -> u32 {
        self.load.connections * self.load.in_flight
    }

    fn payload(&self) -> anyhow::Result<Payload> {
        match self.job_ms {
            Some(ms) => number(ms, self.load.encoding),
            None => self.load.payload(),
        }
    }

    fn name(&self) -> String {
        let work = self.job_ms.map_or("at once".to_owned(), |ms| format!("in {ms} ms"));
        format!("jobs that end {work}, {} in flight", self.in_flight())
    }

    /// The most jobs a second that such jobs allow.
    #[expect(clippy::cast_precision_loss, reason = "20")]
    fn jobs_per_s_max(&self) -> Option<f64> {
        self.job_ms.map(|ms| f64::from(self.in_flight()) * 1000.0 / ms as f64)
    }
}

impl Outcome {
    fn aims(&self) -> Vec<Aim> {
        let [_, journal] = &self.comparison.measured;
        let name = self.case.name();
        let rate = self.comparison.rate_ratio();
        let mut aims = vec![Aim::at_least(format!("{name}: rate"), rate, self.case.aim)];
        if let Some(cpu) = self.comparison.server_cpu_ratio() {
            aims.push(Aim::none(format!("{name}: server CPU"), cpu));
        }
        if self.case.job_ms.is_some() {
            let accepted = journal.accepted_per_job;
            aims.push(Aim::none(format!("{name}: share that was accepted"), accepted));
        }
        aims
    }

    fn json(&self) -> Value {
        let mut json = self.comparison.json();
        json["load"] = report::describe_json(&self.case.load);
        json["job_ms"] = json!(self.case.job_ms);
        json["jobs_per_s_max"] = json!(self.case.jobs_per_s_max());
        json
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = report::comparison(&self.comparison);
        let [_, journal] = &self.comparison.measured;
        lines.push(format!(
            "  with the {} {:.0} syncs a second; {:.2} of the jobs were durable, and accepted, \
             before they ended",
            self.kept,
            journal.syncs_per_s.unwrap_or_default(),
            journal.accepted_per_job,
        ));
        if let Some(max) = self.case.jobs_per_s_max() {
            lines.push(format!("  such jobs allow {max:.0} jobs/s, whatever the server does"));
        }
        lines.push(String::new());
        lines
    }
}

fn print(options: &Options, outcomes: &[Outcome]) -> anyhow::Result<()> {
    let aims: Vec<Aim> = outcomes.iter().flat_map(Outcome::aims).collect();
    if options.json {
        let cases: Vec<Value> = outcomes.iter().map(Outcome::json).collect();
        let report = json!({ "rounds": options.rounds, "cases": cases, "aims": aims });
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    let (before, kept) = if is_database(&options.journal) {
        ("a journal in a file", "its journal in PostgreSQL")
    } else {
        ("none", "a journal")
    };
    let mut lines = vec![
        format!(
            "A server with {} beside one with {}; medians of {} rounds in turn, {} bytes where jobs \
             end at once",
            kept, before, options.rounds, options.payload
        ),
        "A job that ends before its record is synced need not be written: that is the first case."
            .to_owned(),
        format!(
            "Those that take {JOB_MS} ms are; what that costs, the case with most in flight tells."
        ),
        String::new(),
        report::header(),
    ];
    lines.extend(outcomes.iter().flat_map(Outcome::lines));
    lines.extend(aim::lines(&aims));
    report::print(&lines.join("\n"))
}
