//! What clients and workers give to be carried.
//!
//! ```text
//!  payload   type │ bytes
//!  body      flags: 1 it declares a type, 2 it is not what it says │ type? │ bytes
//! ```
//!
//! Whoever sends one has looked at it, so whoever reads it need not.

use acequia_wire::record::{BadRecord, In};
use acequia_wire::{Body, Payload};

use super::encoder::Encoder;
use super::source::{Frame, Source};

mod flag {
    pub(super) const DECLARED: u8 = 1;
    pub(super) const UNCHECKED: u8 = 1 << 1;
    pub(super) const ALL: u8 = DECLARED | UNCHECKED;
}

pub(super) fn put_payload(payload: &Payload, to: &mut Encoder) {
    to.out().content_type(payload.content_type());
    to.bytes(payload.bytes());
}

pub(super) fn take_payload(from: &mut Source<'_>) -> Result<Payload, BadRecord> {
    take_payload_of(from.frame, &mut from.fields)
}

/// The same, from fields of a frame.
pub(super) fn take_payload_of(frame: &Frame, fields: &mut In<'_>) -> Result<Payload, BadRecord> {
    let content_type = fields.content_type()?;
    Ok(Payload::of_checked(content_type, frame.keep(fields.bytes()?)))
}

pub(super) fn put_body(body: &Body, to: &mut Encoder) {
    let declared = if body.declared().is_some() { flag::DECLARED } else { 0 };
    let unchecked = if body.is_checked() { 0 } else { flag::UNCHECKED };
    to.out().byte(declared | unchecked);
    if let Some(declared) = body.declared() {
        to.out().content_type(declared);
    }
    to.bytes(body.bytes());
}

pub(super) fn take_body(from: &mut Source<'_>) -> Result<Body, BadRecord> {
    let flags = from.fields.byte()?;
    if flags & !flag::ALL != 0 {
        return Err(BadRecord::Unknown { field: "flags", value: flags });
    }
    let is_declared = flags & flag::DECLARED != 0;
    let declared = is_declared.then(|| from.fields.content_type()).transpose()?;
    let bytes = from.frame.keep(from.fields.bytes()?);
    // What is wrong with it is found out again, to be told.
    let of = if flags & flag::UNCHECKED == 0 { Body::of_checked } else { Body::new };
    Ok(of(declared, bytes))
}
