//! The verdicts, as people and programs read them.

mod json;
mod tap;
mod text;

use std::str::FromStr;

use crate::findings::Finding;
use crate::rule::{Level, Rule, Side};

/// What became of a rule.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// The program keeps it.
    Ok,
    /// It breaks it, at least in these ways.
    NotOk(Vec<Finding>),
    /// Nobody knows, for this reason.
    Skipped(String),
}

/// A rule and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) rule: &'static Rule,
    pub(crate) verdict: Verdict,
}

/// A verdict for each rule.
#[derive(Clone, Debug)]
pub struct Report {
    pub(crate) side: Side,
    /// The program and its arguments.
    pub(crate) program: String,
    pub(crate) judged: Vec<Judged>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// The Test Anything Protocol, version 14.
    Tap,
    /// One JSON object.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(Self::Text),
            "tap" => Ok(Self::Tap),
            "json" => Ok(Self::Json),
            _ => Err("a format is text, tap or json".to_owned()),
        }
    }
}

/// How many rules have which verdict.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub(crate) struct Summary {
    pub(crate) ok: usize,
    pub(crate) not_ok: usize,
    pub(crate) warnings: usize,
    pub(crate) skipped: usize,
}

impl Report {
    /// The report, written so.
    pub fn written(&self, format: Format) -> String {
        match format {
            Format::Text => text::write(self),
            Format::Tap => tap::write(self),
            Format::Json => json::write(self),
        }
    }

    /// Whether the program conforms, as far as it was tested: no MUST is broken.
    pub fn conforms(&self) -> bool {
        self.summary().not_ok == 0
    }

    pub(crate) fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for Judged { rule, verdict } in &self.judged {
            *match (verdict, rule.level) {
                (Verdict::Ok, _) => &mut summary.ok,
                (Verdict::NotOk(_), Level::Must) => &mut summary.not_ok,
                (Verdict::NotOk(_), Level::Should) => &mut summary.warnings,
                (Verdict::Skipped(_), _) => &mut summary.skipped,
            } += 1;
        }
        summary
    }
}
