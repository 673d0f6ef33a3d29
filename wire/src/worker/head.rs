//! The head of a message: a MessagePack map whose unknown keys are ignored.
//!
//! Workers are written in many languages, and their packers differ in what they make of a string,
//! a number or a boolean. So whatever can only mean one thing is taken as that: the rules are
//! those of [`Value`].

use std::borrow::Cow;

use crate::content::ContentType;
use crate::limits::HEAD_BYTES_MAX;
use crate::msgpack::{BadMsgPack, Reader, Scalar};
use crate::name::QueueName;
use crate::number;

/// Why a head is not what its kind wants.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// Larger than the limit.
    #[error("{0} bytes, over the limit of {HEAD_BYTES_MAX}")]
    TooLarge(usize),
    /// Not a MessagePack map.
    #[error("not a MessagePack map: {0}")]
    MsgPack(#[from] BadMsgPack),
    /// A key whose value is not what it must be.
    #[error("`{key}` must be {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// What its value must be.
        expected: &'static str,
    },
    /// A key that must be there and is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
}

/// Calls `field` for each pair of a key that is text and its value. A head that is empty, nil or
/// an empty array has no pairs: some packers know no empty map.
pub(super) fn read<'a>(
    head: &'a [u8],
    mut field: impl FnMut(&'a str, Value<'a>) -> Result<(), BadHead>,
) -> Result<(), BadHead> {
    if head.is_empty() || head == NIL {
        return Ok(());
    }
    if head.len() > HEAD_BYTES_MAX {
        return Err(BadHead::TooLarge(head.len()));
    }
    let mut reader = Reader::new(head);
    if reader.try_array()? == Some(0) {
        return Ok(reader.end()?);
    }
    for _ in 0..reader.map()? {
        let (key, value) = (Value(reader.skip()?), Value(reader.skip()?));
        // A key that is no text is none that is known here.
        if let Some(key) = key.str() {
            field(key, value)?;
        }
    }
    Ok(reader.end()?)
}

/// Nil, as MessagePack has it.
const NIL: [u8; 1] = [0xc0];

/// The value of a key, as MessagePack.
#[derive(Clone, Copy)]
pub(super) struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    fn scalar(self) -> Option<Scalar<'a>> {
        Reader::new(self.0).scalar().ok()
    }

    /// `str` or `bin`, if it is UTF-8.
    fn str(self) -> Option<&'a str> {
        match self.scalar()? {
            Scalar::Str(text) => Some(text),
            Scalar::Bin(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// What names something, as `str` or `bin`; nil is none.
    pub(super) fn name(self, key: &'static str) -> Result<Option<&'a str>, BadHead> {
        match self.scalar() {
            Some(Scalar::Nil) => Ok(None),
            _ => self.str().map(Some).ok_or(BadHead::Value { key, expected: "text in UTF-8" }),
        }
    }

    /// Words for people, cut to `max` bytes between two characters: `str` or `bin`, with what is
    /// not UTF-8 replaced, or a number or a boolean as it is written; nil is none.
    pub(super) fn words(self, key: &'static str, max: usize) -> Result<Option<String>, BadHead> {
        let text: Cow<'_, str> = match self.scalar() {
            Some(Scalar::Nil) => return Ok(None),
            Some(Scalar::Str(text)) => text.into(),
            Some(Scalar::Bin(bytes) | Scalar::NotUtf8(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                // Of what is very long, only the beginning is looked at. It does not get shorter.
                Err(_) => String::from_utf8_lossy(&bytes[..bytes.len().min(max + 4)]),
            },
            Some(Scalar::Int(n)) => n.to_string().into(),
            Some(Scalar::BigInt(n)) => n.to_string().into(),
            Some(Scalar::Float(n)) => n.to_string().into(),
            Some(Scalar::Bool(value)) => value.to_string().into(),
            None => return Err(BadHead::Value { key, expected: "a string" }),
        };
        Ok(Some(text[..text.floor_char_boundary(max)].to_owned()))
    }

    /// An integer: also as a whole float, or as its digits; nil is none.
    pub(super) fn integer(
        self,
        key: &'static str,
        expected: &'static str,
    ) -> Result<Option<i128>, BadHead> {
        let n = match self.scalar() {
            Some(Scalar::Nil) => return Ok(None),
            Some(Scalar::Int(n)) => Some(n.into()),
            Some(Scalar::BigInt(n)) => Some(n.into()),
            Some(Scalar::Float(n)) => number::integer(n),
            _ => self.str().and_then(|digits| digits.trim().parse().ok()),
        };
        n.map(Some).ok_or(BadHead::Value { key, expected })
    }

    /// An integer within `range`; nil is none.
    pub(super) fn within(
        self,
        key: &'static str,
        expected: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, BadHead> {
        let bad = BadHead::Value { key, expected };
        match self.integer(key, expected)?.map(u64::try_from) {
            None => Ok(None),
            Some(Ok(n)) if range.contains(&n) => Ok(Some(n)),
            Some(_) => Err(bad),
        }
    }

    /// An integer of at least zero, where more than `max` is as good as `max`; nil is none.
    pub(super) fn at_most(
        self,
        key: &'static str,
        expected: &'static str,
        max: u32,
    ) -> Result<Option<u32>, BadHead> {
        match self.integer(key, expected)? {
            None => Ok(None),
            Some(n) if n < 0 => Err(BadHead::Value { key, expected }),
            Some(n) => Ok(Some(u32::try_from(n).map_or(max, |n| n.min(max)))),
        }
    }

    /// A number, also as its digits; nil is none, and so is one that is not finite.
    #[expect(clippy::cast_precision_loss, reason = "progress is a measure, not an identity")]
    pub(super) fn number(self, key: &'static str) -> Result<Option<f64>, BadHead> {
        let n = match self.scalar() {
            Some(Scalar::Nil) => return Ok(None),
            Some(Scalar::Int(n)) => Some(n as f64),
            Some(Scalar::BigInt(n)) => Some(n as f64),
            Some(Scalar::Float(n)) => Some(n),
            _ => self.str().and_then(|digits| digits.trim().parse().ok()),
        };
        let n = n.ok_or(BadHead::Value { key, expected: "a number" })?;
        Ok(Some(n).filter(|n| n.is_finite()))
    }

    /// A boolean: also a number, which is true unless it is zero, or text, which is true unless it
    /// is empty, `0`, `false`, `no` or `off`; nil is none.
    pub(super) fn boolean(self, key: &'static str) -> Result<Option<bool>, BadHead> {
        const FALSE: [&str; 5] = ["", "0", "false", "no", "off"];
        match self.scalar() {
            Some(Scalar::Nil) => Ok(None),
            Some(Scalar::Bool(value)) => Ok(Some(value)),
            Some(Scalar::Int(n)) => Ok(Some(n != 0)),
            Some(Scalar::BigInt(_) | Scalar::NotUtf8(_)) => Ok(Some(true)),
            Some(Scalar::Float(n)) => Ok(Some(n != 0.0 && !n.is_nan())),
            Some(Scalar::Str(_) | Scalar::Bin(_)) => {
                let text = self.str().unwrap_or("true");
                Ok(Some(!FALSE.iter().any(|word| text.eq_ignore_ascii_case(word))))
            }
            None => Err(BadHead::Value { key, expected: "true or false" }),
        }
    }

    /// Thirty-two bytes, as `bin` or as `str`, whether or not that is UTF-8; nil is none.
    pub(super) fn bytes32(self, key: &'static str) -> Result<Option<[u8; 32]>, BadHead> {
        let bytes = match self.scalar() {
            Some(Scalar::Nil) => return Ok(None),
            Some(Scalar::Bin(bytes) | Scalar::NotUtf8(bytes)) => Some(bytes),
            Some(Scalar::Str(text)) => Some(text.as_bytes()),
            _ => None,
        };
        let exactly = bytes.and_then(|bytes| bytes.try_into().ok());
        exactly.map(Some).ok_or(BadHead::Value { key, expected: "32 bytes" })
    }

    /// A queue's name.
    pub(super) fn queue(self, key: &'static str) -> Result<QueueName, BadHead> {
        self.str().and_then(|name| name.parse().ok()).ok_or(BadHead::Value {
            key,
            expected: "a queue name: 1 to 64 bytes of [A-Za-z0-9._-]",
        })
    }

    /// A media type; nil is none.
    pub(super) fn content_type(self) -> Result<Option<ContentType>, BadHead> {
        let expected = "a media type of at most 128 bytes";
        self.name("type")?
            .map(|name| ContentType::parse(name).ok_or(BadHead::Value { key: "type", expected }))
            .transpose()
    }

    /// Calls `item` for each value of an array; false if it is none.
    pub(super) fn each(
        self,
        mut item: impl FnMut(Value<'a>) -> Result<(), BadHead>,
    ) -> Result<bool, BadHead> {
        let mut reader = Reader::new(self.0);
        let Some(len) = reader.try_array()? else { return Ok(false) };
        for _ in 0..len {
            item(Value(reader.skip()?))?;
        }
        Ok(true)
    }

    /// Calls `pair` for each key and value of a map of strings.
    pub(super) fn each_pair(self, mut pair: impl FnMut(&'a str, &'a str)) -> Result<(), BadHead> {
        let mut reader = Reader::new(self.0);
        for _ in 0..reader.map()? {
            let (key, value) = (reader.str()?, reader.str()?);
            pair(key, value);
        }
        Ok(())
    }
}
