//! The pools of worker processes that report themselves, and what an operator wants of them. Pure
//! bookkeeping: no IO.

use std::collections::BTreeMap;
use std::time::Duration;

use acequia_scheduler::Time;
use acequia_wire::QueueName;
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use crate::schema;

/// A pool that has not reported itself for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Another pool may take the name of one that has not reported itself for so long.
const NAME_HELD: Duration = Duration::from_millis(2_500);
/// Pools at most.
pub(crate) const POOLS_MAX: usize = 1_000;
/// Processes that a pool may have at most.
pub(crate) const PROCESSES_MAX: u32 = 1_000;
/// Queues that a pool may serve at most.
const POOL_QUEUES_MAX: usize = 100;
/// Bytes of a pool's word on why it fails, and of its host's name.
const TEXT_BYTES_MAX: usize = 1_000;

schema::described! {
    PoolQueues of schema::QueueName =
        schema::list_of::<schema::QueueName>(POOL_QUEUES_MAX).min_items(Some(1));
    Processes = schema::up_to(u64::from(PROCESSES_MAX));
    PoolText = schema::text().max_length(Some(TEXT_BYTES_MAX));
}

/// What a pool says of itself.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PoolReport)]
pub(crate) struct Report {
    /// The queues that its processes serve.
    #[schema(value_type = PoolQueues)]
    queues: Vec<QueueName>,
    /// Processes at least.
    #[schema(value_type = Processes)]
    min: u32,
    /// Processes at most.
    #[schema(value_type = Processes)]
    max: u32,
    /// Processes that are there.
    #[schema(value_type = schema::Number32)]
    processes: u32,
    /// Those of them that are not ready yet.
    #[schema(value_type = schema::Number32)]
    starting: u32,
    /// Those of them that are about to go.
    #[schema(value_type = schema::Number32)]
    stopping: u32,
    /// Why none is started for now.
    #[schema(value_type = Option<PoolText>)]
    failing: Option<String>,
    /// Where it runs.
    #[schema(value_type = PoolText)]
    host: String,
    /// Its process.
    #[schema(value_type = schema::Number32)]
    pid: u32,
}

/// How many processes a pool is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Scale {
    /// Processes at least.
    #[schema(value_type = Processes)]
    min: u32,
    /// Processes at most.
    #[schema(value_type = Processes)]
    max: u32,
}

/// How many processes an operator wants a pool to have.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rescale {
    /// Processes at least.
    #[schema(value_type = Option<Processes>)]
    min: Option<u32>,
    /// Processes at most.
    #[schema(value_type = Option<Processes>)]
    max: Option<u32>,
}

/// A pool, as it is told.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Pool {
    /// Its name.
    #[schema(value_type = schema::QueueName)]
    pool: String,
    #[serde(flatten)]
    #[schema(schema_with = told_report)]
    report: Report,
    /// When it last reported itself (milliseconds since 1970).
    reported_ms: u64,
}

/// What a report may leave out is told all the same.
fn told_report() -> RefOr<Schema> {
    let mut report = Report::schema();
    if let RefOr::T(Schema::Object(report)) = &mut report {
        report.required = report.properties.keys().cloned().collect();
    }
    report
}

/// Why a report or a wish is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Bad(String),
    #[error("there is no pool {0:?}; GET /v1/admin/pools lists those that report")]
    Unknown(String),
    #[error(
        "another pool already reports as {name:?}: process {pid} on {host}; give this one its own name (--name)"
    )]
    Taken { name: String, host: String, pid: u32 },
    #[error("{POOLS_MAX} pools report themselves, the limit")]
    TooMany,
}

#[derive(Debug)]
struct Known {
    report: Report,
    wanted: Scale,
    reported: Time,
}

/// All pools by name.
#[derive(Debug, Default)]
pub(crate) struct Pools(BTreeMap<String, Known>);

impl Pools {
    /// A pool reports itself. Returns what it is to keep to.
    pub(crate) fn report(
        &mut self,
        name: &str,
        report: Report,
        now: Time,
    ) -> Result<Scale, Refused> {
        check_name(name)?;
        report.check()?;
        self.forget_silent(now);
        let own = Scale { min: report.min, max: report.max };
        let wanted = match self.0.get(name) {
            Some(known) if known.report.is_of_the_same(&report) => known.wanted,
            Some(known) if now - known.reported < NAME_HELD => {
                let Report { host, pid, .. } = known.report.clone();
                return Err(Refused::Taken { name: name.to_owned(), host, pid });
            }
            None if self.0.len() >= POOLS_MAX => return Err(Refused::TooMany),
            _ => own,
        };
        self.0.insert(name.to_owned(), Known { report, wanted, reported: now });
        Ok(wanted)
    }

    /// An operator wants a pool to have more or fewer processes.
    pub(crate) fn scale(&mut self, name: &str, wish: Rescale, now: Time) -> Result<Pool, Refused> {
        self.forget_silent(now);
        let known = self.0.get_mut(name).ok_or_else(|| Refused::Unknown(name.to_owned()))?;
        let wanted = Scale {
            min: wish.min.unwrap_or(known.wanted.min),
            max: wish.max.unwrap_or(known.wanted.max),
        };
        wanted.check()?;
        known.wanted = wanted;
        Ok(known.told(name))
    }

    /// All of them, by name.
    pub(crate) fn list(&mut self, now: Time) -> Vec<Pool> {
        self.forget_silent(now);
        self.0.iter().map(|(name, known)| known.told(name)).collect()
    }

    fn forget_silent(&mut self, now: Time) {
        self.0.retain(|_, known| now - known.reported < SILENCE_MAX);
    }
}

impl Known {
    fn told(&self, name: &str) -> Pool {
        let Scale { min, max } = self.wanted;
        let report = Report { min, max, ..self.report.clone() };
        Pool { pool: name.to_owned(), report, reported_ms: self.reported.as_millis() }
    }
}

impl Scale {
    fn check(self) -> Result<(), Refused> {
        let Self { min, max } = self;
        if min <= max && max <= PROCESSES_MAX {
            return Ok(());
        }
        let rule = format!("0 <= min <= max <= {PROCESSES_MAX}");
        Err(Refused::Bad(format!("min {min}, max {max}: it must be that {rule}")))
    }
}

impl Report {
    fn is_of_the_same(&self, other: &Self) -> bool {
        (&self.host, self.pid) == (&other.host, other.pid)
    }

    fn check(&self) -> Result<(), Refused> {
        Scale { min: self.min, max: self.max }.check()?;
        if self.queues.is_empty() || self.queues.len() > POOL_QUEUES_MAX {
            let count = self.queues.len();
            return Err(Refused::Bad(format!("{count} queues: they are 1 to {POOL_QUEUES_MAX}")));
        }
        for (key, text) in [("host", Some(&self.host)), ("failing", self.failing.as_ref())] {
            let bytes = text.map_or(0, String::len);
            if bytes > TEXT_BYTES_MAX {
                let limit = TEXT_BYTES_MAX;
                return Err(Refused::Bad(format!("{key}: {bytes} bytes; the limit is {limit}")));
            }
        }
        Ok(())
    }
}

/// Pools are named as queues are.
fn check_name(name: &str) -> Result<(), Refused> {
    let checked = name.parse::<QueueName>();
    checked.map(drop).map_err(|bad| Refused::Bad(format!("pool {name:?}: {bad}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_millis(1_000_000 + ms)
    }

    fn report(pid: u32) -> Report {
        Report {
            queues: vec![QueueName::default()],
            min: 0,
            max: 4,
            processes: 1,
            starting: 0,
            stopping: 0,
            failing: None,
            host: "here".to_owned(),
            pid,
        }
    }

    #[test]
    fn an_operators_wish_counts_while_the_pool_reports_itself() {
        let mut pools = Pools::default();
        let own = Scale { min: 0, max: 4 };
        assert_eq!(pools.report("thumbs", report(1), at(0)), Ok(own));
        let wish = Rescale { min: Some(2), max: None };
        assert!(pools.scale("thumbs", wish, at(1_000)).is_ok());
        let wanted = Scale { min: 2, max: 4 };
        assert_eq!(pools.report("thumbs", report(1), at(2_000)), Ok(wanted));
        assert_eq!(pools.list(at(11_999)).len(), 1);
        assert_eq!(pools.list(at(12_000)).len(), 0);
        assert_eq!(pools.report("thumbs", report(1), at(13_000)), Ok(own));
    }

    #[test]
    fn a_name_is_held_by_whoever_reports_itself() {
        let mut pools = Pools::default();
        assert!(pools.report("thumbs", report(1), at(0)).is_ok());
        let taken = pools.report("thumbs", report(2), at(2_000));
        assert!(matches!(taken, Err(Refused::Taken { pid: 1, .. })));
        assert!(pools.report("thumbs", report(2), at(2_500)).is_ok());
    }

    #[test]
    fn nonsense_is_refused() {
        let mut pools = Pools::default();
        let bad = |of: Result<Scale, Refused>| matches!(of, Err(Refused::Bad(_)));
        assert!(bad(pools.report("two words", report(1), at(0))));
        assert!(bad(pools.report("a", Report { min: 5, ..report(1) }, at(0))));
        assert!(bad(pools.report("a", Report { max: 1_001, ..report(1) }, at(0))));
        assert!(bad(pools.report("a", Report { queues: Vec::new(), ..report(1) }, at(0))));
        assert!(bad(pools.report("a", Report { host: "x".repeat(1_001), ..report(1) }, at(0))));
        let wish = Rescale { min: None, max: Some(1) };
        assert!(matches!(pools.scale("a", wish, at(0)), Err(Refused::Unknown(_))));
        for nth in 0..POOLS_MAX {
            assert!(pools.report(&format!("p{nth}"), report(1), at(0)).is_ok());
        }
        assert_eq!(pools.report("one-more", report(1), at(0)), Err(Refused::TooMany));
    }
}
