//! What comes of jobs: results, parts of them, messages on topics.

use acequia_wire::limits::NESTING_MAX;
use acequia_wire::{ContentType, Payload};
use bytes::Bytes;
use serde::de::value::{BorrowedBytesDeserializer, BorrowedStrDeserializer};
use serde::{Deserialize, de};

/// A result, a part of one, or what was published: bytes, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data(Payload);

/// What was sent is not what was expected.
#[derive(Debug, thiserror::Error)]
#[error("what is {content_type} is not read as expected: {what}")]
pub struct Unreadable {
    content_type: ContentType,
    what: String,
}

impl Data {
    /// The type. Over a WebSocket it is told as far as it matters: `application/json` or
    /// `application/msgpack` for values, `text/plain` for text in MessagePack, `application/octet-stream`
    /// for all other bytes. Over HTTP it is the worker's own.
    pub fn content_type(&self) -> &ContentType {
        self.0.content_type()
    }

    /// The bytes as they are: of JSON the text, of MessagePack its encoding.
    pub fn bytes(&self) -> &Bytes {
        self.0.bytes()
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// What it says: a value of JSON or MessagePack, a text as a string, anything else as bytes.
    ///
    /// ```
    /// # use acequia_client::Data;
    /// # fn read(result: Data) -> Result<(), acequia_client::Unreadable> {
    /// let shouted: String = result.read()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If it is something else than a `T`.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Unreadable> {
        let bytes = self.bytes();
        match self.content_type() {
            ContentType::Json => serde_json::from_slice(bytes).map_err(|error| self.bad(error)),
            ContentType::MsgPack => {
                let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
                // By default it follows hostile bytes deeper than a thread's stack may reach.
                reader.set_max_depth(NESTING_MAX);
                T::deserialize(&mut reader).map_err(|error| self.bad(error))
            }
            other if other.as_str().starts_with("text/") => {
                let text = std::str::from_utf8(bytes).map_err(|error| self.bad(error))?;
                T::deserialize(BorrowedStrDeserializer::new(text)).map_err(|e: Said| self.bad(e))
            }
            _ => {
                T::deserialize(BorrowedBytesDeserializer::new(bytes)).map_err(|e: Said| self.bad(e))
            }
        }
    }

    fn bad(&self, error: impl std::fmt::Display) -> Unreadable {
        Unreadable { content_type: self.content_type().clone(), what: error.to_string() }
    }
}

type Said = de::value::Error;

impl From<Payload> for Data {
    fn from(payload: Payload) -> Self {
        Self(payload)
    }
}

impl From<Data> for Payload {
    fn from(data: Data) -> Self {
        data.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(content_type: &str, bytes: &'static [u8]) -> Data {
        let content_type = ContentType::parse(content_type).expect("short");
        Payload::new(content_type, Bytes::from_static(bytes)).expect("as it says").into()
    }

    #[test]
    fn it_is_read_as_what_it_is() {
        let read = |content_type, bytes| data(content_type, bytes).read::<String>();
        assert_eq!(read("application/json", b"\"a\"").expect("text"), "a");
        assert_eq!(read("application/msgpack", b"\xa1a").expect("text"), "a");
        assert_eq!(read("text/html", b"a").expect("text"), "a");
        assert!(read("text/plain", b"\xff").is_err());
        let said = read("application/json", b"1").expect_err("a number").to_string();
        assert!(said.contains("application/json") && said.contains("string"), "{said}");
        assert_eq!(data("image/png", b"\x89").read::<&[u8]>().expect("bytes"), b"\x89");
        assert_eq!(data("application/json", b"[1]").read::<Vec<u8>>().expect("numbers"), [1]);
    }
}
