//! What a handler returns, and what it sends on the way there.

use acequia_wire::code::ServerFailCode;
use acequia_wire::limits::CONTENT_TYPE_BYTES_MAX;
use acequia_wire::{Body, ContentType};
use bytes::Bytes;
use serde::Serialize;

use crate::failure::Failure;

/// A result, a [chunk](crate::Job::chunk) of one, or what is [published](crate::Job::publish).
///
/// The server says how large it may be (8 MiB by default); over that, the job fails with
/// `bad_result`.
#[derive(Clone, Debug)]
pub struct Reply {
    kind: Kind,
    bytes: Bytes,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The job's.
    Same,
    Typed(ContentType),
    /// A type over the limit; its length in bytes.
    TooLong(usize),
}

impl Reply {
    /// Raw bytes, `application/octet-stream`. A JSON client gets them as base64.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::of(ContentType::Octets, bytes)
    }

    /// Text, `text/plain`. A client gets it as a string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(ContentType::Text, text.into())
    }

    /// A value as JSON, which a client gets as that value.
    ///
    /// # Errors
    /// With code `bad_result` if the value cannot be written as JSON, such as a map whose keys
    /// are no strings.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(value).map_err(unwritable)?;
        Ok(Self::of(ContentType::Json, bytes))
    }

    /// A value as MessagePack, its structs as maps, which a MessagePack client gets as that
    /// value.
    ///
    /// # Errors
    /// With code `bad_result` if the value cannot be written as MessagePack.
    pub fn msgpack<T: Serialize + ?Sized>(value: &T) -> Result<Self, Failure> {
        let bytes = rmp_serde::to_vec_named(value).map_err(unwritable)?;
        Ok(Self::of(ContentType::MsgPack, bytes))
    }

    /// Bytes of any media type, such as `image/png`. The type has at most 128 bytes; with a
    /// longer one the job fails with `bad_result`.
    pub fn typed(content_type: &str, bytes: impl Into<Bytes>) -> Self {
        let kind =
            ContentType::parse(content_type).map_or(Kind::TooLong(content_type.len()), Kind::Typed);
        Self { kind, bytes: bytes.into() }
    }

    /// Bytes of the same type as the job's payload.
    pub fn same_type(bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Same, bytes: bytes.into() }
    }

    fn of(content_type: ContentType, bytes: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Typed(content_type), bytes: bytes.into() }
    }

    /// The body to send, if the server would take it. `what` names it in the failure.
    pub(crate) fn into_body(self, what: &str, max_body: usize) -> Result<Body, Failure> {
        let len = self.bytes.len();
        if len > max_body {
            return Err(bad_result(format_args!(
                "the {what} has {len} bytes, and the server takes at most {max_body}; send a \
                 smaller one, or raise the server's limit"
            )));
        }
        match self.kind {
            Kind::Same => Ok(Body::new(None, self.bytes)),
            Kind::Typed(content_type) => Ok(Body::new(Some(content_type), self.bytes)),
            Kind::TooLong(len) => Err(bad_result(format_args!(
                "the {what}'s content type has {len} bytes, over the limit of \
                 {CONTENT_TYPE_BYTES_MAX}"
            ))),
        }
    }

    /// The same with its type written out, for what is not about a job.
    pub(crate) fn with_type_of(mut self, content_type: &ContentType) -> Self {
        if matches!(self.kind, Kind::Same) {
            self.kind = Kind::Typed(content_type.clone());
        }
        self
    }
}

fn bad_result(message: impl std::fmt::Display) -> Failure {
    Failure::permanent(ServerFailCode::BadResult.as_str(), message)
}

fn unwritable(error: impl std::fmt::Display) -> Failure {
    bad_result(format_args!("the result cannot be written: {error}"))
}
