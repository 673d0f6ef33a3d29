//! What a payload or a result is, and the check that it is what it says.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::limits::CONTENT_TYPE_BYTES_MAX;
use crate::{json, msgpack};

/// Bytes fewer than these are copied out of what they came in: to copy them costs less than to
/// keep the whole buffer of a socket alive for them.
const OWN_COPY_BYTES: usize = 1 << 10;

/// The same for what comes from workers. Their messages lie behind one another in buffers as large
/// as the largest of them, of which a slice does not tell.
const OWN_COPY_BODY_BYTES: usize = 16 << 10;

/// The media type of a payload, a chunk or a result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// `application/json`
    Json,
    /// `application/msgpack`
    MsgPack,
    /// `application/octet-stream`
    Octets,
    /// `text/plain`
    Text,
    /// Any other, at most [`CONTENT_TYPE_BYTES_MAX`] bytes.
    Other(Arc<str>),
}

impl ContentType {
    /// The type that `name` stands for; `None` if it is longer than [`CONTENT_TYPE_BYTES_MAX`].
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "application/json" => Self::Json,
            "application/msgpack" => Self::MsgPack,
            "application/octet-stream" => Self::Octets,
            "text/plain" => Self::Text,
            other if other.len() <= CONTENT_TYPE_BYTES_MAX => Self::Other(other.into()),
            _ => return None,
        })
    }

    /// The media type as text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Json => "application/json",
            Self::MsgPack => "application/msgpack",
            Self::Octets => "application/octet-stream",
            Self::Text => "text/plain",
            Self::Other(name) => name,
        }
    }

    /// Whether a client sees this as a string.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Self::Text => true,
            Self::Other(name) => name.starts_with("text/"),
            Self::Json | Self::MsgPack | Self::Octets => false,
        }
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Bytes that are what their type says: JSON is one JSON value, MessagePack one MessagePack value.
///
/// Only this crate makes one, from bytes that it has checked, so an event can embed it as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    content_type: ContentType,
    bytes: Bytes,
}

impl Payload {
    /// A payload that somebody has looked at before, and found to be what it says.
    pub fn of_checked(content_type: ContentType, bytes: Bytes) -> Self {
        Self { content_type, bytes }
    }

    /// A payload of the given type, after a check that it is what it says.
    ///
    /// # Errors
    /// If the type is JSON or MessagePack and the bytes are not one such value, or it is nested
    /// deeper than [`NESTING_MAX`](crate::limits::NESTING_MAX).
    pub fn new(content_type: ContentType, bytes: Bytes) -> Result<Self, BadBody> {
        Body::new(Some(content_type), bytes).resolve(&ContentType::Octets)
    }

    /// This payload as bytes of its own, if it is small beside the `within` bytes that it may be
    /// a slice of: a slice keeps all of them alive, for as long as the job waits.
    #[must_use]
    pub fn owned_if_small(self, within: usize) -> Self {
        let len = self.bytes.len();
        if len < OWN_COPY_BYTES || len < within / 2 { self.detached() } else { self }
    }

    /// Gives back what it took to share the bytes, if they are few and nobody shares them any more.
    pub fn unshare(&mut self) {
        // More may have to be moved for that.
        if self.bytes.len() < OWN_COPY_BYTES && self.bytes.is_unique() {
            self.bytes = Vec::from(std::mem::take(&mut self.bytes)).into();
        }
    }

    /// The media type.
    pub fn content_type(&self) -> &ContentType {
        &self.content_type
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same in memory of its own: bytes that came in keep all alive that they are a slice of.
    #[must_use]
    pub fn detached(&self) -> Self {
        let bytes = Bytes::copy_from_slice(&self.bytes);
        Self { content_type: self.content_type.clone(), bytes }
    }

    /// The bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// A result or chunk as a worker sent it: its type may be left to the job's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    declared: Option<ContentType>,
    bytes: Bytes,
    /// Whether the bytes are JSON, looked at where it may matter. Found out while decoding, which
    /// is done beside the one task that asks for it.
    json: Result<(), json::BadJson>,
}

impl Body {
    /// A body of the declared type, or of the job's.
    pub fn new(declared: Option<ContentType>, bytes: Bytes) -> Self {
        let json = match declared {
            None | Some(ContentType::Json) => json::check(&bytes).map(drop),
            Some(_) => Ok(()),
        };
        Self { declared, bytes, json }
    }

    /// A body of which somebody has found before that it is JSON, if it says so.
    pub fn of_checked(declared: Option<ContentType>, bytes: Bytes) -> Self {
        Self { declared, bytes, json: Ok(()) }
    }

    /// Whether it is JSON, or need not be.
    pub fn is_checked(&self) -> bool {
        self.json.is_ok()
    }

    /// This body as bytes of its own, if it is small: a slice keeps alive the buffer that it came
    /// in, which may hold a large one too.
    #[must_use]
    pub(crate) fn owned_if_small(mut self) -> Self {
        if self.bytes.len() < OWN_COPY_BODY_BYTES {
            self.bytes = Bytes::copy_from_slice(&self.bytes);
        }
        self
    }

    /// The type that the worker declared.
    pub fn declared(&self) -> Option<&ContentType> {
        self.declared.as_ref()
    }

    /// The bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The payload that this is, where `default` is the type of the job.
    ///
    /// # Errors
    /// If it is not what its type says.
    pub fn resolve(self, default: &ContentType) -> Result<Payload, BadBody> {
        let content_type = self.declared.unwrap_or_else(|| default.clone());
        match content_type {
            ContentType::Json => self.json.map_err(BadBody::Json)?,
            ContentType::MsgPack => msgpack::check(&self.bytes).map_err(BadBody::MsgPack)?,
            ContentType::Octets | ContentType::Text | ContentType::Other(_) => {}
        }
        Ok(Payload { content_type, bytes: self.bytes })
    }
}

/// A body that is not what its type says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// Not one JSON value.
    #[error(
        "not valid JSON: {0}; declare another type, such as text/plain or application/octet-stream"
    )]
    Json(json::BadJson),
    /// Not one MessagePack value.
    #[error("not valid MessagePack: {0}; declare another type, such as application/octet-stream")]
    MsgPack(msgpack::BadMsgPack),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_stays_and_what_is_not_gives_back_its_room() {
        let mut payload =
            Payload::new(ContentType::Text, Bytes::copy_from_slice(b"small")).expect("text");
        let shared = payload.clone();
        let at = payload.bytes().as_ptr();
        payload.unshare();
        assert_eq!((payload.bytes().as_ptr(), &payload), (at, &shared));
        drop(shared);
        assert!(payload.bytes().is_unique());
        payload.unshare();
        // Not copied.
        assert_eq!((payload.bytes().as_ptr(), &payload.bytes()[..]), (at, &b"small"[..]));
    }
}
