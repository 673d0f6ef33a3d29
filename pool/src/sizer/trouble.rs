//! A program that dies whenever it is started, and how long it is left alone.

use std::time::Duration;

use super::facts::Time;

/// So many in a row that died without ever having had a lane are trouble.
const DEATHS: u32 = 5;
/// How long the program is left alone then, at first; doubled each time that it goes on.
const REST: Duration = Duration::from_secs(30);
const REST_MAX: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(super) struct Trouble {
    deaths: u32,
    last: Time,
    failing: Option<Failing>,
}

#[derive(Debug)]
struct Failing {
    why: String,
    rest: Duration,
    until: Time,
}

impl Trouble {
    /// Takes in that a process died early. Those that were started side by side count once.
    pub(super) fn died(&mut self, now: Time, started: Time, why: String) {
        if self.deaths > 0 && started < self.last {
            return;
        }
        self.deaths += 1;
        self.last = now;
        if self.deaths < DEATHS {
            return;
        }
        let rest = self.failing.as_ref().map_or(REST, |failing| (2 * failing.rest).min(REST_MAX));
        self.failing = Some(Failing { why, rest, until: now + rest });
    }

    /// A process does well.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn left_alone_until(&self) -> Option<Time> {
        self.failing.as_ref().map(|failing| failing.until)
    }

    pub(super) fn describe(&self, now: Time) -> Option<String> {
        let Failing { why, until, .. } = self.failing.as_ref()?;
        let left = until.saturating_sub(now).as_secs_f64().ceil();
        let next = if left > 0.0 {
            format!("left alone for {left} s more")
        } else {
            "the next that is needed is tried alone".to_owned()
        };
        Some(format!("{} in a row ended before they could serve a job: {why}; {next}", self.deaths))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Time {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_in_a_row_and_then_one_at_a_time() {
        let mut trouble = Trouble::default();
        for n in 0..4 {
            trouble.died(s(n), s(n), "exit status: 1".into());
            assert_eq!(trouble.left_alone_until(), None);
        }
        trouble.died(s(4), s(4), "exit status: 1".into());
        assert_eq!(trouble.left_alone_until(), Some(s(34)));
        assert_eq!(
            trouble.describe(s(14)).as_deref(),
            Some(
                "5 in a row ended before they could serve a job: exit status: 1; left alone for 20 s more"
            )
        );
        trouble.died(s(40), s(39), "exit status: 2".into());
        assert_eq!(trouble.left_alone_until(), Some(s(100)));
        trouble.clear();
        assert_eq!(trouble.describe(s(41)), None);
    }

    #[test]
    fn those_of_one_start_count_once() {
        let mut trouble = Trouble::default();
        for n in 1..=20 {
            trouble.died(s(n), s(0), "exit status: 1".into());
        }
        assert_eq!((trouble.deaths, trouble.left_alone_until()), (1, None));
    }
}
