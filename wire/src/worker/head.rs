//! The head of a message: a MessagePack map whose unknown keys are ignored.

use crate::content::ContentType;
use crate::limits::HEAD_BYTES_MAX;
use crate::msgpack::{BadMsgPack, Reader, Scalar};
use crate::name::QueueName;

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

/// Calls `field` for each pair with its key; what `field` leaves unread (`false`) is passed over.
pub(super) fn read<'a>(
    head: &'a [u8],
    mut field: impl FnMut(&'a str, &mut Reader<'a>) -> Result<bool, BadHead>,
) -> Result<(), BadHead> {
    if head.is_empty() {
        return Ok(());
    }
    if head.len() > HEAD_BYTES_MAX {
        return Err(BadHead::TooLarge(head.len()));
    }
    let mut reader = Reader::new(head);
    for _ in 0..reader.map()? {
        let key = reader.str()?;
        if !field(key, &mut reader)? {
            reader.skip()?;
        }
    }
    Ok(reader.end()?)
}

/// Reads a value as text; nil is none.
pub(super) fn text<'a>(
    reader: &mut Reader<'a>,
    key: &'static str,
) -> Result<Option<&'a str>, BadHead> {
    match reader.scalar() {
        Ok(Scalar::Str(text)) => Ok(Some(text)),
        Ok(Scalar::Nil) => Ok(None),
        _ => Err(BadHead::Value { key, expected: "a string" }),
    }
}

/// Reads a value as an integer from `min` to `max`; nil is none.
pub(super) fn integer(
    reader: &mut Reader<'_>,
    key: &'static str,
    expected: &'static str,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, BadHead> {
    let bad = BadHead::Value { key, expected };
    match reader.scalar() {
        Ok(Scalar::Nil) => Ok(None),
        Ok(Scalar::Int(n)) => match u64::try_from(n) {
            Ok(n) if range.contains(&n) => Ok(Some(n)),
            _ => Err(bad),
        },
        _ => Err(bad),
    }
}

/// Reads a value as a finite number; nil is none.
#[expect(clippy::cast_precision_loss, reason = "progress is a measure, not an identity")]
pub(super) fn number(reader: &mut Reader<'_>, key: &'static str) -> Result<Option<f64>, BadHead> {
    match reader.scalar() {
        Ok(Scalar::Nil) => Ok(None),
        Ok(Scalar::Int(n)) => Ok(Some(n as f64)),
        Ok(Scalar::BigInt(n)) => Ok(Some(n as f64)),
        Ok(Scalar::Float(n)) if n.is_finite() => Ok(Some(n)),
        _ => Err(BadHead::Value { key, expected: "a finite number" }),
    }
}

/// `text`, cut to at most `max` bytes between two characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// Reads a value as thirty-two bytes.
pub(super) fn bytes32(reader: &mut Reader<'_>, key: &'static str) -> Result<[u8; 32], BadHead> {
    match reader.scalar() {
        Ok(Scalar::Bin(bytes)) => bytes.try_into().ok(),
        _ => None,
    }
    .ok_or(BadHead::Value { key, expected: "32 bytes" })
}

/// Reads a value as a queue name.
pub(super) fn queue(reader: &mut Reader<'_>, key: &'static str) -> Result<QueueName, BadHead> {
    text(reader, key)?
        .and_then(|name| name.parse().ok())
        .ok_or(BadHead::Value { key, expected: "a queue name: 1 to 64 bytes of [A-Za-z0-9._-]" })
}

/// Reads `type`; nil is none.
pub(super) fn content_type(reader: &mut Reader<'_>) -> Result<Option<ContentType>, BadHead> {
    let long = BadHead::Value { key: "type", expected: "a media type of at most 128 bytes" };
    text(reader, "type")?.map(|name| ContentType::parse(name).ok_or(long)).transpose()
}

/// Reads a value as a boolean; nil is none.
pub(super) fn boolean(reader: &mut Reader<'_>, key: &'static str) -> Result<Option<bool>, BadHead> {
    match reader.scalar() {
        Ok(Scalar::Nil) => Ok(None),
        Ok(Scalar::Bool(value)) => Ok(Some(value)),
        _ => Err(BadHead::Value { key, expected: "true or false" }),
    }
}
