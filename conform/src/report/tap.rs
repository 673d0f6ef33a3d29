//! The Test Anything Protocol, version 14: a test point for each rule. A SHOULD that is broken is a
//! `TODO`, which harnesses show and do not count as a failure.

use std::fmt::Write as _;

use super::{Judged, Report, Verdict};
use crate::findings::Finding;
use crate::rule::{Level, Rule};

pub(super) fn write(report: &Report) -> String {
    let mut out = format!("TAP version 14\n1..{}\n", report.judged.len());
    for (at, Judged { rule, verdict }) in report.judged.iter().enumerate() {
        let point = format!("{} - {} {}", at + 1, rule.number, escaped(rule.says));
        match verdict {
            Verdict::Ok => _ = writeln!(out, "ok {point}"),
            Verdict::Skipped(reason) => _ = writeln!(out, "ok {point} # SKIP {}", escaped(reason)),
            Verdict::NotOk(findings) => {
                let todo = if rule.level == Level::Should {
                    " # TODO a SHOULD, which is a warning"
                } else {
                    ""
                };
                _ = writeln!(out, "not ok {point}{todo}");
                diagnose(&mut out, report, rule, findings);
            }
        }
    }
    out
}

/// A block of YAML. All texts are strings of JSON, which YAML is a superset of.
fn diagnose(out: &mut String, report: &Report, rule: &Rule, findings: &[Finding]) {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    _ = writeln!(out, "  ---");
    _ = writeln!(out, "  level: {}", rule.level.as_str());
    _ = writeln!(out, "  rule: {}", text(&rule.place(report.side)));
    _ = writeln!(out, "  findings:");
    for finding in findings {
        _ = writeln!(out, "    - case: {}", text(finding.case));
        _ = writeln!(out, "      came: {}", text(&finding.came));
        _ = writeln!(out, "      conversation:");
        for line in &finding.conversation {
            _ = writeln!(out, "        - {}", text(line));
        }
    }
    _ = writeln!(out, "  ...");
}

/// A `#` begins a directive.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('#', "\\#")
}
