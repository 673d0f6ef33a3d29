//! What may be wrong with a record.

use crate::content::BadBody;
use crate::name::BadQueueName;

/// Why bytes are not the record that they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// The record ends inside a field.
    #[error("it ends inside a field")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("{0} bytes follow its last field")]
    Trailing(usize),
    /// A layout that this version of the program does not know.
    #[error("its layout is version {0}, which this program does not know")]
    Version(u8),
    /// A number does not fit its field.
    #[error("a number is too large for its field")]
    Number,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A field that is one of a few has a value that is none of them.
    #[error("its {field} is {value}, which means nothing")]
    Unknown {
        /// The field.
        field: &'static str,
        /// What stands there.
        value: u8,
    },
    /// A `traceparent` has ids of zero, or flags that mean nothing.
    #[error("its traceparent is none")]
    TraceParent,
    /// The name of the queue is none.
    #[error("its queue: {0}")]
    Queue(BadQueueName),
    /// A payload or result is not what its type says.
    #[error("its payload is {0}")]
    Payload(BadBody),
}
