//! Measurements, and systems that are measured in turn.

use acequia_client::Frame;
use anyhow::ensure;
use serde::Serialize;
use serde_json::{Value, json};

use super::load::{Load, Tally};
use super::process::{Memory, memory};
use super::system::System;

/// One measurement, or the medians of several.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    pub(crate) jobs_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p90_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) max_us: f64,
    /// CPU time of the server for each job, in microseconds.
    pub(crate) server_cpu_us: Option<f64>,
    /// The same of the workers.
    pub(crate) worker_cpu_us: Option<f64>,
    pub(crate) events_per_job: f64,
    /// Jobs whose clients were told that they are durable, of all; the others ended sooner.
    pub(crate) accepted_per_job: f64,
    pub(crate) failed: u64,
    /// Jobs that the server ended, of this load and any other.
    pub(crate) ended_per_s: Option<f64>,
    /// Syncs of the journal to its disk.
    pub(crate) syncs_per_s: Option<f64>,
    /// The server's, at the end.
    pub(crate) memory: Option<Memory>,
}

impl Measurement {
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds, far below 2^52")]
    pub(crate) fn new(system: &System, tally: &Tally) -> anyhow::Result<Self> {
        ensure!(tally.done > 0, "no job was done while measuring; {} failed", tally.failed);
        let done = tally.done as f64;
        let seconds = tally.used.time.as_secs_f64();
        let a_job_us = |cpu: std::time::Duration| cpu.as_secs_f64() * 1e6 / done;
        let quantile = |q| tally.latency.value_at_quantile(q) as f64;
        Ok(Self {
            jobs_per_s: done / seconds,
            p50_us: quantile(0.50),
            p90_us: quantile(0.90),
            p99_us: quantile(0.99),
            max_us: tally.latency.max() as f64,
            server_cpu_us: tally.used.server_cpu.map(a_job_us),
            worker_cpu_us: tally.used.worker_cpu.map(a_job_us),
            events_per_job: tally.events as f64 / done,
            accepted_per_job: tally.accepted as f64 / done,
            failed: tally.failed,
            ended_per_s: tally.used.ended.map(|ended| ended / seconds),
            syncs_per_s: tally.used.syncs.map(|syncs| syncs / seconds),
            memory: system.server.map(memory).transpose()?,
        })
    }

    pub(crate) fn medians(rounds: &[Self]) -> Self {
        let of = |field: fn(&Self) -> f64| median(rounds.iter().map(field).collect());
        let maybe = |field: fn(&Self) -> Option<f64>| {
            rounds.iter().map(field).collect::<Option<Vec<f64>>>().map(median)
        };
        Self {
            jobs_per_s: of(|m| m.jobs_per_s),
            p50_us: of(|m| m.p50_us),
            p90_us: of(|m| m.p90_us),
            p99_us: of(|m| m.p99_us),
            max_us: of(|m| m.max_us),
            server_cpu_us: maybe(|m| m.server_cpu_us),
            worker_cpu_us: maybe(|m| m.worker_cpu_us),
            events_per_job: of(|m| m.events_per_job),
            accepted_per_job: of(|m| m.accepted_per_job),
            failed: rounds.iter().map(|m| m.failed).sum(),
            ended_per_s: maybe(|m| m.ended_per_s),
            syncs_per_s: maybe(|m| m.syncs_per_s),
            memory: rounds.last().and_then(|m| m.memory),
        }
    }
}

/// Loads these systems in turn, since what else the machine does changes by the second, each with
/// its own messages. Returns the medians of each.
pub(crate) async fn in_turn<const N: usize>(
    load: &Load,
    rounds: u32,
    mut systems: [(&mut System, Vec<Frame>); N],
) -> anyhow::Result<[Measurement; N]> {
    let mut measured: [Vec<Measurement>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..rounds {
        for ((system, frames), measured) in systems.iter_mut().zip(&mut measured) {
            system.release().await?;
            let tally = load.run(system, frames.clone()).await?;
            system.hold().await?;
            measured.push(Measurement::new(system, &tally)?);
        }
    }
    Ok(measured.map(|rounds| Measurement::medians(&rounds)))
}

/// Two systems under the same load: one to compare with, and one that is compared.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) case: String,
    pub(crate) names: [&'static str; 2],
    pub(crate) measured: [Measurement; 2],
}

impl Comparison {
    /// The second's jobs a second over the first's.
    pub(crate) fn rate_ratio(&self) -> f64 {
        let [first, second] = &self.measured;
        second.jobs_per_s / first.jobs_per_s
    }

    /// The second server's CPU for a job over the first's.
    pub(crate) fn server_cpu_ratio(&self) -> Option<f64> {
        let [first, second] = &self.measured;
        Some(second.server_cpu_us? / first.server_cpu_us?)
    }

    pub(crate) fn failed(&self) -> u64 {
        self.measured.iter().map(|measured| measured.failed).sum()
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "case": self.case,
            (self.names[0]): self.measured[0],
            (self.names[1]): self.measured[1],
            "rate_ratio": self.rate_ratio(),
            "server_cpu_ratio": self.server_cpu_ratio(),
        })
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
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (sorted.len() as f64 * q).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
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
