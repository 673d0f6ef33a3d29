//! Text in upper case, wherever a payload holds it.

use acequia_wire::ContentType;
use bytes::Bytes;

use super::text::utf8;
use super::value::Value;
use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;

/// The payload with its text in upper case, of the same type.
///
/// In JSON and MessagePack every string in it is changed, however deep; keys stay as they are,
/// for they are names. Anything else is taken for text in UTF-8.
///
/// # Errors
/// With code `bad_input` if the payload is not what its type says, or not UTF-8.
pub fn upper(job: &Job) -> Result<Reply, Failure> {
    match job.content_type() {
        ContentType::Json => Reply::json(&job.json::<Value>()?.map_text(&str::to_uppercase)),
        ContentType::MsgPack => {
            Reply::msgpack(&job.msgpack::<Value>()?.map_text(&str::to_uppercase))
        }
        _ => Ok(Reply::same_type(Bytes::from(utf8(job)?.to_uppercase()))),
    }
}
