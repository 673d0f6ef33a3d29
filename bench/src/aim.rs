//! What was aimed at, beside what was measured.

use serde::Serialize;

/// Of the column that says what was measured.
const WIDTH: usize = 64;

/// A number that should lie on one side of another, or is just to be known.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Aim {
    what: String,
    measured: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    /// `None` where nothing was aimed at.
    met: Option<bool>,
}

impl Aim {
    pub(crate) fn at_least(what: impl Into<String>, measured: f64, bound: f64) -> Self {
        let met = Some(measured >= bound);
        Self { at_least: Some(bound), met, ..Self::none(what, measured) }
    }

    pub(crate) fn at_most(what: impl Into<String>, measured: f64, bound: f64) -> Self {
        let met = Some(measured <= bound);
        Self { at_most: Some(bound), met, ..Self::none(what, measured) }
    }

    pub(crate) fn none(what: impl Into<String>, measured: f64) -> Self {
        Self { what: what.into(), measured, ..Self::default() }
    }

    fn line(&self) -> String {
        let met = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let aim = match (self.at_least, self.at_most) {
            (Some(bound), _) => format!("at least {}", number(bound)),
            (_, Some(bound)) => format!("at most {}", number(bound)),
            (None, None) => "-".to_owned(),
        };
        let line = format!("{:<WIDTH$} {:>9}  {aim:<15} {met}", self.what, number(self.measured));
        line.trim_end().to_owned()
    }
}

/// A line for each.
pub(crate) fn lines(aims: &[Aim]) -> Vec<String> {
    let header = format!("{:<WIDTH$} {:>9}  aim", "", "measured");
    std::iter::once(header).chain(aims.iter().map(Aim::line)).collect()
}

/// With as many digits as mean something.
fn number(n: f64) -> String {
    if n.abs() < 10.0 && n.fract() != 0.0 { format!("{n:.2}") } else { format!("{n:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_on_its_bound() {
        let met = |aim: Aim| aim.met;
        assert_eq!(met(Aim::at_least("a", 0.8, 0.8)), Some(true));
        assert_eq!(met(Aim::at_least("a", 0.79, 0.8)), Some(false));
        assert_eq!(met(Aim::at_most("a", 300.0, 300.0)), Some(true));
        assert_eq!(met(Aim::at_most("a", 301.0, 300.0)), Some(false));
        assert_eq!(met(Aim::none("a", 1.0)), None);
    }
}
