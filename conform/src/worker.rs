//! Judges a worker program.

mod book;
mod cases;
mod head;
mod say;
mod server;
mod stage;
mod zmtp;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::QueueName;
use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, stream};

pub use crate::case::Only;
use crate::case::{Over, Trial, verdicts};
use crate::report::Report;
use crate::rule::Side;
use book::WATCHED;
use cases::{CASES, Case, FIRST, Need};
use stage::{Stage, Token};

/// The queues of which one is taken for ordinary jobs if none is named, the first that is served.
const MAIN_QUEUES: [&str; 3] = ["default", "upper", "echo"];

/// What a worker can do that does not show by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It looks at the version of a `hello`.
    Version,
    /// It ends well when it is told to: SIGTERM.
    Drain,
    /// It takes a token, from the file that ACEQUIA_WORKER_TOKEN_FILE names.
    Token,
    /// It takes several servers, separated by commas.
    Servers,
}

impl Claim {
    /// All claims.
    pub const ALL: [Self; 4] = [Self::Version, Self::Drain, Self::Token, Self::Servers];

    /// As it is typed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Drain => "drain",
            Self::Token => "token",
            Self::Servers => "servers",
        }
    }
}

impl FromStr for Claim {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|claim| claim.as_str() == name);
        found.ok_or_else(|| {
            format!("no claim `{name}`; there are version, drain, token and servers")
        })
    }
}

/// What is judged, and how.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The worker program and its arguments.
    pub command: Vec<OsString>,
    /// The queue for ordinary jobs; by default `default`, `upper` or `echo`, or the first that is
    /// served.
    pub queue: Option<QueueName>,
    /// The slots that the worker is told to have.
    pub slots: Option<u32>,
    /// The file with the worker token that the program has.
    pub token_file: Option<PathBuf>,
    /// What the worker claims.
    pub claims: Vec<Claim>,
    /// The rules and cases that are asked about.
    pub only: Only,
    /// How long anything that must come may take.
    pub time_max: Duration,
    /// Whether cases that take more than a minute are run.
    pub slow: bool,
    /// Fixed ports, for a program that cannot be told.
    pub listen: Option<[SocketAddr; 2]>,
    /// How many cases go on at one time; one with fixed ports.
    pub at_once: usize,
}

/// What is known of the worker since its first job.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) slots: u32,
    pub(crate) pack: u32,
    pub(crate) queues: Vec<QueueName>,
    /// The queue of ordinary jobs.
    pub(crate) main: QueueName,
    pub(crate) takes_pings: bool,
}

impl Facts {
    pub(crate) fn serves(&self, queue: &str) -> bool {
        self.queues.iter().any(|served| served.as_str() == queue)
    }
}

/// The rules with these numbers, in the cases of these names; none means all. The first case always
/// goes before.
///
/// # Errors
/// If there is no such rule or case.
pub fn only(rules: &[String], cases: &[String]) -> anyhow::Result<Only> {
    let known: Vec<_> = CASES.iter().map(|case| case.name).collect();
    Only::of(Side::Worker, rules, cases, &known)
}

/// Leads the worker through all conversations that it claims to know, and judges it.
///
/// # Errors
/// If it cannot be asked: it cannot be started, or does not serve the queue that was named.
pub async fn judge(setup: Setup) -> anyhow::Result<Report> {
    let words = setup.command.iter().map(|word| word.to_string_lossy());
    let program = words.collect::<Vec<_>>().join(" ");
    let token = Token::of(&setup)?;
    let setup = Arc::new(setup);
    let token = Arc::new(token);
    let mut trials = Vec::new();
    let mut stage = Stage::start(FIRST.name, FIRST.servers, &setup, &token, None)?;
    let ran = (FIRST.run)(&mut stage).await;
    let facts = stage.facts()?;
    trials.push(trial(&FIRST, stage, ran).await);
    let Some(facts) = facts.map(Arc::new) else {
        let reason = || "the worker was not ready for a first job".to_owned();
        trials.extend(CASES.iter().map(|case| Trial::skipped(case.name, case.rules, reason())));
        return Ok(verdicts(Side::Worker, program, &setup.only, WATCHED, trials));
    };
    let at_once = if setup.listen.is_some() { 1 } else { setup.at_once.max(1) };
    let wanted = CASES.iter().filter(|case| setup.only.wants(case.name, case.rules, WATCHED));
    let tried: Vec<_> = stream::iter(wanted.map(|case| run(case, &setup, &token, &facts)))
        .buffered(at_once)
        .collect()
        .await;
    for trial in tried {
        trials.push(trial?);
    }
    Ok(verdicts(Side::Worker, program, &setup.only, WATCHED, trials))
}

async fn run(
    case: &'static Case,
    setup: &Arc<Setup>,
    token: &Arc<Token>,
    facts: &Arc<Facts>,
) -> anyhow::Result<Trial> {
    let lack = case.needs.iter().find_map(|need| need.lack(setup, facts));
    if let Some(reason) = lack {
        return Ok(Trial::skipped(case.name, case.rules, reason));
    }
    let mut stage = Stage::start(case.name, case.servers, setup, token, Some(Arc::clone(facts)))?;
    let ran = (case.run)(&mut stage).await;
    Ok(trial(case, stage, ran).await)
}

async fn trial(case: &'static Case, stage: Stage, ran: Result<(), Over>) -> Trial {
    Trial::of(case.name, case.rules, ran, stage.into_broken().await)
}

/// The queue for ordinary jobs.
fn main_queue(wanted: Option<&QueueName>, served: &[QueueName]) -> anyhow::Result<QueueName> {
    if let Some(wanted) = wanted {
        if !served.contains(wanted) {
            let served: Vec<_> = served.iter().map(QueueName::as_str).collect();
            bail!("the worker does not serve the queue {wanted}, but {}", served.join(", "));
        }
        return Ok(wanted.clone());
    }
    let known =
        MAIN_QUEUES.iter().find_map(|name| served.iter().find(|queue| queue.as_str() == *name));
    known.or(served.first()).cloned().context("the worker serves no queue")
}

impl Need {
    /// Why a case that needs this is not run, if it is not.
    fn lack(&self, setup: &Setup, facts: &Facts) -> Option<String> {
        match self {
            Self::Queue(queue) if !facts.serves(queue) => {
                Some(format!("the worker does not serve the queue `{queue}`"))
            }
            Self::AnyQueue(queues) if !queues.iter().any(|queue| facts.serves(queue)) => {
                Some(format!("the worker serves none of the queues `{}`", queues.join("`, `")))
            }
            Self::Claim(claim) if !setup.claims.contains(claim) => {
                Some(format!("the worker does not claim it; --claims {} does", claim.as_str()))
            }
            Self::Token if setup.token_file.is_none() && !setup.claims.contains(&Claim::Token) => {
                Some("the worker does not claim it; --claims token or --token-file does".to_owned())
            }
            Self::Slots(slots) if facts.slots < *slots => {
                Some(format!("the worker has {} of the {slots} slots that it takes", facts.slots))
            }
            Self::Pack if facts.pack < 2 => {
                Some("the worker takes one message at a time: its `ready` has no `pack`".to_owned())
            }
            Self::Pings if !facts.takes_pings => {
                Some("the worker greets with ZMTP 3.0, which has no pings".to_owned())
            }
            Self::Slow if !setup.slow => {
                Some("it takes more than a minute; --slow runs it".to_owned())
            }
            _ => None,
        }
    }
}
