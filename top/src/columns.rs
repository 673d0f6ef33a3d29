//! What is told of a queue, a worker, a pool and a failure: their columns, and the line beneath.

use acequia_plain::Plain;

use super::list::{Column, Entry, Key, Mood, Width};
use super::text::{ago, count, duration, list, rate};
use super::told::{Failure, Held, Pool, Queue, Recent, Worker};

const fn column<T>(
    title: &'static str,
    width: Width,
    rank: u8,
    cell: fn(&T, u64) -> String,
    key: fn(&T) -> Key<'_>,
) -> Column<T> {
    Column { title, width, rank, cell, key }
}

/// What there is, or a dash.
fn maybe(n: Option<f64>, shown: fn(f64) -> String) -> String {
    n.map_or_else(|| "-".to_owned(), shown)
}

impl Queue {
    fn recent(&self, pick: fn(&Recent) -> Option<f64>) -> Option<f64> {
        self.recent.as_ref().and_then(pick)
    }

    fn done(&self) -> Option<f64> {
        self.recent(|recent| Some(recent.done / recent.seconds.max(1.0)))
    }

    fn failed(&self) -> Option<f64> {
        self.recent(|recent| Some(recent.failed / recent.seconds.max(1.0)))
    }

    /// Whether somebody takes its jobs, if there are any.
    fn is_served(&self) -> bool {
        self.slots > 0 || self.waiting == 0
    }

    /// How long jobs waited, and ran: each the median and the 99th percentile.
    fn times(&self) -> [Option<f64>; 4] {
        [
            self.recent(|recent| recent.waiting_p50_ms),
            self.recent(|recent| recent.waiting_p99_ms),
            self.recent(|recent| recent.running_p50_ms),
            self.recent(|recent| recent.running_p99_ms),
        ]
    }
}

impl Entry for Queue {
    type Id = Plain;
    const COLUMNS: &'static [Column<Self>] = &[
        column(
            "queue",
            Width::Share(10, 1),
            0,
            |q, _| q.queue.to_string(),
            |q| Key::Text(&q.queue),
        ),
        column(
            "state",
            Width::Left(6),
            1,
            |q, _| if q.paused { "paused" } else { "" }.to_owned(),
            |q| Key::count(q.paused.into()),
        ),
        column("wait", Width::Right(5), 0, |q, _| count(q.waiting), |q| Key::count(q.waiting)),
        column("run", Width::Right(5), 0, |q, _| count(q.running), |q| Key::count(q.running)),
        column("delay", Width::Right(5), 2, |q, _| count(q.delayed), |q| Key::count(q.delayed)),
        column(
            "oldest",
            Width::Right(6),
            2,
            |q, _| maybe(q.oldest_ms.map(|ms| ms as f64), duration),
            |q| Key::Number(q.oldest_ms.map(|ms| ms as f64)),
        ),
        column(
            "busy",
            Width::Right(7),
            1,
            |q, _| format!("{}/{}", q.slots_busy, q.slots),
            |q| Key::count(q.slots_busy),
        ),
        column(
            "done/s",
            Width::Right(6),
            1,
            |q, _| maybe(q.done(), rate),
            |q| Key::Number(q.done()),
        ),
        column(
            "fail/s",
            Width::Right(6),
            1,
            |q, _| maybe(q.failed(), rate),
            |q| Key::Number(q.failed()),
        ),
        column(
            "wait p50",
            Width::Right(8),
            4,
            |q, _| maybe(q.times()[0], duration),
            |q| Key::Number(q.times()[0]),
        ),
        column(
            "wait p99",
            Width::Right(8),
            4,
            |q, _| maybe(q.times()[1], duration),
            |q| Key::Number(q.times()[1]),
        ),
        column(
            "run p50",
            Width::Right(7),
            4,
            |q, _| maybe(q.times()[2], duration),
            |q| Key::Number(q.times()[2]),
        ),
        column(
            "run p99",
            Width::Right(7),
            4,
            |q, _| maybe(q.times()[3], duration),
            |q| Key::Number(q.times()[3]),
        ),
        column(
            "dead",
            Width::Right(5),
            2,
            |q, _| count(q.dead_letters),
            |q| Key::count(q.dead_letters),
        ),
    ];

    fn id(&self) -> Plain {
        self.queue.clone()
    }

    fn detail(&self, _: u64) -> String {
        let [w50, w99, r50, r99] = self.times().map(|ms| maybe(ms, duration));
        let slots = if self.is_served() { "" } else { "; no worker serves it" };
        let paused = if self.paused { "; paused: none of its jobs begins" } else { "" };
        format!(
            "{}: waited p50 {w50}, p99 {w99}; ran p50 {r50}, p99 {r99}{slots}{paused}",
            self.queue
        )
    }

    fn mood(&self) -> Mood {
        if self.paused {
            Mood::Held
        } else if self.is_served() {
            Mood::Well
        } else {
            Mood::Bad
        }
    }
}

impl Worker {
    /// Since when it has what it has had for longest.
    fn busy_since(&self) -> Option<u64> {
        self.jobs.iter().map(|run| run.since_ms).min()
    }

    fn first_job(&self) -> Option<&Plain> {
        self.jobs.iter().min_by_key(|run| run.since_ms).map(|run| &run.job)
    }
}

impl Entry for Worker {
    type Id = u64;
    const COLUMNS: &'static [Column<Self>] = &[
        column("worker", Width::Share(10, 1), 0, |w, _| w.name.to_string(), |w| Key::Text(&w.name)),
        column("no.", Width::Right(4), 3, |w, _| w.worker.to_string(), |w| Key::count(w.worker)),
        column(
            "queues",
            Width::Share(10, 1),
            1,
            |w, _| list(&w.queues),
            |w| Key::count(w.queues.len() as u64),
        ),
        column("state", Width::Left(8), 0, |w, _| w.state.to_string(), |w| Key::Text(&w.state)),
        column(
            "busy",
            Width::Right(7),
            0,
            |w, _| format!("{}/{}", w.busy, w.slots),
            |w| Key::count(w.busy),
        ),
        column(
            "held",
            Width::Right(4),
            1,
            |w, _| if w.slots_held > 0 { count(w.slots_held) } else { "-".to_owned() },
            |w| Key::count(w.slots_held),
        ),
        column(
            "job",
            Width::Left(36),
            4,
            |w, _| w.first_job().map_or_else(|| "-".to_owned(), Plain::to_string),
            |w| Key::count(w.jobs.len() as u64),
        ),
        column(
            "for",
            Width::Right(6),
            0,
            |w, now| w.busy_since().map_or_else(|| "-".to_owned(), |since| ago(since, now)),
            // The longest first, who has none last.
            |w| Key::Number(w.busy_since().map(|since| -(since as f64))),
        ),
        column("done", Width::Right(6), 0, |w, _| count(w.done), |w| Key::count(w.done)),
        column("failed", Width::Right(6), 0, |w, _| count(w.failed), |w| Key::count(w.failed)),
        column(
            "here",
            Width::Right(6),
            2,
            |w, now| ago(w.since_ms, now),
            |w| Key::Number(Some(-(w.since_ms as f64))),
        ),
    ];

    fn id(&self) -> u64 {
        self.worker
    }

    fn detail(&self, now_ms: u64) -> String {
        let place = match (&self.address, self.pid) {
            (Some(address), _) => format!(" at {address}"),
            (None, Some(pid)) => format!(", process {pid}"),
            (None, None) => String::new(),
        };
        let mut detail = format!("{} (no. {}){place}", self.name, self.worker);
        for run in &self.jobs {
            let (since, attempt) = (ago(run.since_ms, now_ms), run.attempt);
            detail += &format!("; {} of {} for {since}, run {attempt}", run.job, run.queue);
        }
        for Held { job, since_ms, why } in &self.held {
            let since = ago(*since_ms, now_ms);
            detail += &format!("; a slot is held by {job}, void for {since} ({why})");
        }
        detail
    }

    fn mood(&self) -> Mood {
        match self.state.as_str() {
            "draining" => Mood::Held,
            "silent" => Mood::Bad,
            _ if self.slots_held > 0 => Mood::Bad,
            _ => Mood::Well,
        }
    }
}

impl Entry for Pool {
    type Id = Plain;
    const COLUMNS: &'static [Column<Self>] = &[
        column("pool", Width::Share(10, 1), 0, |p, _| p.pool.to_string(), |p| Key::Text(&p.pool)),
        column(
            "queues",
            Width::Share(10, 1),
            1,
            |p, _| list(&p.queues),
            |p| Key::count(p.queues.len() as u64),
        ),
        column("min", Width::Right(4), 0, |p, _| p.min.to_string(), |p| Key::count(p.min.into())),
        column("max", Width::Right(4), 0, |p, _| p.max.to_string(), |p| Key::count(p.max.into())),
        column("there", Width::Right(5), 0, |p, _| count(p.processes), |p| Key::count(p.processes)),
        column("start", Width::Right(5), 1, |p, _| count(p.starting), |p| Key::count(p.starting)),
        column("stop", Width::Right(5), 1, |p, _| count(p.stopping), |p| Key::count(p.stopping)),
        column("host", Width::Share(8, 1), 3, |p, _| p.host.to_string(), |p| Key::Text(&p.host)),
        column(
            "failing",
            Width::Share(10, 2),
            2,
            |p, _| p.failing.as_ref().map_or_else(String::new, Plain::to_string),
            |p| Key::count(p.failing.is_some().into()),
        ),
    ];

    fn id(&self) -> Plain {
        self.pool.clone()
    }

    fn detail(&self, _: u64) -> String {
        let failing = self.failing.as_ref().map(|why| format!("; it fails: {why}"));
        let (pool, pid, host) = (&self.pool, self.pid, &self.host);
        format!("{pool}: process {pid} on {host}{}", failing.unwrap_or_default())
    }

    fn mood(&self) -> Mood {
        if self.failing.is_some() { Mood::Bad } else { Mood::Well }
    }
}

impl Entry for Failure {
    type Id = Plain;
    const COLUMNS: &'static [Column<Self>] = &[
        column(
            "ago",
            Width::Right(6),
            0,
            |f, now| ago(f.failed_ms, now),
            |f| Key::count(f.failed_ms),
        ),
        column(
            "queue",
            Width::Share(10, 1),
            0,
            |f, _| f.queue.to_string(),
            |f| Key::Text(&f.queue),
        ),
        column("code", Width::Share(12, 1), 0, |f, _| f.code.to_string(), |f| Key::Text(&f.code)),
        column("run", Width::Right(3), 2, |f, _| f.attempt.to_string(), |f| Key::count(f.attempt)),
        column("job", Width::Left(36), 3, |f, _| f.job.to_string(), |f| Key::Text(&f.job)),
        column(
            "message",
            Width::Share(20, 4),
            0,
            |f, _| f.message.to_string(),
            |f| Key::Text(&f.message),
        ),
    ];

    fn id(&self) -> Plain {
        self.job.clone()
    }

    fn detail(&self, _: u64) -> String {
        let Self { job, queue, code, message, attempt, .. } = self;
        format!("{job} of {queue}, run {attempt}: {code}: {message}")
    }
}
