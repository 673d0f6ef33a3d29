//! Payloads and ids as values inside an event or an op.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::content::{ContentType, Payload};
use crate::id::CorrelationId;
use crate::msgpack::write::{self, Buffer};
use crate::transcode::json_as_msgpack;

/// Appends `text` as a JSON string.
pub(super) fn json_str(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            // Writing into a string cannot fail.
            _ => _ = write!(out, "\\u{byte:04x}"),
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Appends a correlation id.
pub(super) fn json_id(out: &mut String, id: &CorrelationId) {
    match id {
        CorrelationId::Int(id) => out.push_str(itoa::Buffer::new().format(*id)),
        CorrelationId::Text(id) => json_str(out, id),
    }
}

/// Appends a payload: JSON as it is, text as a string, other bytes as `{"$base64": "…"}`.
pub(super) fn json_payload(out: &mut String, payload: &Payload) {
    let bytes = payload.bytes();
    let text = match payload.content_type() {
        ContentType::Json => Some((true, std::str::from_utf8(bytes))),
        other if other.is_text() => Some((false, std::str::from_utf8(bytes))),
        _ => None,
    };
    match text {
        Some((true, Ok(json))) => out.push_str(json),
        Some((false, Ok(text))) => json_str(out, text),
        // Also what claims to be text and is not UTF-8.
        _ => {
            out.push_str("{\"$base64\":\"");
            STANDARD.encode_string(bytes, out);
            out.push_str("\"}");
        }
    }
}

/// Appends a correlation id.
pub(super) fn msgpack_id(out: &mut Buffer, id: &CorrelationId) {
    match id {
        CorrelationId::Int(id) => write::int(out, *id),
        CorrelationId::Text(id) => write::str(out, id),
    }
}

/// Appends a payload: MessagePack as it is, JSON as the same value in MessagePack, text as a
/// string, other bytes as `bin`.
pub(super) fn msgpack_payload(out: &mut Buffer, payload: &Payload) {
    let bytes = payload.bytes();
    match payload.content_type() {
        ContentType::MsgPack => write::raw(out, bytes),
        ContentType::Json => match std::str::from_utf8(bytes).ok().and_then(json_as_msgpack) {
            Some(value) => write::raw(out, &value),
            None => write::bin(out, bytes),
        },
        other if other.is_text() => match std::str::from_utf8(bytes) {
            Ok(text) => write::str(out, text),
            Err(_) => write::bin(out, bytes),
        },
        _ => write::bin(out, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_does() {
        for text in ["", "plain", "q\"b\\s/", "\u{0}\u{1f}\n\r\t", "grüße 🚰", "\u{7f}\u{2028}"]
        {
            let mut out = String::new();
            json_str(&mut out, text);
            assert_eq!(serde_json::from_str::<String>(&out).expect("JSON"), text);
        }
    }
}
