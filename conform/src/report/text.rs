//! For people: what is wrong first to the eye, all rules in order.

use std::fmt::Write as _;

use super::{Judged, Report, Summary, Verdict};
use crate::rule::Level;

pub(super) fn write(report: &Report) -> String {
    let mut out = format!("{}\n\n", report.program);
    for Judged { rule, verdict } in &report.judged {
        let (mark, reason) = match (verdict, rule.level) {
            (Verdict::Ok, _) => ("ok", None),
            (Verdict::NotOk(_), Level::Must) => ("NOT OK", None),
            (Verdict::NotOk(_), Level::Should) => ("warning", None),
            (Verdict::Skipped(reason), _) => ("skipped", Some(reason)),
        };
        _ = writeln!(out, "{mark:<8} {:<4} {}", rule.number, rule.says);
        if let Some(reason) = reason {
            _ = writeln!(out, "              {reason}");
        }
        if let Verdict::NotOk(findings) = verdict {
            for finding in findings {
                _ = writeln!(out, "              in the case `{}`:", finding.case);
                for line in &finding.conversation {
                    _ = writeln!(out, "                {line}");
                }
                _ = writeln!(out, "              {}", finding.came);
            }
            _ = writeln!(
                out,
                "              the rule: {} [{}]",
                rule.place(report.side),
                rule.number
            );
        }
    }
    let Summary { ok, not_ok, warnings, skipped } = report.summary();
    _ = writeln!(out, "\n{ok} ok, {not_ok} not ok, {warnings} warnings, {skipped} skipped");
    out
}
