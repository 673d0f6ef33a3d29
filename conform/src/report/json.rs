//! One JSON object, for programs.

use serde::Serialize;

use super::{Judged, Report, Summary, Verdict};
use crate::findings::Finding;
use crate::rule::{Level, Side};

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    side: Side,
    program: &'a str,
    conforms: bool,
    summary: Summary,
    rules: Vec<WrittenRule<'a>>,
}

#[derive(Serialize)]
struct WrittenRule<'a> {
    rule: &'a str,
    level: Level,
    says: &'a str,
    place: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [Finding],
}

pub(super) fn write(report: &Report) -> String {
    let rules = report.judged.iter().map(|judged| rule(report.side, judged)).collect();
    let written = Written {
        version: 1,
        side: report.side,
        program: &report.program,
        conforms: report.conforms(),
        summary: report.summary(),
        rules,
    };
    // There is nothing in it that JSON could not say.
    let mut json = serde_json::to_string_pretty(&written).unwrap_or_default();
    json.push('\n');
    json
}

fn rule(side: Side, Judged { rule, verdict }: &Judged) -> WrittenRule<'_> {
    let (verdict, reason, findings): (_, _, &[Finding]) = match (verdict, rule.level) {
        (Verdict::Ok, _) => ("ok", None, &[]),
        (Verdict::NotOk(findings), Level::Must) => ("not_ok", None, findings),
        (Verdict::NotOk(findings), Level::Should) => ("warning", None, findings),
        (Verdict::Skipped(reason), _) => ("skipped", Some(reason.as_str()), &[]),
    };
    WrittenRule {
        rule: rule.number,
        level: rule.level,
        says: rule.says,
        place: rule.place(side),
        verdict,
        reason,
        findings,
    }
}
