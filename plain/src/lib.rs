//! Text of strangers, made harmless: names, messages and whatever else is told by those whom nobody
//! here knows, before it goes to a terminal or a log.
//!
//! | item | for |
//! |---|---|
//! | [`Plain`] | a text that is kept, one line |
//! | [`plain`] | a text that is written, one line |
//! | [`plain_lines`] | one that is written and has lines of its own |
//! | [`escaped_json`] | JSON, whose value stays what it is |

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer};

/// Text in which nothing is left that a terminal would obey or not show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// The text, with something to be seen in the place of what is not harmless.
    pub fn new(text: &str) -> Self {
        Self(plain(text).to_string())
    }

    /// The text that is left.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A string with escapes cannot be borrowed.
        String::deserialize(from).map(|text| Self::new(&text))
    }
}

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is displayed, as one line in which nothing is left that a terminal would obey or not show.
pub fn plain(text: impl fmt::Display) -> impl fmt::Display {
    Shown { text, lines: false }
}

/// The same, but for ends of lines and tabs, which stay.
pub fn plain_lines(text: impl fmt::Display) -> impl fmt::Display {
    Shown { text, lines: true }
}

/// JSON of the same value, with escapes for what JSON does not ask to be escaped and a terminal would
/// obey or not show.
pub fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmless(c) || matches!(c, '\n' | '\r' | '\t') {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A string takes whatever is written.
            _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

struct Shown<T> {
    text: T,
    lines: bool,
}

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Through { to: f, lines: self.lines }, "{}", self.text)
    }
}

/// Makes plain what is written to it.
struct Through<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    lines: bool,
}

impl fmt::Write for Through<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_harmless(*c)) {
            self.to.write_str(&rest[..at])?;
            let stays = self.lines && matches!(c, '\n' | '\t');
            self.to.write_char(if stays { c } else { shown(c) })?;
            rest = &rest[at + c.len_utf8()..];
        }
        self.to.write_str(rest)
    }
}

/// Whether a character stays as it is.
fn is_harmless(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}'
        // They end a line.
        | '\u{2028}' | '\u{2029}'
        // They turn what follows round.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // They are not seen.
        | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
        | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => false,
        _ => true,
    }
}

/// What is shown for a character that does not stay.
fn shown(c: char) -> char {
    /// The first of the pictures that Unicode has of the control characters of ASCII.
    const PICTURES: u32 = 0x2400;
    const PICTURE_OF_DELETE: char = '\u{2421}';
    match c {
        '\t' | '\n' => ' ',
        '\0'..='\x1f' => {
            char::from_u32(PICTURES + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        '\x7f' => PICTURE_OF_DELETE,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVIL: [char; 9] = [
        '\u{1b}',
        '\u{9b}',
        '\r',
        '\u{8}',
        '\u{202e}',
        '\u{2028}',
        '\u{200b}',
        '\u{e0041}',
        '\u{3164}',
    ];

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let all: String = ('\0'..=char::MAX).collect();
        let one_line = Plain::new(&all);
        assert_eq!(one_line.as_str().chars().count(), all.chars().count());
        assert!(!one_line.as_str().chars().any(char::is_control));
        let lines = plain_lines(&all).to_string();
        assert!(lines.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t')));
        for c in EVIL {
            assert!(!one_line.as_str().contains(c) && !lines.contains(c), "{c:?}");
        }
    }

    #[test]
    fn what_was_there_is_still_to_be_seen() {
        assert_eq!(Plain::new("\u{1b}[31mred\u{7}").as_str(), "␛[31mred␇");
        assert_eq!(plain("one\r\ntwo\tthree").to_string(), "one␍ two three");
        assert_eq!(plain_lines("one\r\ntwo\tthree").to_string(), "one␍\ntwo\tthree");
        assert_eq!(Plain::new("grün, 緑, 👩\u{200d}🌾").as_str(), "grün, 緑, 👩\u{200d}🌾");
    }

    #[test]
    fn what_comes_as_json_is_harmless_at_once() {
        let told: Plain = serde_json::from_str(r#""a\u001b]0;title\u0007b""#).expect("a string");
        assert_eq!(told.as_str(), "a␛]0;title␇b");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value: String = ('\0'..=char::MAX).collect();
        let json = serde_json::to_string(&[&value]).expect("JSON");
        let escaped = escaped_json(&json);
        assert_eq!(serde_json::from_str::<[String; 1]>(&escaped).expect("JSON"), [value]);
        for c in EVIL {
            assert!(!escaped.contains(c), "{c:?}");
        }
        assert_eq!(escaped_json("{\n\t\"grün\": 1}\n"), "{\n\t\"grün\": 1}\n");
    }
}
