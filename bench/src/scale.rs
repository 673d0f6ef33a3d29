//! What a server does when there is much of something: waiting jobs, workers, clients.

mod backlog;
mod clients;
mod crowd;
mod part;
mod workers;

use serde_json::{Map, Value, json};

use self::part::Part;
use super::aim;
use super::options::Options;
use super::process::allow_files;
use super::report;

/// Files that a process opens beside those that are many.
const OTHER_FILES: u64 = 256;
/// Files that a server opens for a worker.
const FILES_PER_WORKER: u64 = 6;

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let sizes = &options.sizes;
    let files = u64::from(sizes.many_clients).max(u64::from(sizes.many_workers) * FILES_PER_WORKER);
    // Before a server is started, which gets the same limit.
    allow_files(files + OTHER_FILES)?;
    let parts =
        [backlog::run(options).await?, workers::run(options).await?, clients::run(options).await?];
    print(options.json, &parts)
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
