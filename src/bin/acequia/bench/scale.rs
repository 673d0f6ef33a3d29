//! What a server does when there is much of something: waiting jobs, workers, clients.

mod backlog;
mod clients;
mod crowd;
mod workers;

use serde_json::{Map, Value, json};

use super::Args;
use super::aim::{self, Aim};
use super::process::allow_files;
use super::report;

/// Files that a process opens beside those that are many.
const OTHER_FILES: u64 = 256;
/// Files that a server opens for a worker.
const FILES_PER_WORKER: u64 = 6;

/// How much of each there is.
#[derive(clap::Args)]
pub(super) struct Sizes {
    /// With --scale: jobs that wait while others are run, and whose memory is measured
    #[arg(long, default_value_t = 1_000_000, value_parser = super::at_least_one(), value_name = "N")]
    backlog: u32,

    /// With --scale: workers that are connected
    #[arg(long, default_value_t = 1_000, value_parser = super::at_least_one(), value_name = "N")]
    many_workers: u32,

    /// With --scale: clients with a job each, beside one with ten jobs for each of theirs
    #[arg(long, default_value_t = 10_000, value_parser = super::at_least_one(), value_name = "N")]
    many_clients: u32,
}

/// What came of one part.
struct Part {
    /// Its key in JSON.
    key: &'static str,
    json: Value,
    /// What was done, and what else is to be known, for people.
    lines: Vec<String>,
    aims: Vec<Aim>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let sizes = &args.sizes;
    let files = u64::from(sizes.many_clients).max(u64::from(sizes.many_workers) * FILES_PER_WORKER);
    // Before a server is started, which gets the same limit.
    allow_files(files + OTHER_FILES)?;
    let parts = [backlog::run(args).await?, workers::run(args).await?, clients::run(args).await?];
    print(args.json, &parts)
}

fn print(as_json: bool, parts: &[Part]) -> anyhow::Result<()> {
    if as_json {
        let part = |part: &Part| {
            let mut json = part.json.clone();
            json["aims"] = json!(part.aims);
            (part.key.to_owned(), json)
        };
        let report: Map<String, Value> = parts.iter().map(part).collect();
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(part.lines.iter().cloned());
        lines.extend(aim::lines(&part.aims));
        lines.push(String::new());
    }
    report::print(&lines.join("\n"))
}
