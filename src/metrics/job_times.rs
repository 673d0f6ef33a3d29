//! How long the jobs of all queues took, and groups of the journal, as text for Prometheus.

use super::times::{Times, describe};

/// In the order of the times of a queue.
const HISTOGRAMS: [(&str, &str); 3] = [
    ("acequia_job_waiting_seconds", "From when a job could run until it did."),
    ("acequia_job_running_seconds", "From the dispatch of a job to its worker's word."),
    ("acequia_job_round_trip_seconds", "From the submit of a job to its outcome."),
];

const GROUPS: (&str, &str) = (
    "acequia_journal_group_seconds",
    "From when a group of records was handed over until it was durable.",
);

/// The times of each sort by queue, and those of the journal, as they were at one moment.
#[derive(Debug, Default)]
pub(crate) struct JobTimes {
    pub(super) queues: [Vec<(Box<str>, Times)>; HISTOGRAMS.len()],
    /// None where there is no journal.
    pub(super) groups: Option<Times>,
}

impl JobTimes {
    /// Appends them to what else is told.
    pub(crate) fn write(&self, out: &mut String) {
        for ((name, help), queues) in HISTOGRAMS.into_iter().zip(&self.queues) {
            describe(out, name, help);
            for (queue, times) in queues {
                times.write(out, name, queue);
            }
        }
        if let Some(groups) = &self.groups {
            let (name, help) = GROUPS;
            describe(out, name, help);
            groups.write_with(out, name, "");
        }
    }
}
