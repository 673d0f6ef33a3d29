//! Numbers, text and the types of the protocol that several records hold.

use acequia_wire::{
    BadBody, BadQueueName, ContentType, CorrelationId, JobId, Payload, TraceParent,
};
use bytes::Bytes;

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

/// Appends fields to a record.
pub(super) struct Out<'a>(pub(super) &'a mut Vec<u8>);

impl Out<'_> {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(low_byte(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low_byte(number));
    }

    fn len(&mut self, len: usize) {
        self.number(u64::try_from(len).unwrap_or(u64::MAX));
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.rest(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// The last field of a record needs no length.
    pub(super) fn rest(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// 0 and the zigzag of an integer, or 1 and a text.
    pub(super) fn id(&mut self, id: &CorrelationId) {
        match id {
            CorrelationId::Int(id) => {
                self.byte(0);
                self.number(((id << 1) ^ (id >> 63)).cast_unsigned());
            }
            CorrelationId::Text(id) => {
                self.byte(1);
                self.text(id);
            }
        }
    }

    /// 0 for JSON, 1 MessagePack, 2 octets, 3 text, or 4 and the name of another type.
    pub(super) fn content_type(&mut self, content_type: &ContentType) {
        match content_type {
            ContentType::Json => self.byte(0),
            ContentType::MsgPack => self.byte(1),
            ContentType::Octets => self.byte(2),
            ContentType::Text => self.byte(3),
            ContentType::Other(name) => {
                self.byte(4);
                self.text(name);
            }
        }
    }
}

/// The lowest eight bits.
fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// Takes fields off a record.
#[derive(Clone)]
pub(super) struct In<'a>(pub(super) &'a [u8]);

impl<'a> In<'a> {
    pub(super) fn byte(&mut self) -> Result<u8, BadRecord> {
        let (byte, rest) = self.0.split_first().ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(super) fn version(&mut self, known: u8) -> Result<(), BadRecord> {
        let version = self.byte()?;
        if version == known { Ok(()) } else { Err(BadRecord::Version(version)) }
    }

    pub(super) fn number(&mut self) -> Result<u64, BadRecord> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(BadRecord::Number);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BadRecord::Number)
    }

    pub(super) fn number_u32(&mut self) -> Result<u32, BadRecord> {
        u32::try_from(self.number()?).map_err(|_| BadRecord::Number)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], BadRecord> {
        let len = usize::try_from(self.number()?).map_err(|_| BadRecord::Truncated)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, BadRecord> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BadRecord::NotUtf8)
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(super) fn end(&self) -> Result<(), BadRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(BadRecord::Trailing(self.0.len())) }
    }

    pub(super) fn job(&mut self) -> Result<JobId, BadRecord> {
        let (id, rest) = self.0.split_first_chunk().ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        Ok(JobId::from_bytes(*id))
    }

    pub(super) fn traceparent(&mut self) -> Result<Box<TraceParent>, BadRecord> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        TraceParent::from_bytes(*bytes).map(Box::new).ok_or(BadRecord::TraceParent)
    }

    pub(super) fn id(&mut self) -> Result<CorrelationId, BadRecord> {
        match self.byte()? {
            0 => {
                let zigzag = self.number()?;
                let id = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
                Ok(CorrelationId::Int(id))
            }
            1 => Ok(CorrelationId::Text(self.text()?.into())),
            value => Err(BadRecord::Unknown { field: "correlation id", value }),
        }
    }

    pub(super) fn content_type(&mut self) -> Result<ContentType, BadRecord> {
        Ok(match self.byte()? {
            0 => ContentType::Json,
            1 => ContentType::MsgPack,
            2 => ContentType::Octets,
            3 => ContentType::Text,
            4 => ContentType::parse(self.text()?).ok_or(BadRecord::Number)?,
            value => return Err(BadRecord::Unknown { field: "content type", value }),
        })
    }

    /// A payload that takes all that is left.
    pub(super) fn payload(&mut self) -> Result<Payload, BadRecord> {
        let content_type = self.content_type()?;
        let bytes = Bytes::copy_from_slice(self.rest());
        Payload::new(content_type, bytes).map_err(BadRecord::Payload)
    }
}
