//! Cases, what has come of them, and how their findings become verdicts.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};

use crate::findings::Finding;
use crate::report::{Judged, Report, Verdict};
use crate::rule::{Side, Tested};

/// How many findings of a rule a report shows: most cases find the same.
const FINDINGS_MAX: usize = 3;

/// A case cannot go on: what it waited for cannot come any more. Why is among its findings.
#[derive(Debug)]
pub(crate) struct Over;

/// What has come of a case.
pub(crate) enum Ran {
    /// It went through its conversation.
    Through(Vec<(&'static str, Finding)>),
    /// It had to end before.
    Short(Vec<(&'static str, Finding)>),
    /// The program does not claim what it takes.
    Skipped(String),
}

/// A case that was run, or not.
pub(crate) struct Trial {
    pub(crate) name: &'static str,
    /// The rules that it asks about; it may find others broken.
    pub(crate) rules: &'static [&'static str],
    pub(crate) ran: Ran,
}

impl Trial {
    /// One that was run, and what was found broken in it.
    pub(crate) fn of(
        name: &'static str,
        rules: &'static [&'static str],
        ran: Result<(), Over>,
        broken: Vec<(&'static str, Finding)>,
    ) -> Self {
        let ran = match ran {
            Ok(()) => Ran::Through(broken),
            Err(Over) => Ran::Short(broken),
        };
        Self { name, rules, ran }
    }

    /// One that was not run.
    pub(crate) fn skipped(
        name: &'static str,
        rules: &'static [&'static str],
        reason: String,
    ) -> Self {
        Self { name, rules, ran: Ran::Skipped(reason) }
    }
}

/// What is asked about.
#[derive(Clone, Debug, Default)]
pub struct Only {
    rules: Vec<&'static str>,
    cases: Vec<String>,
}

impl Only {
    /// The rules with these numbers, in the cases of these names, of those that are known; none means
    /// all.
    ///
    /// # Errors
    /// If there is no such rule or case.
    pub(crate) fn of(
        side: Side,
        rules: &[String],
        cases: &[String],
        known: &[&str],
    ) -> anyhow::Result<Self> {
        let rule = |number: &String| {
            side.rule(number).map(|rule| rule.number).with_context(|| {
                let (last, document) = (side.rules().last(), side.document());
                let last = last.map_or("", |rule| rule.number);
                format!(
                    "there is no rule {number}; the last one is {last}, and {document} has them"
                )
            })
        };
        for case in cases {
            ensure!(
                known.contains(&case.as_str()),
                "there is no case {case:?}; there are {known:?}"
            );
        }
        Ok(Self {
            rules: rules.iter().map(rule).collect::<anyhow::Result<_>>()?,
            cases: cases.to_vec(),
        })
    }

    fn has(&self, rule: &str) -> bool {
        self.rules.is_empty() || self.rules.contains(&rule)
    }

    /// Whether a case is to be run that asks about these rules, beside those that all look at.
    pub(crate) fn wants(&self, name: &str, rules: &[&str], watched: &[&str]) -> bool {
        let asks = |rule: &&str| rules.contains(rule) || watched.contains(rule);
        (self.rules.is_empty() || self.rules.iter().any(asks))
            && (self.cases.is_empty() || self.cases.iter().any(|case| case == name))
    }
}

/// A verdict for each rule that is asked about. `watched` are the rules that every case looks at.
pub(crate) fn verdicts(
    side: Side,
    program: String,
    only: &Only,
    watched: &[&str],
    trials: Vec<Trial>,
) -> Report {
    let mut broken: BTreeMap<&str, Vec<Finding>> = BTreeMap::new();
    let mut through: Vec<&str> = Vec::new();
    let mut why_not: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for trial in trials {
        let (findings, reason) = match trial.ran {
            Ran::Through(findings) => {
                through.extend(trial.rules.iter().chain(watched));
                (findings, None)
            }
            Ran::Short(findings) => {
                (findings, Some(format!("the case `{}` could not go on", trial.name)))
            }
            Ran::Skipped(reason) => (Vec::new(), Some(reason)),
        };
        for (rule, finding) in findings {
            let findings = broken.entry(rule).or_default();
            if findings.len() < FINDINGS_MAX {
                findings.push(finding);
            }
        }
        for rule in trial.rules {
            let reasons = why_not.entry(rule).or_default();
            reasons.extend(reason.clone().filter(|reason| !reasons.contains(reason)));
        }
    }
    let rules = side.rules().iter().filter(|rule| only.has(rule.number));
    let judge = |number: &'static str, tested: Tested| match (broken.remove(number), tested) {
        (Some(findings), _) => Verdict::NotOk(findings),
        (None, Tested::Not(reason)) => Verdict::Skipped(format!("not tested: {reason}")),
        (None, Tested::By(_)) if through.contains(&number) => Verdict::Ok,
        (None, Tested::By(_)) => Verdict::Skipped(match why_not.remove(number) {
            Some(reasons) if !reasons.is_empty() => reasons.join("; "),
            _ => "no case that was run asks about it, or came so far".to_owned(),
        }),
    };
    let mut judge = judge;
    let judged =
        rules.map(|rule| Judged { rule, verdict: judge(rule.number, rule.tested) }).collect();
    Report { side, program, judged }
}

/// That cases ask about the rules that the registry says are tested, and about no others.
#[cfg(test)]
pub(crate) fn assert_covers(side: Side, asked: impl Iterator<Item = &'static str>) {
    let asked: std::collections::BTreeSet<_> = asked.collect();
    let tested = side.rules().iter().filter(|rule| matches!(rule.tested, Tested::By(_)));
    assert_eq!(asked, tested.map(|rule| rule.number).collect());
}
