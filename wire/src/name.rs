//! Queue names.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use crate::limits::QUEUE_NAME_BYTES_MAX;

/// The name of a queue: 1 to 64 bytes of `[A-Za-z0-9._-]`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueName(Arc<str>);

static DEFAULT: LazyLock<QueueName> = LazyLock::new(|| QueueName("default".into()));

impl QueueName {
    /// Whether both are copies of the same one, which is known at once.
    pub fn is_copy_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for QueueName {
    /// `default`, where jobs and workers go that name no queue.
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl FromStr for QueueName {
    type Err = BadQueueName;

    fn from_str(name: &str) -> Result<Self, BadQueueName> {
        if name == "default" {
            return Ok(Self::default());
        }
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if name.is_empty() || name.len() > QUEUE_NAME_BYTES_MAX || !name.bytes().all(good) {
            return Err(BadQueueName { bytes: name.len() });
        }
        Ok(Self(name.into()))
    }
}

// Hash and Eq of `QueueName` are those of its text, so a map can be searched by `&str`.
impl Borrow<str> for QueueName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl serde::Serialize for QueueName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for QueueName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(|bad| serde::de::Error::custom(format!("{text:?}: {bad}")))
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A text that is no queue name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a queue name is 1 to {QUEUE_NAME_BYTES_MAX} bytes of [A-Za-z0-9._-]; this one has {bytes} bytes or another character"
)]
pub struct BadQueueName {
    bytes: usize,
}
