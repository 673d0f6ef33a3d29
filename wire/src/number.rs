//! Integers that come or go as floats.

/// `n` as an integer, if it is one that a double holds exactly.
pub(crate) fn whole(n: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it exact")]
    (n.fract() == 0.0 && n.abs() <= EXACT).then_some(n as i64)
}
