//! Numbers and texts as they are shown: short, and never wider than their column.

use acequia_plain::Plain;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

const SECOND_MS: f64 = 1e3;
const MINUTE_MS: f64 = 60.0 * SECOND_MS;
const HOUR_MS: f64 = 60.0 * MINUTE_MS;
const DAY_MS: f64 = 24.0 * HOUR_MS;

/// A number in five columns: `9999`, `12.3k`, `4.5M`.
pub(crate) fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        _ => scaled(n as f64, 1e3, &["k", "M", "G", "T", "P", "E"]),
    }
}

/// Bytes: `512 B`, `1.5 KiB`.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} B"),
        _ => scaled(n as f64, 1024.0, &[" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"]),
    }
}

fn scaled(mut n: f64, step: f64, units: &[&str]) -> String {
    let mut unit = "";
    for next in units {
        n /= step;
        unit = next;
        // What is rounded up to the next unit is of the next unit.
        if n < step - 0.5 {
            break;
        }
    }
    if n < 99.95 { format!("{n:.1}{unit}") } else { format!("{n:.0}{unit}") }
}

/// How many in a second: `0`, `0.4`, `12`, `1234`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, rounded")]
pub(crate) fn rate(n: f64) -> String {
    if n <= 0.0 {
        "0".to_owned()
    } else if n < 9.95 {
        format!("{n:.1}")
    } else {
        count(n.round() as u64)
    }
}

/// A time in six columns: `1.5ms`, `250ms`, `12.3s`, `3m20s`, `5h03m`, `12d04h`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "parts of a time")]
pub(crate) fn duration(ms: f64) -> String {
    let two = |large: f64, small: f64| ((ms / large) as u64, (ms % large / small) as u64);
    if ms < 9.95 {
        format!("{ms:.1}ms")
    } else if ms < SECOND_MS {
        format!("{ms:.0}ms")
    } else if ms < MINUTE_MS {
        format!("{:.1}s", (ms / 100.0).floor() / 10.0)
    } else if ms < HOUR_MS {
        let (m, s) = two(MINUTE_MS, SECOND_MS);
        format!("{m}m{s:02}s")
    } else if ms < DAY_MS {
        let (h, m) = two(HOUR_MS, MINUTE_MS);
        format!("{h}h{m:02}m")
    } else {
        let (d, h) = two(DAY_MS, HOUR_MS);
        format!("{d}d{h:02}h")
    }
}

/// How long ago something was, in whole seconds at least.
pub(crate) fn ago(then_ms: u64, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    if seconds < 60 { format!("{seconds}s") } else { duration((seconds * 1000) as f64) }
}

pub(crate) fn list(names: &[Plain]) -> String {
    let names: Vec<_> = names.iter().map(Plain::as_str).collect();
    names.join(",")
}

/// A text in so many columns, with `…` where it has more.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let of = c.width().unwrap_or(0);
        if of > left {
            break;
        }
        left -= of;
        fitted.push(c);
    }
    if width > 0 {
        fitted.push('…');
    }
    fitted
}

/// A text with spaces up to so many columns, before it or behind it.
pub(crate) fn pad(text: &str, width: usize, to_the_right: bool) -> String {
    let spaces = " ".repeat(width.saturating_sub(text.width()));
    if to_the_right { spaces + text } else { text.to_owned() + &spaces }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        let shown =
            [0, 9_999, 10_000, 99_949, 99_950, 999_499, 999_500, 1_234_567, u64::MAX].map(count);
        assert_eq!(shown, ["0", "9999", "10.0k", "99.9k", "100k", "999k", "1.0M", "1.2M", "18.4E"]);
        assert_eq!(
            [0, 1023, 1024, 1 << 20, (1 << 20) - 1].map(bytes),
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.0 MiB"]
        );
        assert_eq!([0.0, 0.4, 9.94, 9.96, 12_345.0].map(rate), ["0", "0.4", "9.9", "10", "12.3k"]);
    }

    #[test]
    fn times_stay_short() {
        let shown = [
            0.0,
            1.5,
            250.4,
            1_000.0,
            59_999.0,
            60_000.0,
            200_000.0,
            18_180_000.0,
            1_051_200_000.0,
        ];
        let expected =
            ["0.0ms", "1.5ms", "250ms", "1.0s", "59.9s", "1m00s", "3m20s", "5h03m", "12d04h"];
        assert_eq!(shown.map(duration), expected);
        assert_eq!([ago(1_000, 13_999), ago(5, 0), ago(0, 61_500)], ["12s", "0s", "1m01s"]);
    }

    #[test]
    fn texts_are_cut_where_they_can_be_seen_to_be() {
        assert_eq!(fit("short", 5), "short");
        assert_eq!(fit("longer", 5), "long…");
        assert_eq!(fit("緑緑緑", 4), "緑…");
        assert_eq!(fit("text", 0), "");
        assert_eq!(pad("緑", 4, true), "  緑");
    }
}
