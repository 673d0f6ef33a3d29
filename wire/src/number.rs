//! Integers that come or go as floats, or as their digits.

/// `n` as an integer, if it is one that a double holds exactly.
pub(crate) fn whole(n: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it exact")]
    (n.fract() == 0.0 && n.abs() <= EXACT).then_some(n as i64)
}

/// `n` as an integer, if it is one. Far beyond 64 bits it is cut to what 128 bits hold, which no
/// bound of a protocol reaches.
pub(crate) fn integer(n: f64) -> Option<i128> {
    #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
    (n.fract() == 0.0).then_some(n as i128)
}

/// The integer that a JSON number is, also if it is written with a fraction or an exponent, as
/// `1.0` and `1e3` are; `None` if it has a fraction. Cut as by [`integer`].
pub(crate) fn json_integer(text: &str) -> Option<i128> {
    if let Ok(n) = text.parse::<i64>() {
        return Some(n.into());
    }
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (digits, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    // What the exponent leaves of the digits behind the point, and adds of zeros before it.
    let digits = whole.bytes().chain(fraction.bytes()).enumerate();
    let Some((last, _)) = digits.filter(|(_, digit)| *digit != b'0').last() else {
        return Some(0);
    };
    // An exponent beyond 64 bits is as good as infinite.
    let beyond = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    let exponent = exponent.parse::<i64>().unwrap_or(beyond);
    let digits_before = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
    let significant = i64::try_from(last).ok()? + 1;
    if digits_before < significant {
        return None;
    }
    let mut n: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).take(last + 1) {
        n = n.saturating_mul(10).saturating_add((digit - b'0').into());
    }
    for _ in significant..digits_before {
        n = n.saturating_mul(10);
        if n == i128::MAX {
            break;
        }
    }
    Some(if negative { -n } else { n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_however_they_are_written() {
        for (text, n) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("0e9", 0),
            ("1.0", 1),
            ("-1.0", -1),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("1.5e1", 15),
            ("100e-2", 1),
            ("0.05e2", 5),
            ("1.7e12", 1_700_000_000_000),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX.into()),
            ("9223372036854775808", i128::from(i64::MAX) + 1),
            ("-9223372036854775808.0", i64::MIN.into()),
            ("18446744073709551615", u64::MAX.into()),
            ("1e400", i128::MAX),
            ("-1e99999999999999999999", -i128::MAX),
        ] {
            assert_eq!(json_integer(text), Some(n), "{text}");
        }
        for text in ["0.5", "1e-1", "15e-1", "1.00001", "1e-99999999999999999999", "-0.1e0"] {
            assert_eq!(json_integer(text), None, "{text}");
        }
    }

    #[test]
    fn whole_floats_are_integers() {
        for (n, expected) in
            [(1.0, Some(1)), (-0.0, Some(0)), (0.5, None), (f64::NAN, None), (f64::INFINITY, None)]
        {
            assert_eq!(integer(n), expected, "{n}");
        }
        assert_eq!(integer(9.007_199_254_740_994e15), Some(9_007_199_254_740_994));
        assert_eq!(integer(1e300), Some(i128::MAX));
    }
}
