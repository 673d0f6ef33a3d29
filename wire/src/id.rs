//! The names of things on the wire: jobs, lanes and the client's own correlation ids.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

/// A job: a UUID v7, made by the server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Uuid);

impl JobId {
    /// A new id, unique across servers and restarts.
    pub fn now() -> Self {
        Self(Uuid::now_v7())
    }

    /// The sixteen bytes of the worker protocol's `id` frame.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id that stands in a worker protocol's `id` frame.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The id as text, `xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx`, written into `buffer`.
    pub(crate) fn encode<'a>(&self, buffer: &'a mut [u8; 36]) -> &'a str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl JobId {
    /// When the id was made, in milliseconds since 1970; 0 if it is none that a server made.
    pub fn submitted_ms(&self) -> u64 {
        let at = self.0.get_timestamp().map(|at| at.to_unix());
        at.map_or(0, |(s, ns)| s.saturating_mul(1_000).saturating_add(u64::from(ns / 1_000_000)))
    }
}

impl FromStr for JobId {
    type Err = BadJobId;

    fn from_str(text: &str) -> Result<Self, BadJobId> {
        Uuid::try_parse(text).map(Self).map_err(|_| BadJobId)
    }
}

/// A text that is no job id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job id is a UUID, such as 01938c2e-7a3b-7c4d-9e5f-60718293a4b5")]
pub struct BadJobId;

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A lane: sixteen random bytes, made by the server for each jobs connection.
///
/// It binds a worker's results connection to its jobs connection, so it is as good as a secret
/// and is never shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneId([u8; 16]);

impl LaneId {
    /// The id that stands in an `id` frame.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes of the `id` frame.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for LaneId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaneId(…)")
    }
}

/// The client's own name for a job: an integer of 64 bits or a string.
///
/// Cheap to clone, since each event of the job carries it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CorrelationId {
    /// An integer.
    Int(i64),
    /// A string of at most [`CORRELATION_ID_BYTES_MAX`](crate::limits::CORRELATION_ID_BYTES_MAX)
    /// bytes.
    Text(Arc<str>),
}

impl serde::Serialize for CorrelationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(id) => serializer.serialize_i64(*id),
            Self::Text(id) => serializer.serialize_str(id),
        }
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(id) => write!(f, "{id}"),
            Self::Text(id) => write!(f, "{id:?}"),
        }
    }
}
