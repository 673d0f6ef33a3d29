//! Judges a client library.

mod book;
mod cases;
mod server;
mod stage;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::Encoding;
use futures_util::{StreamExt as _, stream};

pub use crate::case::Only;
use crate::case::{Over, Trial, verdicts};
use crate::report::Report;
use crate::rule::Side;
use book::WATCHED;
use cases::{CASES, Case, FIRST, Need};
use stage::Stage;

/// What is judged, and how.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The client program and its arguments.
    pub command: Vec<OsString>,
    /// The rules and cases that are asked about.
    pub only: Only,
    /// How long anything that must come may take.
    pub time_max: Duration,
    /// Whether cases that take more than half a minute are run.
    pub slow: bool,
    /// A fixed address, for a program that cannot be told.
    pub listen: Option<SocketAddr>,
    /// How many cases go on at one time; one with a fixed address.
    pub at_once: usize,
}

/// What is known of the client since its first job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) encoding: Encoding,
    /// It says a `hello`.
    pub(crate) greets: bool,
    /// It asks for sessions that can be resumed.
    pub(crate) resumes: bool,
}

/// The rules with these numbers, in the cases of these names; none means all. The first case always
/// goes before.
///
/// # Errors
/// If there is no such rule or case.
pub fn only(rules: &[String], cases: &[String]) -> anyhow::Result<Only> {
    let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
    Only::of(Side::Client, rules, cases, &known)
}

/// Leads the client through all conversations that it can have, and judges it.
///
/// # Errors
/// If it cannot be asked: it cannot be started, or the address is taken.
pub async fn judge(setup: Setup) -> anyhow::Result<Report> {
    let words = setup.command.iter().map(|word| word.to_string_lossy());
    let program = words.collect::<Vec<_>>().join(" ");
    let setup = Arc::new(setup);
    let mut stage = Stage::start(FIRST.name, FIRST.upgrades, &setup).await?;
    let ran = (FIRST.run)(&mut stage).await;
    let facts = stage.facts().filter(|_| ran.is_ok());
    let mut trials = vec![trial(&FIRST, stage, ran).await];
    let Some(facts) = facts else {
        let reason = || "the client did not get through a first job".to_owned();
        trials.extend(CASES.iter().map(|case| Trial::skipped(case.name, case.rules, reason())));
        return Ok(verdicts(Side::Client, program, &setup.only, WATCHED, trials));
    };
    let at_once = if setup.listen.is_some() { 1 } else { setup.at_once.max(1) };
    let wanted = CASES.iter().filter(|case| setup.only.wants(case.name, case.rules, WATCHED));
    let tried: Vec<_> =
        stream::iter(wanted.map(|case| run(case, &setup, facts))).buffered(at_once).collect().await;
    for trial in tried {
        trials.push(trial?);
    }
    Ok(verdicts(Side::Client, program, &setup.only, WATCHED, trials))
}

async fn run(case: &'static Case, setup: &Arc<Setup>, facts: Facts) -> anyhow::Result<Trial> {
    if let Some(reason) = case.needs.iter().find_map(|need| need.lack(setup, facts)) {
        return Ok(Trial::skipped(case.name, case.rules, reason));
    }
    let mut stage = Stage::start(case.name, case.upgrades, setup).await?;
    let ran = (case.run)(&mut stage).await;
    Ok(trial(case, stage, ran).await)
}

async fn trial(case: &'static Case, stage: Stage, ran: Result<(), Over>) -> Trial {
    Trial::of(case.name, case.rules, ran, stage.into_broken().await)
}

impl Need {
    /// Why a case that needs this is not run, if it is not.
    fn lack(self, setup: &Setup, facts: Facts) -> Option<String> {
        let reason = match self {
            Self::Greets if !facts.greets => "the client says no `hello`",
            Self::Resumes if !facts.resumes => {
                "the client does not ask for a session that can be resumed"
            }
            Self::Json if facts.encoding != Encoding::Json => "the session is one of MessagePack",
            Self::Slow if !setup.slow => "it takes more than half a minute; --slow runs it",
            _ => return None,
        };
        Some(reason.to_owned())
    }
}
