//! JSON as the same value in MessagePack.
//!
//! MessagePack says how long an array or a map is before what is in it. So the text is walked
//! twice: first the values of each array and map are counted, then all is written.

use memchr::memchr;

use crate::limits::NESTING_MAX;
use crate::msgpack::write::{self, Buffer};

/// `json`, which is JSON, as the same value in MessagePack.
///
/// `None` if MessagePack does not hold it as it is, or no reader would be sure to see it so: an
/// integer beyond 64 bits, a number beyond a double, half of a surrogate pair, a key that is twice
/// in a map; or if it is nested too deep.
pub(crate) fn json_as_msgpack(json: &str) -> Option<Vec<u8>> {
    let mut writer = Writer {
        sizes: sizes(json.as_bytes())?.into_iter(),
        out: Buffer::new(),
        rest: json,
        keys: Vec::new(),
    };
    writer.out.as_mut_vec().reserve(json.len());
    writer.values()?;
    writer.rest.trim_ascii_start().is_empty().then(|| writer.out.into_vec())
}

/// How many values, or pairs, each array and map holds, in the order in which they begin.
fn sizes(json: &[u8]) -> Option<Vec<u32>> {
    let mut sizes: Vec<u32> = Vec::new();
    // The arrays and maps that are open, and whether something is in them.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b']' | b'}' => {
                let (nth, has_any) = open.pop()?;
                sizes[nth] += u32::from(has_any);
                continue;
            }
            b',' => {
                sizes[open.last()?.0] += 1;
                continue;
            }
            _ => {}
        }
        if let Some((_, has_any)) = open.last_mut() {
            *has_any = true;
        }
        match byte {
            b'"' => at += string_len(&json[at..])?,
            b'[' | b'{' => {
                if open.len() == NESTING_MAX {
                    return None;
                }
                open.push((sizes.len(), false));
                sizes.push(0);
            }
            _ => {}
        }
    }
    open.is_empty().then_some(sizes)
}

/// The bytes of a string from behind its first quote on, with its last.
fn string_len(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let quote = at + memchr(b'"', rest.get(at..)?)?;
        // An even number of backslashes before it are escapes of one another.
        let escapes = rest[at..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        at = quote + 1;
        if escapes % 2 == 0 {
            return Some(at);
        }
    }
}

/// What is open around the value that comes next.
enum Open {
    /// So many values of an array are still to come.
    Array(u32),
    /// So many pairs of a map are still to come, and its keys begin at this one.
    Map(u32, usize),
}

struct Writer<'a> {
    sizes: std::vec::IntoIter<u32>,
    out: Buffer,
    rest: &'a str,
    /// Where in `out` the keys are of the maps that are open.
    keys: Vec<(usize, usize)>,
}

impl Writer<'_> {
    /// Writes one value with all that is in it.
    fn values(&mut self) -> Option<()> {
        let mut open = Vec::new();
        self.value(&mut open)?;
        while let Some(last) = open.last_mut() {
            match last {
                Open::Array(0) => {
                    self.take("]")?;
                    open.pop();
                }
                Open::Array(left) => {
                    *left -= 1;
                    self.rest = self.rest.trim_ascii_start();
                    self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                    self.value(&mut open)?;
                }
                Open::Map(0, first_key) => {
                    let first_key = *first_key;
                    self.take("}")?;
                    self.check_keys(first_key)?;
                    open.pop();
                }
                Open::Map(left, _) => {
                    *left -= 1;
                    self.rest = self.rest.trim_ascii_start();
                    self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                    self.take("\"")?;
                    let start = self.out.as_slice().len();
                    self.string()?;
                    self.keys.push((start, self.out.as_slice().len()));
                    self.take(":")?;
                    self.value(&mut open)?;
                }
            }
        }
        Some(())
    }

    /// Passes `token` and the space before it.
    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(token)?;
        Some(())
    }

    /// That no key of the innermost map is there twice.
    fn check_keys(&mut self, first: usize) -> Option<()> {
        let bytes = self.out.as_slice();
        let keys = &mut self.keys[first..];
        keys.sort_unstable_by_key(|(start, end)| &bytes[*start..*end]);
        let mut pairs = keys.windows(2);
        let twice = pairs.any(|pair| bytes[pair[0].0..pair[0].1] == bytes[pair[1].0..pair[1].1]);
        self.keys.truncate(first);
        (!twice).then_some(())
    }

    /// Writes a scalar, or the header of an array or a map, which then is open.
    fn value(&mut self, open: &mut Vec<Open>) -> Option<()> {
        self.rest = self.rest.trim_ascii_start();
        match self.rest.as_bytes().first()? {
            b'"' => {
                self.take("\"")?;
                self.string()
            }
            b'[' => {
                let size = self.begin("[")?;
                write::array(&mut self.out, size);
                open.push(Open::Array(size));
                Some(())
            }
            b'{' => {
                let size = self.begin("{")?;
                write::map(&mut self.out, size);
                open.push(Open::Map(size, self.keys.len()));
                Some(())
            }
            b't' => {
                self.take("true")?;
                write::bool(&mut self.out, true);
                Some(())
            }
            b'f' => {
                self.take("false")?;
                write::bool(&mut self.out, false);
                Some(())
            }
            b'n' => {
                self.take("null")?;
                write::nil(&mut self.out);
                Some(())
            }
            _ => self.number(),
        }
    }

    fn begin(&mut self, token: &str) -> Option<u32> {
        self.take(token)?;
        self.sizes.next()
    }

    /// Writes a string whose first quote is passed.
    fn string(&mut self) -> Option<()> {
        let (string, rest) = self.rest.split_at(string_len(self.rest.as_bytes())?);
        self.rest = rest;
        let text = string.strip_suffix('"')?;
        if memchr(b'\\', text.as_bytes()).is_none() {
            write::str(&mut self.out, text);
        } else {
            let quoted = format!("\"{string}");
            write::str(&mut self.out, &serde_json::from_str::<String>(&quoted).ok()?);
        }
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let len = self.rest.bytes().take_while(is_part).count();
        let (number, rest) = self.rest.split_at(len);
        self.rest = rest;
        if number.contains(['.', 'e', 'E']) {
            let float = number.parse::<f64>().ok().filter(|n| n.is_finite())?;
            write::float(&mut self.out, float);
        } else if let Ok(n) = number.parse::<u64>() {
            write::uint(&mut self.out, n);
        } else {
            write::int(&mut self.out, number.parse().ok()?);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(json: &str) -> Option<String> {
        let bytes = json_as_msgpack(json)?;
        Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    #[test]
    fn values_are_the_same() {
        for (json, msgpack) in [
            ("null", "c0"),
            (" true ", "c3"),
            ("0", "00"),
            ("-0", "00"),
            ("-0.0", "cb8000000000000000"),
            ("1.0", "cb3ff0000000000000"),
            ("1e2", "cb4059000000000000"),
            ("-1", "ff"),
            ("18446744073709551615", "cfffffffffffffffff"),
            ("-9223372036854775808", "d38000000000000000"),
            ("\"a\\n\\\\\"", "a3610a5c"),
            ("\"\\\\\\\"\"", "a25c22"),
            ("\"\\ud83d\\ude00\"", "a4f09f9880"),
            ("\"\\u0000\"", "a100"),
            ("[ ]", "90"),
            ("{ }", "80"),
            ("[[],{},[1]]", "9390809101"),
            (" [ 1 , \"],[\" , { \"b\" : [ ] , \"a\" : 2 } ] ", "9301a35d2c5b82a16290a16102"),
            (
                "{\"$serde_json::private::RawValue\":\"[1]\"}",
                "81be2473657264655f6a736f6e3a3a707269766174653a3a52617756616c7565a35b315d",
            ),
            (
                "{\"$serde_json::private::Number\":\"1\"}",
                "81bc2473657264655f6a736f6e3a3a707269766174653a3a4e756d626572a131",
            ),
        ] {
            assert_eq!(hex(json).as_deref(), Some(msgpack), "{json}");
        }
    }

    #[test]
    fn what_messagepack_does_not_hold_is_left() {
        for json in [
            "18446744073709551616",
            "-9223372036854775809",
            "[123456789012345678901234567890]",
            "1e400",
            "\"\\ud800\"",
            "{\"\\udc00\":1}",
            "{\"a\":1,\"b\":2,\"a\":1}",
            "[{\"a\":1,\"\\u0061\":2}]",
        ] {
            assert_eq!(hex(json), None, "{json}");
        }
    }

    #[test]
    fn depth_is_bounded_and_siblings_do_not_count() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(hex(&nested(NESTING_MAX)).is_some());
        assert_eq!(hex(&nested(NESTING_MAX + 1)), None);
        assert!(hex(&format!("[{}[]]", "[],".repeat(1000))).is_some());
        assert!(hex("[{\"a\":{\"a\":1}},{\"a\":1}]").is_some());
    }

    #[test]
    fn what_is_no_json_makes_no_panic() {
        for text in
            ["", "[", "]", "[1", "{\"a\"", "{\"a\":}", "\"", "\"\\\"", "[,]", "1 2", "-", "[1 2]"]
        {
            assert_eq!(hex(text), None, "{text}");
        }
    }
}
