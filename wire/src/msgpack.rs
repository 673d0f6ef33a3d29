//! A reader of MessagePack that walks hostile bytes: it never allocates for a length that was
//! only announced, never recurses, and hands out slices.

use rmp::Marker;

use crate::limits::NESTING_MAX;

/// Why bytes are not the MessagePack that was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMsgPack {
    /// The bytes end inside a value.
    #[error("it ends inside a value")]
    Truncated,
    /// Bytes are left after the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// The marker 0xc1, which MessagePack never uses.
    #[error("0xc1 is no MessagePack")]
    Reserved,
    /// Nested too deep.
    #[error("nested deeper than {NESTING_MAX} levels")]
    TooDeep,
    /// A value of another type than expected.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A string that is not UTF-8.
    #[error("a string is not UTF-8")]
    NotUtf8,
}

/// That `bytes` are exactly one MessagePack value.
pub(crate) fn check(bytes: &[u8]) -> Result<(), BadMsgPack> {
    let mut reader = Reader::new(bytes);
    reader.skip()?;
    reader.end()
}

/// A position in MessagePack bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// A scalar that a protocol field may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    /// An integer above `i64::MAX`.
    BigInt(u64),
    Float(f64),
    Str(&'a str),
    /// A string that is not UTF-8.
    NotUtf8(&'a [u8]),
    Bin(&'a [u8]),
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn end(&self) -> Result<(), BadMsgPack> {
        if self.rest.is_empty() { Ok(()) } else { Err(BadMsgPack::Trailing(self.rest.len())) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], BadMsgPack> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(BadMsgPack::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadMsgPack> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(BadMsgPack::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn marker(&mut self) -> Result<Marker, BadMsgPack> {
        Ok(Marker::from_u8(u8::from_be_bytes(self.array()?)))
    }

    fn len8(&mut self) -> Result<usize, BadMsgPack> {
        Ok(u8::from_be_bytes(self.array()?).into())
    }

    fn len16(&mut self) -> Result<usize, BadMsgPack> {
        Ok(u16::from_be_bytes(self.array()?).into())
    }

    fn len32(&mut self) -> Result<usize, BadMsgPack> {
        // A length that does not fit can only be longer than what is there.
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| BadMsgPack::Truncated)
    }

    /// Passes one value and returns its bytes.
    pub(crate) fn skip(&mut self) -> Result<&'a [u8], BadMsgPack> {
        let start = self.rest;
        // Values that are still to pass, a level of nesting each.
        let mut open = [0_usize; NESTING_MAX + 1];
        let mut depth = 0;
        open[0] = 1;
        loop {
            while open[depth] == 0 {
                if depth == 0 {
                    return Ok(&start[..start.len() - self.rest.len()]);
                }
                depth -= 1;
            }
            open[depth] -= 1;
            let inner = self.skip_one()?;
            if let Some(inner) = inner {
                depth += 1;
                *open.get_mut(depth).ok_or(BadMsgPack::TooDeep)? = inner;
            }
        }
    }

    /// Passes one value however deep it is nested and returns its bytes: for a place where what is
    /// nested too deep may not hide where the next value begins.
    pub(crate) fn skip_any_depth(&mut self) -> Result<&'a [u8], BadMsgPack> {
        let start = self.rest;
        // Without levels, the values that are still to pass need only be counted.
        let mut open = 1_usize;
        while open > 0 {
            open -= 1;
            open = open.saturating_add(self.skip_one()?.unwrap_or(0));
        }
        Ok(&start[..start.len() - self.rest.len()])
    }

    /// Passes a scalar, or the header of a map or array: then the number of values inside.
    fn skip_one(&mut self) -> Result<Option<usize>, BadMsgPack> {
        let bytes = match self.marker()? {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
                0
            }
            Marker::Reserved => return Err(BadMsgPack::Reserved),
            Marker::U8 | Marker::I8 => 1,
            Marker::U16 | Marker::I16 => 2,
            Marker::U32 | Marker::I32 | Marker::F32 => 4,
            Marker::U64 | Marker::I64 | Marker::F64 => 8,
            Marker::FixStr(len) => len.into(),
            Marker::Str8 | Marker::Bin8 => self.len8()?,
            Marker::Str16 | Marker::Bin16 => self.len16()?,
            Marker::Str32 | Marker::Bin32 => self.len32()?,
            // An extension has a byte of type before its data.
            Marker::FixExt1 => 2,
            Marker::FixExt2 => 3,
            Marker::FixExt4 => 5,
            Marker::FixExt8 => 9,
            Marker::FixExt16 => 17,
            Marker::Ext8 => self.len8()? + 1,
            Marker::Ext16 => self.len16()? + 1,
            Marker::Ext32 => self.len32()?.saturating_add(1),
            Marker::FixArray(len) => return Ok(Some(len.into())),
            Marker::Array16 => return Ok(Some(self.len16()?)),
            Marker::Array32 => return Ok(Some(self.len32()?)),
            Marker::FixMap(len) => return Ok(Some(usize::from(len) * 2)),
            Marker::Map16 => return Ok(Some(self.len16()? * 2)),
            Marker::Map32 => return Ok(Some(self.len32()?.saturating_mul(2))),
        };
        self.take(bytes)?;
        Ok(None)
    }

    /// Whether the next value is an array; if so, its header is passed and its length returned.
    pub(crate) fn try_array(&mut self) -> Result<Option<usize>, BadMsgPack> {
        let before = self.rest;
        let len = match self.marker()? {
            Marker::FixArray(len) => len.into(),
            Marker::Array16 => self.len16()?,
            Marker::Array32 => self.len32()?,
            _ => {
                self.rest = before;
                return Ok(None);
            }
        };
        Ok(Some(len))
    }

    /// Passes the header of a map and returns how many pairs it holds.
    pub(crate) fn map(&mut self) -> Result<usize, BadMsgPack> {
        match self.marker()? {
            Marker::FixMap(len) => Ok(len.into()),
            Marker::Map16 => self.len16(),
            Marker::Map32 => self.len32(),
            _ => Err(BadMsgPack::Expected("a map")),
        }
    }

    /// Reads a string.
    pub(crate) fn str(&mut self) -> Result<&'a str, BadMsgPack> {
        match self.scalar()? {
            Scalar::Str(text) => Ok(text),
            Scalar::NotUtf8(_) => Err(BadMsgPack::NotUtf8),
            _ => Err(BadMsgPack::Expected("a string")),
        }
    }

    /// Reads a scalar; a map, an array or an extension is refused.
    pub(crate) fn scalar(&mut self) -> Result<Scalar<'a>, BadMsgPack> {
        Ok(match self.marker()? {
            Marker::Null => Scalar::Nil,
            Marker::True => Scalar::Bool(true),
            Marker::False => Scalar::Bool(false),
            Marker::FixPos(n) => Scalar::Int(n.into()),
            Marker::FixNeg(n) => Scalar::Int(n.into()),
            Marker::U8 => Scalar::Int(u8::from_be_bytes(self.array()?).into()),
            Marker::U16 => Scalar::Int(u16::from_be_bytes(self.array()?).into()),
            Marker::U32 => Scalar::Int(u32::from_be_bytes(self.array()?).into()),
            Marker::U64 => {
                let n = u64::from_be_bytes(self.array()?);
                i64::try_from(n).map_or(Scalar::BigInt(n), Scalar::Int)
            }
            Marker::I8 => Scalar::Int(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Scalar::Int(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Scalar::Int(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Scalar::Int(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Scalar::Float(f32::from_be_bytes(self.array()?).into()),
            Marker::F64 => Scalar::Float(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(len) => self.text(len.into())?,
            Marker::Str8 => {
                let len = self.len8()?;
                self.text(len)?
            }
            Marker::Str16 => {
                let len = self.len16()?;
                self.text(len)?
            }
            Marker::Str32 => {
                let len = self.len32()?;
                self.text(len)?
            }
            Marker::Bin8 => {
                let len = self.len8()?;
                Scalar::Bin(self.take(len)?)
            }
            Marker::Bin16 => {
                let len = self.len16()?;
                Scalar::Bin(self.take(len)?)
            }
            Marker::Bin32 => {
                let len = self.len32()?;
                Scalar::Bin(self.take(len)?)
            }
            Marker::Reserved => return Err(BadMsgPack::Reserved),
            _ => return Err(BadMsgPack::Expected("a string, a number, a boolean or bytes")),
        })
    }

    fn text(&mut self, len: usize) -> Result<Scalar<'a>, BadMsgPack> {
        let bytes = self.take(len)?;
        Ok(std::str::from_utf8(bytes).map_or(Scalar::NotUtf8(bytes), Scalar::Str))
    }
}

/// Appends MessagePack to a buffer. Writing to memory cannot fail, so nothing here does.
pub(crate) mod write {
    use rmp::encode::{
        ByteBuf, write_array_len, write_bin, write_f64, write_map_len, write_nil, write_sint,
        write_str, write_uint,
    };

    /// The buffer that everything is appended to.
    pub(crate) type Buffer = ByteBuf;

    /// A write into memory has no way to fail; this says so in one place.
    fn sure<T, E>(result: Result<T, E>) {
        debug_assert!(result.is_ok(), "a write into memory failed");
    }

    pub(crate) fn map(out: &mut Buffer, pairs: u32) {
        sure(write_map_len(out, pairs));
    }

    pub(crate) fn array(out: &mut Buffer, items: u32) {
        sure(write_array_len(out, items));
    }

    pub(crate) fn str(out: &mut Buffer, text: &str) {
        sure(write_str(out, text));
    }

    pub(crate) fn bin(out: &mut Buffer, bytes: &[u8]) {
        sure(write_bin(out, bytes));
    }

    pub(crate) fn uint(out: &mut Buffer, n: u64) {
        sure(write_uint(out, n));
    }

    pub(crate) fn int(out: &mut Buffer, n: i64) {
        sure(write_sint(out, n));
    }

    pub(crate) fn bool(out: &mut Buffer, value: bool) {
        sure(rmp::encode::write_bool(out, value));
    }

    pub(crate) fn nil(out: &mut Buffer) {
        sure(write_nil(out));
    }

    /// A number, as an integer where it is one.
    pub(crate) fn number(out: &mut Buffer, n: f64) {
        match crate::number::whole(n) {
            Some(whole) => int(out, whole),
            None => float(out, n),
        }
    }

    pub(crate) fn float(out: &mut Buffer, n: f64) {
        sure(write_f64(out, n));
    }

    /// Bytes that are MessagePack already.
    pub(crate) fn raw(out: &mut Buffer, value: &[u8]) {
        out.as_mut_vec().extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_passed_whole() {
        let bytes = [0x93, 0x01, 0x82, 0xa1, b'a', 0xc0, 0xa1, b'b', 0xc4, 1, 7, 0xd4, 5, 6, 0xff];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.skip(), Ok(&bytes[..14]));
        assert_eq!(reader.end(), Err(BadMsgPack::Trailing(1)));
    }

    #[test]
    fn announced_lengths_cost_nothing() {
        assert_eq!(check(&[0xdd, 0xff, 0xff, 0xff, 0xff]), Err(BadMsgPack::Truncated));
        assert_eq!(check(&[0xc6, 0xff, 0xff, 0xff, 0xff, 1]), Err(BadMsgPack::Truncated));
        assert_eq!(check(&[0xdf, 0xff, 0xff, 0xff, 0xff]), Err(BadMsgPack::Truncated));
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |n: usize| {
            let mut bytes = vec![0x91; n];
            bytes.push(0xc0);
            bytes
        };
        assert_eq!(check(&nested(NESTING_MAX)), Ok(()));
        assert_eq!(check(&nested(NESTING_MAX + 1)), Err(BadMsgPack::TooDeep));
        let deep = nested(1_000_000);
        assert_eq!(check(&deep), Err(BadMsgPack::TooDeep));
        assert_eq!(Reader::new(&deep).skip_any_depth(), Ok(&deep[..]));
        assert_eq!(Reader::new(&deep[..9]).skip_any_depth(), Err(BadMsgPack::Truncated));
    }

    #[test]
    fn leftovers_are_named() {
        assert_eq!(check(&[0xc0, 0xc0, 0xc0]), Err(BadMsgPack::Trailing(2)));
        assert_eq!(check(&[0xc1]), Err(BadMsgPack::Reserved));
        assert_eq!(check(&[]), Err(BadMsgPack::Truncated));
    }
}
