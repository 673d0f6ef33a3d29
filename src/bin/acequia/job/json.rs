//! MessagePack as JSON of the same value.
//!
//! Not by way of `serde_json::Value`: that takes a map with a certain key for JSON that somebody else
//! has checked.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The JSON of a MessagePack value; none if JSON cannot say it: bytes, keys that are no texts, numbers
/// that are none.
pub(crate) fn of_msgpack(bytes: &[u8]) -> Option<String> {
    let mut json = String::new();
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    Value(&mut json).deserialize(&mut reader).ok()?;
    Some(json)
}

/// Where the next value is written.
struct Value<'a>(&'a mut String);

/// The same for a key of a map.
struct Key<'a>(&'a mut String);

impl Value<'_> {
    fn write<E: Error>(self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), E> {
        *self.0 += &serde_json::to_string(value).map_err(E::custom)?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key that is a text")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        Value(self.0).write(key)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.write(&())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.write(&())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        if !value.is_finite() {
            return Err(E::custom("JSON has no such number"));
        }
        self.write(&value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.write(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        self.0.push('[');
        let empty = self.0.len();
        loop {
            let end = self.0.len();
            if end > empty {
                self.0.push(',');
            }
            if values.next_element_seed(Value(self.0))?.is_none() {
                self.0.truncate(end);
                self.0.push(']');
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<(), A::Error> {
        self.0.push('{');
        let empty = self.0.len();
        loop {
            let end = self.0.len();
            if end > empty {
                self.0.push(',');
            }
            if pairs.next_key_seed(Key(self.0))?.is_none() {
                self.0.truncate(end);
                self.0.push('}');
                return Ok(());
            }
            self.0.push(':');
            pairs.next_value_seed(Value(self.0))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_the_same() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!([1, -2, 1.5, 1.0, true, "a\"b", [], {"k": {"l": [null]}}]),
            json!([u64::MAX, i64::MIN]),
        ] {
            let packed = rmp_serde::to_vec(&value).unwrap();
            assert_eq!(of_msgpack(&packed), Some(value.to_string()));
        }
    }

    #[test]
    fn no_key_smuggles_json() {
        for key in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            let packed = rmp_serde::to_vec(&std::collections::HashMap::from([(key, "[1,2]")]));
            let json = format!("{{\"{key}\":\"[1,2]\"}}");
            assert_eq!(of_msgpack(&packed.unwrap()), Some(json));
        }
    }

    #[test]
    fn what_json_cannot_say_is_left() {
        let not_json: [&[u8]; 5] = [
            // Bytes; a number for a key; no number; an extension; half a value.
            b"\xc4\x01a",
            b"\x81\x01\x02",
            b"\xcb\x7f\xf8\0\0\0\0\0\0",
            b"\xd4\x01\x00",
            b"\x92\x01",
        ];
        for packed in not_json {
            assert_eq!(of_msgpack(packed), None, "{packed:?}");
        }
    }
}
