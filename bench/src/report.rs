//! What the bench prints: a table for people, or JSON.

use std::io::Write as _;

use acequia_wire::client::Encoding;
use serde_json::json;

use super::compare::{Comparison, Measurement};
use super::load::Load;

/// Prints to standard output, as one piece.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{}", text.trim_end())?)
}

pub(crate) fn single(as_json: bool, load: &Load, measured: &Measurement) -> anyhow::Result<()> {
    if as_json {
        let report = json!({ "load": describe_json(load), "acequia": measured });
        return print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines = vec![describe(load), String::new(), header(), row("acequia", measured)];
    lines.push(String::new());
    lines.push(format!(
        "p90 {}, max {}, {:.2} events a job, {} failed{}",
        time(measured.p90_us),
        time(measured.max_us),
        measured.events_per_job,
        measured.failed,
        measured
            .memory
            .map(|memory| format!(
                ", server memory {} (peak {})",
                mib(memory.rss_kib),
                mib(memory.peak_kib)
            ))
            .unwrap_or_default(),
    ));
    print(&lines.join("\n"))
}

pub(crate) fn comparisons(
    as_json: bool,
    load: &Load,
    rounds: u32,
    comparisons: &[Comparison],
) -> anyhow::Result<()> {
    if as_json {
        let load = describe_json(load);
        let comparisons: Vec<_> = comparisons.iter().map(Comparison::json).collect();
        let report = json!({ "load": load, "rounds": rounds, "comparisons": comparisons });
        return print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines =
        vec![format!("{}; medians of {rounds} rounds in turn", describe(load)), String::new()];
    lines.push(header());
    lines.extend(comparisons.iter().flat_map(comparison));
    print(&lines.join("\n"))
}

/// The lines of a comparison, below a [`header`].
pub(crate) fn comparison(comparison: &Comparison) -> Vec<String> {
    let mut lines = vec![comparison.case.clone()];
    for (name, measured) in comparison.names.iter().zip(&comparison.measured) {
        lines.push(row(&format!("  {name}"), measured));
    }
    let cpu = comparison.server_cpu_ratio().map(|ratio| format!("{ratio:.2}"));
    let rate = format!("{:.2}", comparison.rate_ratio());
    let cells = [rate, String::new(), String::new(), cpu.unwrap_or_default()];
    lines.push(columns("  ratio", &cells));
    if comparison.failed() > 0 {
        lines.push(format!("  {} jobs failed", comparison.failed()));
    }
    lines
}

pub(crate) fn describe_json(load: &Load) -> serde_json::Value {
    json!({
        "connections": load.connections,
        "in_flight": load.in_flight,
        "payload_bytes": load.payload,
        "encoding": name(load.encoding),
        "seconds": load.time.as_secs_f64(),
        "warmup_s": load.warmup.as_secs_f64(),
    })
}

pub(crate) fn describe(load: &Load) -> String {
    format!(
        "{} connections, {} in flight each, {} bytes, {}, {} s after {} s",
        load.connections,
        load.in_flight,
        load.payload,
        name(load.encoding),
        load.time.as_secs_f64(),
        load.warmup.as_secs_f64(),
    )
}

fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "JSON",
        Encoding::MsgPack => "MessagePack",
    }
}

pub(crate) fn header() -> String {
    let names = ["jobs/s", "p50", "p99", "server CPU/job", "worker CPU/job"];
    columns("", &names.map(str::to_owned))
}

pub(crate) fn row(name: &str, measured: &Measurement) -> String {
    let cpu = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), |us| format!("{us:.1} µs"));
    columns(
        name,
        &[
            format!("{:.0}", measured.jobs_per_s),
            time(measured.p50_us),
            time(measured.p99_us),
            cpu(measured.server_cpu_us),
            cpu(measured.worker_cpu_us),
        ],
    )
}

pub(crate) fn columns(name: &str, cells: &[String]) -> String {
    let mut line = format!("{name:<14}");
    for cell in cells {
        line.push_str(&format!(" {cell:>15}"));
    }
    line
}

/// A time in the unit that suits it.
pub(crate) fn time(us: f64) -> String {
    if us < 1_000.0 { format!("{us:.0} µs") } else { format!("{:.2} ms", us / 1_000.0) }
}

/// Memory in MiB.
#[expect(clippy::cast_precision_loss, reason = "memory of a machine in KiB, far below 2^52")]
pub(crate) fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}
