//! A payload that is text.

use acequia_wire::ContentType;

use super::bad_input::bad_input;
use crate::failure::Failure;
use crate::job::Job;

/// The payload as text: a string of JSON or MessagePack, or else UTF-8.
pub(super) fn text(job: &Job) -> Result<String, Failure> {
    match job.content_type() {
        ContentType::Json => job.json(),
        ContentType::MsgPack => job.msgpack(),
        _ => utf8(job).map(str::to_owned),
    }
}

/// The bytes of the payload, taken for UTF-8.
pub(super) fn utf8(job: &Job) -> Result<&str, Failure> {
    std::str::from_utf8(job.payload())
        .map_err(|error| bad_input(format_args!("the payload is not UTF-8: {error}")))
}
