//! Numbers, text and the types of the protocols that several records hold.

use bytes::Bytes;

use super::bad_record::BadRecord;
use crate::content::{ContentType, Payload};
use crate::id::{CorrelationId, JobId};
use crate::trace::TraceParent;

/// Appends fields to a record.
#[derive(Debug)]
pub struct Out<'a>(pub &'a mut Vec<u8>);

impl Out<'_> {
    /// One byte.
    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// A number, as LEB128.
    #[inline]
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(low_byte(number) | 0x80);
            number >>= 7;
        }
        self.0.push(low_byte(number));
    }

    /// A number that may be negative.
    #[inline]
    pub fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    /// The number of bytes, for those that follow.
    #[inline]
    pub fn len(&mut self, len: usize) {
        self.number(u64::try_from(len).unwrap_or(u64::MAX));
    }

    /// Bytes, after their number.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.rest(bytes);
    }

    /// A text, after the number of its bytes.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Bytes as they are: of a known number, or the last field of a record.
    #[inline]
    pub fn rest(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// 0 and the zigzag of an integer, or 1 and a text.
    pub fn id(&mut self, id: &CorrelationId) {
        match id {
            CorrelationId::Int(id) => {
                self.byte(0);
                self.signed(*id);
            }
            CorrelationId::Text(id) => {
                self.byte(1);
                self.text(id);
            }
        }
    }

    /// 0 for JSON, 1 MessagePack, 2 octets, 3 text, or 4 and the name of another type.
    pub fn content_type(&mut self, content_type: &ContentType) {
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
#[derive(Clone, Debug)]
pub struct In<'a>(pub &'a [u8]);

impl<'a> In<'a> {
    /// One byte.
    ///
    /// # Errors
    /// If there is none.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, BadRecord> {
        let (byte, rest) = self.0.split_first().ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// The version of a layout, of which one is known.
    ///
    /// # Errors
    /// If it is another.
    #[inline]
    pub fn version(&mut self, known: u8) -> Result<(), BadRecord> {
        let version = self.byte()?;
        if version == known { Ok(()) } else { Err(BadRecord::Version(version)) }
    }

    /// A number.
    ///
    /// # Errors
    /// If there is none, or one of more than 64 bits.
    #[inline]
    pub fn number(&mut self) -> Result<u64, BadRecord> {
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

    /// A number of 32 bits.
    ///
    /// # Errors
    /// If there is none, or one of more bits.
    #[inline]
    pub fn number_u32(&mut self) -> Result<u32, BadRecord> {
        u32::try_from(self.number()?).map_err(|_| BadRecord::Number)
    }

    /// A number that may be negative.
    ///
    /// # Errors
    /// If there is none, or one of more than 64 bits.
    #[inline]
    pub fn signed(&mut self) -> Result<i64, BadRecord> {
        let zigzag = self.number()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// So many bytes.
    ///
    /// # Errors
    /// If there are not as many.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], BadRecord> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// Bytes, after their number.
    ///
    /// # Errors
    /// If there are not as many.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], BadRecord> {
        let len = usize::try_from(self.number()?).map_err(|_| BadRecord::Truncated)?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(BadRecord::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// A text.
    ///
    /// # Errors
    /// If there is none, or it is not UTF-8.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, BadRecord> {
        std::str::from_utf8(self.bytes()?).map_err(|_| BadRecord::NotUtf8)
    }

    /// All that is left.
    #[inline]
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// If something is.
    pub fn end(&self) -> Result<(), BadRecord> {
        if self.0.is_empty() { Ok(()) } else { Err(BadRecord::Trailing(self.0.len())) }
    }

    /// A job's id.
    ///
    /// # Errors
    /// If there is none.
    #[inline]
    pub fn job(&mut self) -> Result<JobId, BadRecord> {
        Ok(JobId::from_bytes(self.array()?))
    }

    /// A span of a trace.
    ///
    /// # Errors
    /// If there is none.
    pub fn traceparent(&mut self) -> Result<Box<TraceParent>, BadRecord> {
        TraceParent::from_bytes(self.array()?).map(Box::new).ok_or(BadRecord::TraceParent)
    }

    /// A client's name for a job.
    ///
    /// # Errors
    /// If there is none.
    pub fn id(&mut self) -> Result<CorrelationId, BadRecord> {
        match self.byte()? {
            0 => Ok(CorrelationId::Int(self.signed()?)),
            1 => Ok(CorrelationId::Text(self.text()?.into())),
            value => Err(BadRecord::Unknown { field: "correlation id", value }),
        }
    }

    /// A media type.
    ///
    /// # Errors
    /// If there is none, or one that is too long.
    pub fn content_type(&mut self) -> Result<ContentType, BadRecord> {
        Ok(match self.byte()? {
            0 => ContentType::Json,
            1 => ContentType::MsgPack,
            2 => ContentType::Octets,
            3 => ContentType::Text,
            4 => ContentType::parse(self.text()?).ok_or(BadRecord::Number)?,
            value => return Err(BadRecord::Unknown { field: "content type", value }),
        })
    }

    /// A payload that takes all that is left, after a check that it is what it says.
    ///
    /// # Errors
    /// If there is none.
    pub fn payload(&mut self) -> Result<Payload, BadRecord> {
        let content_type = self.content_type()?;
        let bytes = Bytes::copy_from_slice(self.rest());
        Payload::new(content_type, bytes).map_err(BadRecord::Payload)
    }
}
