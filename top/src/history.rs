//! The last ten minutes in numbers.

use std::collections::VecDeque;

use super::told::{History, Point};

/// How much of the past is kept.
const SPAN_MS: u64 = 10 * 60 * 1000;

/// A number for each interval, the newest last. `None` where nobody was there to hear it.
#[derive(Debug, Default)]
pub(crate) struct Series {
    interval_ms: u64,
    until_ms: u64,
    points: VecDeque<Option<Point>>,
}

impl Series {
    pub(crate) fn new(history: History) -> Self {
        let History { interval_ms, until_ms, points, all } = history;
        let at = |list: &[f64], place| list.get(place).copied();
        let point = |place| {
            Some(Point {
                done: at(&all.done, place)?,
                failed: at(&all.failed, place)?,
                waiting: at(&all.waiting, place)?,
            })
        };
        let mut series =
            Self { interval_ms: interval_ms.max(1), until_ms, points: VecDeque::new() };
        series.points.resize(series.room(), None);
        series.extend((0..points.min(all.done.len())).map(point));
        series
    }

    fn room(&self) -> usize {
        usize::try_from(SPAN_MS / self.interval_ms.max(1)).unwrap_or(1).max(1)
    }

    fn extend(&mut self, points: impl Iterator<Item = Option<Point>>) {
        let room = self.room();
        for point in points {
            self.points.push_back(point);
            if self.points.len() > room {
                self.points.pop_front();
            }
        }
    }

    pub(crate) fn push(&mut self, at_ms: u64, point: Point) {
        // Whoever reads too slowly misses ticks; time goes on all the same.
        let interval = self.interval_ms.max(1);
        let passed = at_ms.saturating_sub(self.until_ms).min(SPAN_MS) + interval / 2;
        let missed = usize::try_from(passed / interval).unwrap_or(0).saturating_sub(1);
        self.extend(std::iter::repeat_n(None, missed).chain([Some(point)]));
        self.until_ms = at_ms;
    }

    /// How long all of it is.
    pub(crate) fn minutes() -> u64 {
        SPAN_MS / 60_000
    }

    /// What is picked of the newest point.
    pub(crate) fn newest(&self, pick: fn(&Point) -> f64) -> Option<f64> {
        self.points.back()?.as_ref().map(pick)
    }

    /// What happened in a second, of what is counted in an interval.
    pub(crate) fn per_second(&self, n: f64) -> f64 {
        n * 1000.0 / self.interval_ms.max(1) as f64
    }

    /// The largest of all.
    pub(crate) fn largest(&self, pick: fn(&Point) -> f64) -> f64 {
        self.points.iter().flatten().map(pick).fold(0.0, f64::max)
    }

    /// All of it in so many columns: of each the largest, since a peak must not be lost.
    pub(crate) fn columns(&self, columns: usize, pick: fn(&Point) -> f64) -> Vec<Option<f64>> {
        let from = |column: usize| column * self.points.len() / columns;
        let largest = |column| {
            // Where there are more columns than points, a point is as wide as several.
            let part = from(column)..from(column + 1).max(from(column) + 1).min(self.points.len());
            self.points.range(part).flatten().map(pick).reduce(f64::max)
        };
        (0..columns).map(largest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::Lists;

    fn waiting(point: &Point) -> f64 {
        point.waiting
    }

    fn point(waiting: f64) -> Point {
        Point { done: 0.0, failed: 0.0, waiting }
    }

    /// Of four intervals, or as many as are given if those are more.
    fn series(waiting: &[f64]) -> Series {
        let points = waiting.len();
        let none = || vec![0.0; points];
        let all = Lists { done: none(), failed: none(), waiting: waiting.to_vec() };
        let interval_ms = SPAN_MS / points.max(4) as u64;
        Series::new(History { interval_ms, until_ms: interval_ms, points, all })
    }

    #[test]
    fn it_goes_on_and_keeps_its_length() {
        let mut series = series(&[1.0, 2.0, 3.0]);
        assert_eq!(series.columns(4, waiting), [None, Some(1.0), Some(2.0), Some(3.0)]);
        series.push(300_003, point(4.0));
        series.push(450_001, point(5.0));
        assert_eq!(series.columns(4, waiting), [2.0, 3.0, 4.0, 5.0].map(Some));
        assert_eq!((series.newest(waiting), series.largest(waiting)), (Some(5.0), 5.0));
        assert!((series.per_second(300.0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn missed_ticks_are_a_gap() {
        let mut series = series(&[1.0, 2.0, 3.0, 4.0]);
        series.push(590_000, point(5.0));
        assert_eq!(series.columns(4, waiting), [Some(4.0), None, None, Some(5.0)]);
        series.push(u64::MAX, point(6.0));
        assert_eq!(series.columns(4, waiting), [None, None, None, Some(6.0)]);
    }

    #[test]
    fn a_peak_is_seen_in_few_columns_too() {
        let mut many = [1.0; 300];
        many[151] = 9.0;
        let series = series(&many);
        let columns = series.columns(38, waiting);
        assert_eq!(columns.iter().filter(|n| **n == Some(9.0)).count(), 1);
        assert!(columns.iter().all(Option::is_some));
        assert_eq!(series.columns(600, waiting).iter().filter(|n| **n == Some(9.0)).count(), 2);
        assert_eq!(Series::default().columns(3, waiting), [None; 3]);
    }
}
