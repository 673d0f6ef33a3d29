//! The check that bytes are one JSON value, without building it.

use memchr::memchr2_iter;
use serde::de::IgnoredAny;

use crate::limits::NESTING_MAX;

/// Why bytes are not one JSON value that we would pass on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadJson {
    /// Not UTF-8.
    #[error("not UTF-8 at byte {0}")]
    NotUtf8(usize),
    /// Not JSON; what the parser said.
    #[error("{0}")]
    Syntax(Box<str>),
    /// Nested too deep.
    #[error("nested deeper than {NESTING_MAX} levels")]
    TooDeep,
}

/// The text of `bytes` if they are exactly one JSON value.
pub(crate) fn check(bytes: &[u8]) -> Result<&str, BadJson> {
    let text = std::str::from_utf8(bytes).map_err(|e| BadJson::NotUtf8(e.valid_up_to()))?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|e| BadJson::Syntax(e.to_string().into_boxed_str()))?;
    check_nesting(text)?;
    Ok(text)
}

/// That `text`, which is JSON, is not nested too deep for a common parser.
pub(crate) fn check_nesting(text: &str) -> Result<(), BadJson> {
    // Most values are short or no lists and maps, or hold fewer brackets than the limit has levels:
    // then there is nothing to walk.
    let is_flat = !text.trim_ascii_start().starts_with(['[', '{']);
    if is_flat || text.len() <= NESTING_MAX {
        return Ok(());
    }
    if memchr2_iter(b'[', b'{', text.as_bytes()).nth(NESTING_MAX).is_none() {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > NESTING_MAX {
                    return Err(BadJson::TooDeep);
                }
            }
            b']' | b'}' => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_passes() {
        for text in ["1", " {\"a\":[1,2,{}]} ", "\"[[[[\"", "null"] {
            assert_eq!(check(text.as_bytes()), Ok(text));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "{", "1 2", "HELLO", "{\"A\":TRUE}", "[1,]"] {
            assert!(matches!(check(text.as_bytes()), Err(BadJson::Syntax(_))), "{text}");
        }
        assert_eq!(check(b"\"\xff\""), Err(BadJson::NotUtf8(1)));
    }

    #[test]
    fn nesting_is_counted_outside_strings() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check(nested(NESTING_MAX).as_bytes()).is_ok());
        assert_eq!(check(nested(NESTING_MAX + 1).as_bytes()), Err(BadJson::TooDeep));
        assert_eq!(check(nested(100_000).as_bytes()), Err(BadJson::TooDeep));
        let in_string = format!("[\"\\\"{}\"]", "[".repeat(1000));
        assert!(check(in_string.as_bytes()).is_ok());
    }
}
