//! Text of others, made harmless.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Text in which nothing is left that a terminal would obey or not show: names, messages and
/// whatever else is told by those whom nobody here knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// The text, with something to be seen in the place of what is not harmless.
    pub fn new(text: &str) -> Self {
        Self(text.chars().map(shown).collect())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is shown for a character.
fn shown(c: char) -> char {
    /// The first of the pictures that Unicode has of the control characters of ASCII.
    const PICTURES: u32 = 0x2400;
    const PICTURE_OF_DELETE: char = '\u{2421}';
    match c {
        '\t' | '\n' => ' ',
        '\0'..='\x1f' => char::from_u32(PICTURES + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => PICTURE_OF_DELETE,
        '\u{80}'..='\u{9f}'
        // They end a line.
        | '\u{2028}' | '\u{2029}'
        // They turn what follows round.
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // They are not seen.
        | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => {
            char::REPLACEMENT_CHARACTER
        }
        _ => c,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let all: String = ('\0'..=char::MAX).collect();
        let plain = Plain::new(&all);
        assert_eq!(plain.as_str().chars().count(), all.chars().count());
        assert!(!plain.as_str().chars().any(char::is_control));
        for c in ['\u{1b}', '\u{9b}', '\r', '\u{8}', '\u{202e}', '\u{2028}', '\u{200b}'] {
            assert!(!plain.as_str().contains(c), "{c:?}");
        }
    }

    #[test]
    fn what_was_there_is_still_to_be_seen() {
        assert_eq!(Plain::new("\u{1b}[31mred\u{7}").as_str(), "␛[31mred␇");
        assert_eq!(Plain::new("one\ntwo\tthree").as_str(), "one two three");
        assert_eq!(Plain::new("grün, 緑, 👩\u{200d}🌾").as_str(), "grün, 緑, 👩\u{200d}🌾");
    }

    #[test]
    fn what_comes_as_json_is_harmless_at_once() {
        let told: Plain = serde_json::from_str(r#""a\u001b]0;title\u0007b""#).expect("a string");
        assert_eq!(told.as_str(), "a␛]0;title␇b");
    }
}
