//! How long things took: a histogram in Prometheus' sense, kept by the one task that measures.
//!
//! The recorder's own histograms are for many tasks: they keep each sample until somebody folds it
//! into its bucket, which for three samples a job was most of what metrics cost.

use std::fmt::Write as _;
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds and as they are written: from a fraction of a
/// round trip to minutes of CPU.
const BOUNDS: [(u64, &str); 19] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
    (60_000_000, "60"),
    (300_000_000, "300"),
];

/// A whole number of microseconds, without the division of a wide one.
pub(super) fn micros(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000) + u64::from(time.subsec_micros())
}

/// Times by bucket, the last being that of what is longer than all bounds.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    counts: [u64; BOUNDS.len() + 1],
    sum_us: u64,
}

impl Times {
    pub(super) fn record(&mut self, micros: u64) {
        self.counts[BOUNDS.partition_point(|(bound, _)| *bound < micros)] += 1;
        self.sum_us = self.sum_us.wrapping_add(micros);
    }

    /// Appends the samples of one queue.
    pub(super) fn write(&self, out: &mut String, name: &str, queue: &str) {
        self.write_with(out, name, &format!("queue=\"{queue}\""));
    }

    /// Appends the samples with this label, or none.
    #[expect(clippy::cast_precision_loss, reason = "a sum is a double")]
    pub(super) fn write_with(&self, out: &mut String, name: &str, label: &str) {
        let comma = if label.is_empty() { "" } else { "," };
        let mut count = 0;
        let bounds = BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"]);
        for (bound, more) in bounds.zip(self.counts) {
            count += more;
            _ = writeln!(out, "{name}_bucket{{{label}{comma}le=\"{bound}\"}} {count}");
        }
        let seconds = self.sum_us as f64 / 1e6;
        let label = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
        _ = writeln!(out, "{name}_sum{label} {seconds}");
        _ = writeln!(out, "{name}_count{label} {count}");
    }
}

/// Appends what the samples of a metric begin with.
pub(super) fn describe(out: &mut String, name: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_go_up_and_are_written_as_they_are() {
        assert!(BOUNDS.is_sorted());
        for (micros, text) in BOUNDS {
            let seconds: f64 = text.parse().expect("a number");
            assert_eq!(Duration::from_secs_f64(seconds), Duration::from_micros(micros));
        }
    }

    #[test]
    fn a_time_is_in_the_bucket_of_its_bound() {
        let mut times = Times::default();
        for micros in [0, 100, 101, 300_000_000, 300_000_001] {
            times.record(micros);
        }
        let mut text = String::new();
        times.write(&mut text, "t_seconds", "q");
        let of = |le: &str| {
            let line = format!("t_seconds_bucket{{queue=\"q\",le=\"{le}\"}} ");
            text.lines().find_map(|of| of.strip_prefix(&line)).map(str::to_owned)
        };
        assert_eq!(of("0.0001").as_deref(), Some("2"));
        assert_eq!(of("0.00025").as_deref(), Some("3"));
        assert_eq!(of("300").as_deref(), Some("4"));
        assert_eq!(of("+Inf").as_deref(), Some("5"));
        assert!(text.contains("t_seconds_count{queue=\"q\"} 5\n"));
        assert!(text.contains("t_seconds_sum{queue=\"q\"} 600.000202\n"), "{text}");
    }
}
