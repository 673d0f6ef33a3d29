//! The last ten minutes in numbers, for whoever opens the dashboard: in memory that does not grow
//! with what happens.

use std::collections::VecDeque;
use std::time::Duration;

use acequia_scheduler::Outcome;
use hdrhistogram::Histogram;
use serde::Serialize;
use utoipa::ToSchema;

/// What one point is about.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// How many points are kept: ten minutes.
const POINTS: usize = 300;
/// How many of them are recent.
const RECENT_POINTS: usize = 5;

/// Microseconds that the histograms count by.
const UNIT: u64 = 10;
/// What is longer than an hour counts as an hour.
const LONGEST: u64 = 60 * 60 * 1_000_000 / UNIT;
/// Decimal places that count: an error of a sixteenth at most.
const PLACES: u8 = 1;

/// What happened in an interval, and what was at its end.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Point {
    submitted: u32,
    done: u32,
    failed: u32,
    cancelled: u32,
    waiting: u32,
    running: u32,
    /// Milliseconds; `None` if nothing began.
    waiting_p50_ms: Option<f32>,
    waiting_p99_ms: Option<f32>,
    /// Milliseconds; `None` if nothing ended.
    running_p50_ms: Option<f32>,
    running_p99_ms: Option<f32>,
}

/// All queues together, and who serves them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Overall {
    #[serde(flatten)]
    pub(crate) jobs: Point,
    pub(crate) sessions: u32,
    pub(crate) workers: u32,
    pub(crate) slots: u32,
    pub(crate) slots_busy: u32,
}

/// What became of jobs within the last seconds. Times are of the newest two seconds that have any.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[schema(description = "Times are of the newest two seconds that have any")]
pub(crate) struct Recent {
    /// Over how many seconds the counts are: ten, or less if the server is younger.
    seconds: u64,
    /// Jobs admitted.
    submitted: u32,
    /// Jobs that ended with a result.
    done: u32,
    /// Jobs that failed for good.
    failed: u32,
    /// Jobs that were cancelled.
    cancelled: u32,
    /// Median of how long jobs could run and did not, in milliseconds; null if there was none.
    #[schema(required = true, minimum = 0)]
    waiting_p50_ms: Option<f32>,
    /// 99th percentile of how long jobs could run and did not, in milliseconds; null if there was
    /// none.
    #[schema(required = true, minimum = 0)]
    waiting_p99_ms: Option<f32>,
    /// Median of how long runs took, in milliseconds; null if there was none.
    #[schema(required = true, minimum = 0)]
    running_p50_ms: Option<f32>,
    /// 99th percentile of how long runs took, in milliseconds; null if there was none.
    #[schema(required = true, minimum = 0)]
    running_p99_ms: Option<f32>,
}

/// The points that are kept of one thing, the oldest first.
#[derive(Debug)]
pub(crate) struct Points<T>(VecDeque<T>);

impl<T> Points<T> {
    pub(crate) fn new() -> Self {
        Self(VecDeque::with_capacity(POINTS))
    }

    pub(crate) fn push(&mut self, point: T) {
        if self.0.len() == POINTS {
            self.0.pop_front();
        }
        self.0.push_back(point);
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &T> + DoubleEndedIterator {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// One queue, or all, as time goes on.
#[derive(Debug)]
pub(crate) struct Followed {
    now: Interval,
    pub(crate) points: Points<Point>,
}

/// What has happened since the last point.
#[derive(Debug)]
struct Interval {
    submitted: u32,
    /// In the order of `Outcome::ALL`.
    ended: [u32; Outcome::ALL.len()],
    waited: Histogram<u32>,
    ran: Histogram<u32>,
}

impl Followed {
    pub(crate) fn new() -> Self {
        let times =
            || Histogram::new_with_bounds(1, LONGEST, PLACES).expect("these bounds are in order");
        let now = Interval {
            submitted: 0,
            ended: [0; Outcome::ALL.len()],
            waited: times(),
            ran: times(),
        };
        Self { now, points: Points::new() }
    }

    pub(crate) fn submitted(&mut self) {
        self.now.submitted += 1;
    }

    /// It had waited for so many microseconds.
    pub(crate) fn started(&mut self, waited: u64) {
        self.now.waited.saturating_record(waited / UNIT);
    }

    /// Its last run took so many microseconds.
    pub(crate) fn ended(&mut self, outcome: Outcome, ran: Option<u64>) {
        self.now.ended[outcome as usize] += 1;
        if let Some(ran) = ran {
            self.now.ran.saturating_record(ran / UNIT);
        }
    }

    /// What has happened in the interval of another happened in this one, too.
    pub(crate) fn add(&mut self, other: &Self) {
        let (sum, more) = (&mut self.now, &other.now);
        sum.submitted += more.submitted;
        sum.ended.iter_mut().zip(more.ended).for_each(|(sum, more)| *sum += more);
        for (sum, more) in [(&mut sum.waited, &more.waited), (&mut sum.ran, &more.ran)] {
            if !more.is_empty() {
                sum.add(more).expect("both have the same bounds");
            }
        }
    }

    /// Ends the interval, with so many jobs waiting and running. Returns its point.
    pub(crate) fn close(&mut self, waiting: usize, running: usize) -> Point {
        let Interval { submitted, ended: [done, failed, cancelled], waited, ran } = &mut self.now;
        let point = Point {
            submitted: std::mem::take(submitted),
            done: std::mem::take(done),
            failed: std::mem::take(failed),
            cancelled: std::mem::take(cancelled),
            waiting: number(waiting),
            running: number(running),
            waiting_p50_ms: quantile(waited, 0.5),
            waiting_p99_ms: quantile(waited, 0.99),
            running_p50_ms: quantile(ran, 0.5),
            running_p99_ms: quantile(ran, 0.99),
        };
        for times in [waited, ran] {
            if !times.is_empty() {
                times.reset();
            }
        }
        self.points.push(point);
        point
    }

    /// The last seconds: counts of all of them, and times of the newest interval that has any.
    pub(crate) fn recent(&self) -> Recent {
        let mut recent = Recent::default();
        for point in self.points.iter().rev().take(RECENT_POINTS) {
            recent.seconds += INTERVAL.as_secs();
            recent.submitted += point.submitted;
            recent.done += point.done;
            recent.failed += point.failed;
            recent.cancelled += point.cancelled;
            recent.waiting_p50_ms = recent.waiting_p50_ms.or(point.waiting_p50_ms);
            recent.waiting_p99_ms = recent.waiting_p99_ms.or(point.waiting_p99_ms);
            recent.running_p50_ms = recent.running_p50_ms.or(point.running_p50_ms);
            recent.running_p99_ms = recent.running_p99_ms.or(point.running_p99_ms);
        }
        recent
    }
}

pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// In milliseconds.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "two digits do")]
fn quantile(times: &Histogram<u32>, quantile: f64) -> Option<f32> {
    let ms = || ((times.value_at_quantile(quantile) * UNIT) as f64 / 1e3) as f32;
    (!times.is_empty()).then(ms)
}

/// Points as lists, a list for each of their numbers.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Lists {
    submitted: Vec<u32>,
    done: Vec<u32>,
    failed: Vec<u32>,
    cancelled: Vec<u32>,
    waiting: Vec<u32>,
    running: Vec<u32>,
    waiting_p50_ms: Vec<Option<f32>>,
    waiting_p99_ms: Vec<Option<f32>>,
    running_p50_ms: Vec<Option<f32>>,
    running_p99_ms: Vec<Option<f32>>,
}

impl Lists {
    /// Lists of this length: before the first point nothing had happened.
    pub(crate) fn of(points: impl ExactSizeIterator<Item = Point>, len: usize) -> Self {
        let mut lists = Self::default();
        let known = points.len();
        let before = std::iter::repeat_n(Point::default(), len.saturating_sub(known));
        for point in before.chain(points.skip(known.saturating_sub(len))) {
            lists.submitted.push(point.submitted);
            lists.done.push(point.done);
            lists.failed.push(point.failed);
            lists.cancelled.push(point.cancelled);
            lists.waiting.push(point.waiting);
            lists.running.push(point.running);
            lists.waiting_p50_ms.push(point.waiting_p50_ms);
            lists.waiting_p99_ms.push(point.waiting_p99_ms);
            lists.running_p50_ms.push(point.running_p50_ms);
            lists.running_p99_ms.push(point.running_p99_ms);
        }
        lists
    }
}

/// Those of all queues together, and of who serves them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct OverallLists {
    #[serde(flatten)]
    jobs: Lists,
    sessions: Vec<u32>,
    workers: Vec<u32>,
    slots: Vec<u32>,
    slots_busy: Vec<u32>,
}

impl OverallLists {
    pub(crate) fn of(points: &Points<Overall>) -> Self {
        let len = points.len();
        let list = |pick: fn(&Overall) -> u32| points.iter().map(pick).collect();
        Self {
            jobs: Lists::of(points.iter().map(|point| point.jobs), len),
            sessions: list(|point| point.sessions),
            workers: list(|point| point.workers),
            slots: list(|point| point.slots),
            slots_busy: list(|point| point.slots_busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_of_its_interval_alone() {
        let mut queue = Followed::new();
        queue.submitted();
        queue.started(20_000);
        queue.ended(Outcome::Failed, Some(7_200_000_000));
        let point = queue.close(3, 1);
        assert_eq!((point.submitted, point.done, point.failed), (1, 0, 1));
        assert_eq!((point.waiting, point.running), (3, 1));
        let waited = point.waiting_p50_ms.expect("one has waited");
        assert!((19.0..=21.5).contains(&waited), "{waited}");
        assert!(point.running_p99_ms.is_some_and(|ms| ms >= 3_600_000.0), "an hour at most");
        let point = queue.close(0, 0);
        assert_eq!((point.submitted, point.failed, point.waiting_p50_ms), (0, 0, None));
        let recent = queue.recent();
        assert_eq!((recent.seconds, recent.submitted, recent.failed), (4, 1, 1));
        assert!(recent.running_p50_ms.is_some());
    }

    #[test]
    fn what_happens_in_one_queue_happens_in_all() {
        let (mut all, mut red, mut blue) = (Followed::new(), Followed::new(), Followed::new());
        for queue in [&mut red, &mut blue] {
            queue.submitted();
            queue.started(5_000);
            queue.ended(Outcome::Done, None);
        }
        all.add(&red);
        all.add(&blue);
        let point = all.close(0, 0);
        assert_eq!((point.submitted, point.done, point.running_p50_ms), (2, 2, None));
        assert!(point.waiting_p99_ms.is_some_and(|ms| (4.9..=5.4).contains(&ms)));
    }

    #[test]
    fn ten_minutes_are_kept_and_no_more() {
        let mut queue = Followed::new();
        for waiting in 0..POINTS + 7 {
            queue.close(waiting, 0);
        }
        let lists = Lists::of(queue.points.iter().copied(), POINTS);
        assert_eq!((lists.waiting.len(), lists.waiting[0]), (POINTS, 7));
        assert_eq!(queue.recent().seconds, 10);
    }

    #[test]
    fn a_queue_that_came_late_has_lists_as_long_as_all() {
        let mut queue = Followed::new();
        queue.close(4, 0);
        assert_eq!(Lists::of(queue.points.iter().copied(), 3).waiting, [0, 0, 4]);
    }
}
