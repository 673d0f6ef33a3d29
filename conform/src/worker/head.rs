//! The head of a worker's message, looked at more closely than the server does.

use std::collections::BTreeSet;
use std::fmt;

use acequia_wire::limits::{HEAD_BYTES_MAX, NESTING_MAX};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// What is wrong with a head, and the rule that says so.
pub(crate) fn faults(head: &[u8]) -> Vec<(&'static str, String)> {
    match head {
        [] => return Vec::new(),
        [0xc0] => return vec![("W15", "a head that is nil".to_owned())],
        [0x90] => return vec![("W15", "a head that is an empty array".to_owned())],
        _ => {}
    }
    if head.len() > HEAD_BYTES_MAX {
        return vec![(
            "W14",
            format!("a head of {} bytes; it may have {HEAD_BYTES_MAX}", head.len()),
        )];
    }
    let mut reader = rmp_serde::Deserializer::from_read_ref(head);
    reader.set_max_depth(NESTING_MAX + 1);
    match Keys::deserialize(&mut reader) {
        Err(error) => vec![("W14", format!("a head that is no MessagePack map: {error}"))],
        Ok(Keys(keys)) => {
            let mut seen = BTreeSet::new();
            let twice = keys.iter().filter(|key| !seen.insert(*key));
            twice.map(|key| ("W13", format!("the key `{key}` is in a head twice"))).collect()
        }
    }
}

/// The keys of a map, in order.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_map(Map)
    }
}

struct Map;

impl<'de> Visitor<'de> for Map {
    type Value = Keys;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Vec::new();
        while let Some((Key(key), IgnoredAny)) = map.next_entry()? {
            keys.push(key);
        }
        Ok(Keys(keys))
    }
}

/// A key: `str`, or `bin` in UTF-8, as the server takes both.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a string for a key")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.to_owned()))
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Key, E> {
                let text =
                    std::str::from_utf8(bytes).map_err(|_| E::custom("a key that is no text"))?;
                Ok(Key(text.to_owned()))
            }
        }
        reader.deserialize_any(Text).map_err(|error| D::Error::custom(error.to_string()))
    }
}
