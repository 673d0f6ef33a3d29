//! Which lines are written, of those that others can cause.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Writes one line of a kind in a period, and so many of all kinds together, however many kinds
/// there are. What a kind is the caller says by its key: best what happened and who caused it, so
/// that one who is loud hides nobody else.
///
/// What is left out is counted, and said with the next line of its kind; where a timer asks
/// [`overdue`](Self::overdue), it is said when the period is over, whether more comes or not.
#[derive(Debug)]
pub struct Seldom<K> {
    period: Duration,
    lines_max: usize,
    /// At most `lines_max`.
    kinds: HashMap<K, Kind>,
    /// Lines of kinds for which there was no room, and when the first of them came.
    others: u64,
    others_since: Option<Instant>,
}

#[derive(Debug)]
struct Kind {
    written: Instant,
    left_out: u64,
}

/// How much was left out since the last line. Written behind a line it is nothing, or
/// ` (17 more like this in the last 60 s)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Lines of the same kind.
    pub alike: u64,
    /// Lines of kinds that are too many to be told apart.
    pub others: u64,
    /// The time in which they came.
    pub within: Duration,
}

impl<K: Clone + Eq + Hash> Seldom<K> {
    /// One line of a kind in `period`, and `lines_max` of all kinds.
    pub fn new(period: Duration, lines_max: usize) -> Self {
        Self { period, lines_max, kinds: HashMap::new(), others: 0, others_since: None }
    }

    /// Whether a line of this kind is written now, and what is to be said with it.
    pub fn line(&mut self, kind: K, now: Instant) -> Option<LeftOut> {
        if let Some(known) = self.kinds.get_mut(&kind) {
            let within = now.saturating_duration_since(known.written);
            if within < self.period {
                known.left_out += 1;
                return None;
            }
            known.written = now;
            let alike = std::mem::take(&mut known.left_out);
            let others = self.take_others();
            return Some(LeftOut { alike, others, within });
        }
        if self.kinds.len() >= self.lines_max {
            self.forget_old(now);
        }
        if self.kinds.len() >= self.lines_max {
            self.others += 1;
            self.others_since.get_or_insert(now);
            return None;
        }
        self.kinds.insert(kind, Kind { written: now, left_out: 0 });
        let within = self.others_since.map_or(self.period, |since| now.duration_since(since));
        Some(LeftOut { alike: 0, others: self.take_others(), within })
    }

    /// When [`overdue`](Self::overdue) has something to say, if nothing else comes.
    pub fn due(&self) -> Option<Instant> {
        let kinds = self.kinds.values().filter(|kind| kind.left_out > 0).map(|kind| kind.written);
        kinds.chain(self.others_since).min().map(|since| since + self.period)
    }

    /// What was left out and is to be said now, as a line of its own: of which kind, `None` for
    /// those that are too many to be told apart. A kind that is said here counts as written.
    pub fn overdue(&mut self, now: Instant) -> Vec<(Option<K>, LeftOut)> {
        let period = self.period;
        let mut told = Vec::new();
        for (key, kind) in &mut self.kinds {
            let within = now.saturating_duration_since(kind.written);
            if kind.left_out > 0 && within >= period {
                kind.written = now;
                let alike = std::mem::take(&mut kind.left_out);
                told.push((Some(key.clone()), LeftOut { alike, others: 0, within }));
            }
        }
        if let Some(since) = self.others_since
            && now.saturating_duration_since(since) >= period
        {
            let within = now.saturating_duration_since(since);
            told.push((None, LeftOut { alike: 0, others: self.take_others(), within }));
        }
        told
    }

    /// Makes room. What an old kind had left to say counts among the others from then on.
    fn forget_old(&mut self, now: Instant) {
        let (period, others) = (self.period, &mut self.others);
        self.kinds.retain(|_, kind| {
            let is_old = now.saturating_duration_since(kind.written) >= period;
            if is_old {
                *others += kind.left_out;
            }
            !is_old
        });
        if self.others > 0 {
            self.others_since.get_or_insert(now);
        }
    }

    fn take_others(&mut self) -> u64 {
        self.others_since = None;
        std::mem::take(&mut self.others)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alike, others, within } = self;
        let seconds = within.as_secs().max(1);
        match (alike, others) {
            (0, 0) => Ok(()),
            (alike, 0) => write!(f, " ({alike} more like this in the last {seconds} s)"),
            (0, others) => write!(f, " ({others} more of other kinds in the last {seconds} s)"),
            (alike, others) => write!(
                f,
                " ({alike} more like this and {others} of other kinds in the last {seconds} s)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(60);

    fn said<K: Clone + Eq + Hash>(seldom: &mut Seldom<K>, kind: K, now: Instant) -> Option<String> {
        seldom.line(kind, now).map(|left_out| left_out.to_string())
    }

    #[test]
    fn one_line_a_period_says_how_many_it_stands_for() {
        let (start, mut seldom) = (Instant::now(), Seldom::new(PERIOD, 10));
        assert_eq!(said(&mut seldom, 'a', start).as_deref(), Some(""));
        for second in 1..60 {
            assert_eq!(said(&mut seldom, 'a', start + Duration::from_secs(second)), None);
        }
        let told = said(&mut seldom, 'a', start + PERIOD);
        assert_eq!(told.as_deref(), Some(" (59 more like this in the last 60 s)"));
        assert_eq!(said(&mut seldom, 'a', start + 2 * PERIOD).as_deref(), Some(""));
    }

    #[test]
    fn one_that_is_loud_hides_no_other() {
        let (start, mut seldom) = (Instant::now(), Seldom::new(PERIOD, 10));
        for _ in 0..1000 {
            seldom.line("loud", start);
        }
        assert_eq!(said(&mut seldom, "quiet", start).as_deref(), Some(""));
    }

    #[test]
    fn kinds_without_end_are_few_lines_and_little_memory() {
        let (start, mut seldom) = (Instant::now(), Seldom::new(PERIOD, 10));
        let written = (0..10_000).filter(|kind| seldom.line(*kind, start).is_some()).count();
        assert_eq!((written, seldom.kinds.len()), (10, 10));
        let told = said(&mut seldom, 10_001, start + PERIOD);
        assert_eq!(told.as_deref(), Some(" (9990 more of other kinds in the last 60 s)"));
        assert_eq!(seldom.kinds.len(), 1, "who is old is forgotten");
    }

    #[test]
    fn what_was_left_out_is_said_though_nothing_follows() {
        let (start, mut seldom) = (Instant::now(), Seldom::new(PERIOD, 1));
        seldom.line("a", start);
        assert_eq!(seldom.due(), None, "nothing was left out");
        seldom.line("a", start + Duration::from_secs(1));
        seldom.line("b", start + Duration::from_secs(2));
        assert_eq!(seldom.due(), Some(start + PERIOD));
        assert!(seldom.overdue(start + Duration::from_secs(59)).is_empty());
        let alike = LeftOut { alike: 1, others: 0, within: PERIOD };
        assert_eq!(seldom.overdue(start + PERIOD), [(Some("a"), alike)]);
        assert_eq!(said(&mut seldom, "a", start + PERIOD), None, "that was its line");
        let late = start + PERIOD + Duration::from_secs(2);
        let others = LeftOut { alike: 0, others: 1, within: PERIOD };
        assert_eq!(seldom.overdue(late), [(None, others)]);
        assert_eq!(seldom.due(), Some(start + 2 * PERIOD));
    }

    #[test]
    fn what_an_old_kind_had_to_say_is_not_lost_with_it() {
        let (start, mut seldom) = (Instant::now(), Seldom::new(PERIOD, 1));
        seldom.line("a", start);
        seldom.line("a", start);
        let told = seldom.line("b", start + PERIOD).expect("a line");
        assert_eq!((told.alike, told.others), (0, 1));
    }
}
