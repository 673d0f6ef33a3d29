//! What the bench prints: a table for people, or JSON.

use std::io::Write as _;

use acequia_wire::client::Encoding;
use serde::Serialize;
use serde_json::json;

use super::load::Load;
use super::process::Memory;

/// One measurement, or the medians of several.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measurement {
    pub(super) jobs_per_s: f64,
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
    pub(super) p99_us: f64,
    pub(super) max_us: f64,
    /// CPU time of the server for each job, in microseconds.
    pub(super) server_cpu_us: Option<f64>,
    /// The same of the workers.
    pub(super) worker_cpu_us: Option<f64>,
    pub(super) events_per_job: f64,
    pub(super) failed: u64,
    /// The server's, at the end.
    pub(super) memory: Option<Memory>,
}

/// Acequia beside the echo server under the same load.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    pub(super) case: String,
    pub(super) echo: Measurement,
    pub(super) acequia: Measurement,
    /// Jobs a second over echoes a second.
    pub(super) rate_ratio: f64,
    /// The server's CPU for a job over that for an echo.
    pub(super) server_cpu_ratio: Option<f64>,
}

impl Comparison {
    /// Compares the medians of rounds that were run in turn.
    pub(super) fn new(case: String, echo: &[Measurement], acequia: &[Measurement]) -> Self {
        let (echo, acequia) = (medians(echo), medians(acequia));
        Self {
            case,
            rate_ratio: acequia.jobs_per_s / echo.jobs_per_s,
            server_cpu_ratio: acequia.server_cpu_us.zip(echo.server_cpu_us).map(|(a, e)| a / e),
            echo,
            acequia,
        }
    }
}

fn medians(rounds: &[Measurement]) -> Measurement {
    let of = |field: fn(&Measurement) -> f64| median(rounds.iter().map(field).collect());
    let maybe = |field: fn(&Measurement) -> Option<f64>| {
        rounds.iter().map(field).collect::<Option<Vec<f64>>>().map(median)
    };
    Measurement {
        jobs_per_s: of(|m| m.jobs_per_s),
        p50_us: of(|m| m.p50_us),
        p90_us: of(|m| m.p90_us),
        p99_us: of(|m| m.p99_us),
        max_us: of(|m| m.max_us),
        server_cpu_us: maybe(|m| m.server_cpu_us),
        worker_cpu_us: maybe(|m| m.worker_cpu_us),
        events_per_job: of(|m| m.events_per_job),
        failed: rounds.iter().map(|m| m.failed).sum(),
        memory: rounds.last().and_then(|m| m.memory),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len().is_multiple_of(2)) {
        (Some(upper), true) => f64::midpoint(values[middle - 1], *upper),
        (Some(middle), false) => *middle,
        (None, _) => f64::NAN,
    }
}

/// A quantile, from 0 to 1, of values that are sorted.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "an index into what is in memory"
)]
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (sorted.len() as f64 * q).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// Prints to standard output, as one piece.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{}", text.trim_end())?)
}

pub(super) fn single(as_json: bool, load: &Load, measured: &Measurement) -> anyhow::Result<()> {
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

pub(super) fn comparisons(
    as_json: bool,
    load: &Load,
    rounds: u32,
    comparisons: &[Comparison],
) -> anyhow::Result<()> {
    if as_json {
        let load = describe_json(load);
        let report = json!({ "load": load, "rounds": rounds, "comparisons": comparisons });
        return print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines =
        vec![format!("{}; medians of {rounds} rounds in turn", describe(load)), String::new()];
    lines.push(header());
    for comparison in comparisons {
        lines.push(comparison.case.clone());
        lines.push(row("  echo", &comparison.echo));
        lines.push(row("  acequia", &comparison.acequia));
        let cpu = comparison.server_cpu_ratio.map(|ratio| format!("{ratio:.2}"));
        lines.push(columns(
            "  ratio",
            &[
                format!("{:.2}", comparison.rate_ratio),
                String::new(),
                String::new(),
                cpu.unwrap_or_default(),
            ],
        ));
        if comparison.acequia.failed + comparison.echo.failed > 0 {
            lines.push(format!("  {} jobs failed", comparison.acequia.failed));
        }
    }
    print(&lines.join("\n"))
}

fn describe_json(load: &Load) -> serde_json::Value {
    json!({
        "connections": load.connections,
        "in_flight": load.in_flight,
        "payload_bytes": load.payload,
        "encoding": name(load.encoding),
        "seconds": load.time.as_secs_f64(),
        "warmup_s": load.warmup.as_secs_f64(),
    })
}

fn describe(load: &Load) -> String {
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

fn header() -> String {
    let names = ["jobs/s", "p50", "p99", "server CPU/job", "worker CPU/job"];
    columns("", &names.map(str::to_owned))
}

fn row(name: &str, measured: &Measurement) -> String {
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

fn columns(name: &str, cells: &[String]) -> String {
    let mut line = format!("{name:<12}");
    for cell in cells {
        line.push_str(&format!(" {cell:>15}"));
    }
    line
}

/// A time in the unit that suits it.
pub(super) fn time(us: f64) -> String {
    if us < 1_000.0 { format!("{us:.0} µs") } else { format!("{:.2} ms", us / 1_000.0) }
}

/// Memory in MiB.
#[expect(clippy::cast_precision_loss, reason = "memory of a machine in KiB, far below 2^52")]
pub(super) fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_quantiles() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((quantile(&hundred, 0.99) - 99.0).abs() < f64::EPSILON);
        assert!((quantile(&hundred, 0.50) - 50.0).abs() < f64::EPSILON);
        assert!((quantile(&hundred, 1.0) - 100.0).abs() < f64::EPSILON);
    }
}
